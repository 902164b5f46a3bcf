"""Every message of the table: to bytes and back, and the payloads that are refused."""

from dual_runtime import peer_reason, raised
from joulestream import messages
from joulestream.channel import CERTIFICATE_SIZE
from joulestream.errors import UNKNOWN_VERSION, LocalError, MalformedError
from joulestream.fields import BYTES, UINT, size_of
from joulestream.framing import MAX_PAYLOAD
from joulestream.messages import (
    EITHER,
    MESSAGES,
    PAYEE,
    PAYER,
    VERSION,
    Message,
    decode,
    encode,
    make,
    signed_body,
)
from joulestream.testkit.random import Random

# number: (sender, answer's number, size of the payload)
WIRE = {
    0x01: (PAYER, 0x02, 82),
    0x02: (PAYEE, None, 413),
    0x03: (PAYER, 0x05, 109),
    0x04: (PAYER, 0x10, 530),
    0x05: (PAYEE, None, 13),
    0x10: (PAYEE, 0x11, 19),
    0x11: (PAYER, None, 77),
    0x12: (PAYEE, 0x13, 83),
    0x13: (PAYER, None, 19),
    0x14: (PAYEE, None, 17),
    0x15: (PAYER, 0x16, 442),
    0x16: (PAYEE, None, 21),
    0x20: (EITHER, 0x21, 18),
    0x21: (PAYEE, 0x22, 114),
    0x22: (PAYER, None, 5),
}


def sample(number, integer, random):
    """Return message `number` with `integer(size)` in each integer field."""
    values = {}
    for name, size, kind in MESSAGES[number][3].LAYOUT:
        values[name] = integer(size) if kind == UINT else random.bytes(size)
    if "version" in values:
        values["version"] = VERSION
    return make(number, **values)


def fields_of(message):
    return [getattr(message, name) for name, _, _ in MESSAGES[message.number][3].LAYOUT]


def test_numbers_and_sizes_on_the_wire():
    random = Random(1)
    assert sorted(MESSAGES) == sorted(WIRE)
    for number in WIRE:
        sender, answer, size = WIRE[number]
        assert MESSAGES[number][1:3] == (sender, answer), number
        assert len(encode(sample(number, lambda size: 0, random))) == size, number
        assert size <= MAX_PAYLOAD


def test_round_trip():
    random = Random(2)
    for number in MESSAGES:
        for integer in (
            lambda size: 0,
            lambda size: 1,
            lambda size: (1 << 8 * size) - 1,
            lambda size: int.from_bytes(random.bytes(size), "big"),
        ):
            message = sample(number, integer, random)
            payload = encode(message)
            for kind in (bytes, bytearray, lambda data: memoryview(bytearray(data))):
                decoded = decode(kind(payload))
                assert decoded.number == number
                assert fields_of(decoded) == fields_of(message), number
                assert encode(decoded) == payload


def test_integers_are_big_endian_and_in_order():
    payload = encode(messages.Invoice(sequence=1, energy_mwh=2, amount_due=3))
    assert payload == b"\x10" + b"\0\0\0\1" + b"\0\0\0\0\0\2" + b"\0\0\0\0\0\0\0\3"
    stop = messages.Stop(reason=0x41, payer_nonce=b"n" * 16)
    assert encode(stop) == b"\x20\x41" + b"n" * 16


def test_decoded_bytes_outlive_the_buffer():
    buffer = bytearray(encode(messages.Renew(certificate=b"\7" * CERTIFICATE_SIZE)))
    message = decode(memoryview(buffer))
    buffer[:] = bytes(len(buffer))
    assert message.certificate == b"\7" * CERTIFICATE_SIZE


def test_every_unknown_number():
    for number in range(256):
        if number not in MESSAGES:
            for size in (0, 1, 76, 380):
                assert isinstance(raised(decode, bytes([number]) + bytes(size)), MalformedError)
            unknown = Message()
            unknown.number = number
            assert isinstance(raised(encode, unknown), LocalError)


def test_every_wrong_length():
    random = Random(3)
    for number in MESSAGES:
        payload = bytes(encode(sample(number, lambda size: 5, random)))
        for size in range(1, len(payload)):
            error = raised(decode, payload[:size])
            assert isinstance(error, MalformedError), (number, size)
        for more in (1, 2, 100):
            assert isinstance(raised(decode, payload + bytes(more)), MalformedError)
    for number in MESSAGES:
        assert isinstance(raised(decode, bytes([number])), MalformedError)


def test_fields_out_of_range():
    random = Random(4)
    for number in MESSAGES:
        for name, size, kind in MESSAGES[number][3].LAYOUT:
            if kind == UINT:
                wrong = (-1, 1 << 8 * size)
            else:
                wrong = (bytes(size - 1), bytes(size + 1), b"")
            for value in wrong:
                message = sample(number, lambda size: 0, random)
                setattr(message, name, value)
                error = raised(encode, message)
                assert isinstance(error, LocalError) and name in str(error), (number, name)


def test_unknown_versions_whatever_the_length():
    random = Random(5)
    for number in (messages.HELLO, messages.OFFER):
        payload = bytearray(encode(sample(number, lambda size: 0, random)))
        assert payload[1] == VERSION
        for version in (0, VERSION + 1, 255):
            payload[1] = version
            least = 2 + 16 if number == messages.HELLO else 2
            for data in (payload, payload[:least], payload + bytes(40)):
                assert peer_reason(decode, data) == UNKNOWN_VERSION
            assert isinstance(raised(decode, payload[: least - 1]), MalformedError)


def test_stop_is_the_same_in_all_versions():
    layout = (("reason", 1, UINT), ("payer_nonce", 16, BYTES))
    assert MESSAGES[messages.STOP][3].LAYOUT == layout
    assert messages.STOP == 0x20
    for reason in range(256):
        stop = decode(bytes([0x20, reason]) + b"n" * 16)
        assert (stop.reason, stop.payer_nonce) == (reason, b"n" * 16)


def test_random_bytes_are_refused_or_a_message():
    random = Random(6)
    numbers = sorted(MESSAGES)
    for turn in range(300):
        data = bytearray(random.bytes(1 + random.below(MAX_PAYLOAD)))
        if turn % 2:
            data[0] = numbers[random.below(len(numbers))]
        if len(data) == WIRE.get(data[0], (0, 0, 0))[2]:
            continue
        error = raised(decode, data)
        unknown = data[0] in (messages.HELLO, messages.OFFER)
        assert isinstance(error, MalformedError) or (
            unknown and getattr(error, "reason", 0) == UNKNOWN_VERSION
        )


def test_signed_parts_are_the_message_without_its_signature():
    random = Random(7)
    for number in (messages.OFFER, messages.TARIFF, messages.RECEIPT):
        message = sample(number, lambda size: 7, random)
        body = signed_body(message)
        assert bytes(encode(message)) == bytes([number]) + body + message.signature
        message.signature = bytes(64)
        assert signed_body(message) == body


def test_records_are_refused_unless_their_length_is_exact():
    random = Random(8)
    for number in MESSAGES:
        message = sample(number, lambda size: 7, random)
        record, data = MESSAGES[number][3], message.to_bytes()
        assert record.from_bytes(data).to_bytes() == data
        assert isinstance(raised(record.from_bytes, data + b"\0"), MalformedError)
        assert isinstance(raised(record.from_bytes, data[:-1]), MalformedError)


def test_field_names_and_kinds():
    for number in MESSAGES:
        layout = MESSAGES[number][3].LAYOUT
        names = [name for name, _, _ in layout]
        assert len(set(names)) == len(names)
        assert 1 + size_of(layout) == WIRE[number][2]
        for name, size, kind in layout:
            assert kind in (UINT, BYTES)
            if kind == UINT:
                assert size in (1, 4, 6, 8), (name, size)
