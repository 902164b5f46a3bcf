"""protocol.json on both runtimes: against the code, and against the rules written out again.

The right COBS, CRC-32, layout or signed text is computed here in the plainest way from
docs/protocol.md, so that a mistake in the code under test cannot hide in vectors made by it.
"""

from binascii import crc32, hexlify
from hashlib import sha256

from dual_runtime import load_section, raised
from joulestream import messages
from joulestream.channel import Certificate, Claim, Terms, claim_reason, genuine_reason
from joulestream.errors import MalformedError, PeerError
from joulestream.framing import MAX_FRAME, MAX_PAYLOAD, Decoder, encode
from joulestream.link.isotp import IsoTp
from joulestream.messages import (
    MESSAGES,
    PAYEE,
    PAYER,
    make,
)
from joulestream.session import CLOSED, OPEN, ProtocolSession
from joulestream.signing import Signer, public_key, verify
from joulestream.tariff import Tariff
from joulestream.units import float32_scaled, float32_step, ticks_diff

TERMS_SIZE = 1 + 8 + 32 + 32 + 8 + 32 + 32 + 32 + 32 + 4 + 16
SESSION_PARTS = 16 + 16 + 32 + 32 + 32
# signed text: (type number, total size)
SIGNED = {
    "accept": (1, 5 + SESSION_PARTS + 32 + 4 + 437 + 8 + 8 + 4 + 4),
    "offer": (2, 5 + SESSION_PARTS + 348),
    "tariff": (3, 5 + SESSION_PARTS + 4 + 14),
    "receipt": (4, 5 + SESSION_PARTS + 4 + 45),
    "time": (6, 5 + 16 + 32 + 8),
}


def vectors(name):
    return load_section("protocol.json", name)


def unhex(text):
    return bytes.fromhex(text)


def plain_crc(data):
    """CRC-32 of IEEE 802.3, bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xEDB88320 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def plain_stuff(data):
    """COBS as its paper has it, byte by byte."""
    out = bytearray([0])
    code_at = 0
    code = 1
    for at, byte in enumerate(data):
        if byte:
            out.append(byte)
            code += 1
        if not byte or (code == 255 and at + 1 < len(data)):
            out[code_at] = code
            code_at = len(out)
            out.append(0)
            code = 1
    out[code_at] = code
    return bytes(out)


def plain_bytes(fields):
    """Concatenate [name, size, kind, value] rows, integers big-endian."""
    out = b""
    for _, size, kind, value in fields:
        if kind == "uint":
            number = int(value)
            digits = []
            for _ in range(size):
                digits.append(number % 256)
                number //= 256
            assert number == 0
            out += bytes(reversed(digits))
        else:
            assert len(value) == 2 * size
            out += unhex(value)
    return out


def values_of(fields):
    return {
        name: int(value) if kind == "uint" else unhex(value) for name, _, kind, value in fields
    }


def key_of(role):
    key = vectors("keys")[role]
    return unhex(key["seed"]), unhex(key["public_key"])


def test_keys():
    for role in ("pole", "vehicle", "issuer"):
        seed, public = key_of(role)
        assert public_key(seed) == public


def test_crc_check_value():
    assert plain_crc(b"123456789") == crc32(b"123456789") == 0xCBF43926


def test_frames():
    longest = 0
    for case in vectors("frames"):
        payload = unhex(case["payload"])
        frame = unhex(case["frame"])
        assert frame == plain_stuff(payload + plain_crc(payload).to_bytes(4, "big")) + b"\0"
        out = bytearray(MAX_FRAME)
        size = encode(payload, out)
        assert out[:size] == frame
        got = []
        Decoder(lambda data, got=got: got.append(bytes(data))).feed(bytearray(frame), len(frame))
        assert got == [payload]
        longest = max(longest, len(payload))
    assert longest == MAX_PAYLOAD == 560


def test_a_receiver_takes_an_empty_block_after_a_full_one():
    for case in vectors("frames_with_an_empty_block"):
        frame = unhex(case["frame"])
        got = []
        Decoder(lambda data, got=got: got.append(bytes(data))).feed(bytearray(frame), len(frame))
        assert got == [unhex(case["payload"])]


def test_can_messages():
    for case in vectors("can_messages"):
        message = unhex(case["payload"])
        message += crc32(message).to_bytes(4, "big")
        came = []
        wires = [[], []]
        ends = [
            IsoTp(
                lambda frame, size, wire=wire: wire.append(bytes(frame[:size])) is None,
                lambda: None,
                lambda data, came=came: came.append(bytes(data)),
                case["block_size"],
            )
            for wire in wires
        ]
        ends[0].send(message)
        sent = [[], []]
        for now_ms in range(400):
            for end in ends:
                end.step(now_ms)
            for wire, log, receiver in (
                (wires[0], sent[0], ends[1]),
                (wires[1], sent[1], ends[0]),
            ):
                while wire:
                    log.append(wire.pop(0))
                    receiver.receive(log[-1], len(log[-1]), now_ms)
        assert came == [message], case
        assert [hexlify(frame).decode() for frame in sent[0]] == case["frames"]
        assert [hexlify(frame).decode() for frame in sent[1]] == case["grants"]


def test_bad_frames():
    counters = ("bad_cobs", "bad_crc", "oversized")
    good = unhex(vectors("frames")[0]["frame"])
    for case in vectors("bad_frames"):
        got = []
        decoder = Decoder(lambda data, got=got: got.append(bytes(data)))
        data = bytearray(unhex(case["bytes"]))
        decoder.feed(data, len(data))
        counted = [getattr(decoder, name) for name in counters]
        assert got == [] and counted == [int(name == case["counter"]) for name in counters], case
        decoder.feed(bytearray(good), len(good))
        assert got == [unhex(vectors("frames")[0]["payload"])], case


def test_malformed_payloads_are_no_messages():
    for case in vectors("malformed"):
        for role in (PAYEE, PAYER):
            session = ProtocolSession(role, 250, 2_000)
            try:
                session.receive(unhex(case["payload"]), 0)
                raised = "nothing"
            except MalformedError:
                raised = "malformed"
            except PeerError:
                raised = "refused"
            # Only a payee knows what a HELLO of another version must hold.
            expected = ("malformed",) if role == PAYEE else ("malformed", "refused")
            assert raised in expected and not session.outbox, (case, raised)


def test_messages():
    seen = set()
    for case in vectors("messages"):
        number = case["number"]
        seen.add(number)
        payload = unhex(case["payload"])
        assert payload == bytes([number]) + plain_bytes(case["fields"])
        values = values_of(case["fields"])
        assert messages.message_name(number) == case["name"]
        assert messages.encode(make(number, **values)) == payload
        decoded = messages.decode(payload)
        for name in values:
            assert getattr(decoded, name) == values[name], name
        assert [row[0] for row in case["fields"]] == [row[0] for row in MESSAGES[number][3].LAYOUT]
    assert seen == set(MESSAGES)


def test_channel_ids():
    for case in vectors("channels"):
        data = plain_bytes(case["terms"])
        assert len(data) == TERMS_SIZE == 229
        assert data == unhex(case["terms_bytes"])
        terms = Terms(**values_of(case["terms"]))
        assert terms.to_bytes() == data
        assert terms.channel_id() == sha256(data).digest()
        assert (sha256(data).digest() == unhex(case["channel_id"])) is case["id_is_hash"]


def test_certificates():
    _, issuer = key_of("issuer")
    for case in vectors("certificates"):
        data = unhex(case["certificate"])
        assert data == plain_bytes(case["fields"]) and len(data) == 437
        message = b"JST1" + b"\5" + data[:373]
        assert message == unhex(case["message"])
        assert data[373:] == unhex(case["signature"])
        assert data[341:373] == issuer
        assert verify(issuer, message, data[373:])
        certificate = Certificate.from_bytes(data)
        assert certificate.signed_bytes() == message
        assert certificate.to_bytes() == data
        assert genuine_reason(certificate) == 0


def test_claims():
    seed, vehicle = key_of("vehicle")
    signer = Signer(seed)
    for case in vectors("claims"):
        amount = int(case["amount"])
        channel_id = unhex(case["channel_id"])
        message = b"CLM\0" + channel_id + plain_bytes([["amount", 8, "uint", case["amount"]]])
        assert len(message) == 44
        assert message == unhex(case["message"]) == Claim(channel_id).message(amount)
        signature = unhex(case["signature"])
        assert signer.sign(message) == signature
        assert verify(vehicle, message, signature)


def test_tariffs():
    biggest = 0
    for case in vectors("tariffs"):
        start = int(case["start_energy_mwh"])
        first = int(case["start_amount"])
        changes = [(int(at), int(price)) for at, price in case["changes"]]
        remainder = case["start_remainder"]
        tariff = Tariff(start, first, int(case["price_per_kwh"]), remainder)
        waiting = list(changes)
        for energy, amount in case["due"]:
            energy = int(energy)
            # The exact sum over every stretch of one price, divided once.
            edges = [(start, int(case["price_per_kwh"]))] + changes
            numerator = remainder
            for at, (begin, price) in enumerate(edges):
                end = edges[at + 1][0] if at + 1 < len(edges) else energy
                numerator += max(min(end, energy) - begin, 0) * price
            assert first + numerator // 1_000_000 == int(amount), case
            if waiting and tariff.next_price_per_kwh is None:
                tariff.change(*waiting.pop(0))
            assert tariff.amount_due(energy) == int(amount)
            tariff.advance(energy)
            biggest = max(biggest, int(amount))
        assert not waiting
    assert biggest > 1 << 40


def test_ticks():
    for later, earlier, difference in vectors("ticks"):
        assert ticks_diff(later, earlier) == difference
        assert (earlier + difference - later) % (1 << 30) == 0
        assert -(1 << 29) <= difference < 1 << 29


def test_float32():
    for bits, scale, value, step in vectors("float32"):
        bits = int(bits, 16)
        assert float32_scaled(bits, scale) == (None if value is None else int(value))
        if step is not None:
            assert float32_step(bits, scale) == int(step)


def test_messages_belong_to_a_session_or_are_late():
    rules = vectors("belonging")
    nonce, newest = unhex(rules["nonce"]), int(rules["newest_sequence"])
    tag = int.from_bytes(nonce[:4], "big") % (1 << 28)
    assert int(rules["tag"]) == tag
    outcomes = set()
    for name, text, belongs in rules["messages"]:
        payload = unhex(text)
        message = messages.decode(payload)
        assert messages.message_name(message.number) == name
        if hasattr(message, "payer_nonce"):
            assert (message.payer_nonce == nonce) == belongs
        elif message.number in (messages.INVOICE, messages.UPDATE):
            assert (tag < message.sequence <= newest + 16) == belongs
        else:
            assert (message.session == tag) == belongs
        role = PAYER if MESSAGES[message.number][1] == PAYEE else PAYEE
        session = ProtocolSession(role, 250, 2000)
        session.payer_nonce, session.tag, session.sequence = nonce, tag, newest
        session.state = OPEN
        error = raised(session.receive, payload, 0)
        if not belongs:
            assert error is None and session.stale == 1 and session.state == OPEN
        elif message.number not in (messages.INVOICE, messages.UPDATE):
            assert session.stale == 0
        outcomes.add((message.number, belongs))
    assert len(outcomes) == 2 * (len(MESSAGES) - 1)


def test_everything_signed():
    for session in vectors("sessions"):
        whats = set()
        offer = next(unhex(step[2]) for step in session["steps"] if step[1] == "offer")
        for case in session["signed"]:
            message = b"".join([unhex(part) for _, part in case["parts"]])
            parts = {name: unhex(part) for name, part in case["parts"]}
            assert message == unhex(case["message"])
            number, size = SIGNED[case["what"]]
            assert parts["prefix"] == b"JST1" and parts["type"] == bytes([number])
            assert len(message) == size != 44
            seed, public = key_of(case["key"])
            assert Signer(seed).sign(message) == unhex(case["signature"])
            assert verify(public, message, unhex(case["signature"]))
            if case["what"] == "accept":
                digest = parts["SHA-256 of the offer's payload"]
                assert digest == sha256(offer).digest()
            whats.add(case["what"])
        assert whats >= {"offer", "accept", "time", "receipt"}


def replay(session):
    """Send every step through two sessions; return both, and the messages in order."""
    ends = {
        "pole": ProtocolSession(PAYEE, 250, 2000),
        "vehicle": ProtocolSession(PAYER, 250, 2000),
    }
    log = []
    for role, name, text in session["steps"]:
        payload = unhex(text)
        other = "vehicle" if role == "pole" else "pole"
        message = messages.decode(payload)
        assert messages.message_name(message.number) == name
        ends[role].send(message, 0)
        assert ends[role].outbox.pop() == payload
        assert ends[other].receive(payload, 0).number == message.number
        log.append(message)
    return ends, log


def test_sessions_walk_the_table_on_both_ends():
    for session in vectors("sessions"):
        ends, _ = replay(session)
        for end in ends.values():
            assert end.state == CLOSED and end.stale == 0 and not end.outbox


def test_sessions_are_signed_as_the_sessions_say():
    for session in vectors("sessions"):
        ends, log = replay(session)
        _, pole = key_of("pole")
        _, vehicle = key_of("vehicle")
        signed = {case["what"]: case for case in session["signed"]}
        for message in log:
            case = signed.get(messages.message_name(message.number))
            if case is not None:
                assert message.signature == unhex(case["signature"])
                if case["what"] != "time":
                    session_bytes = ends["pole"].signed(SIGNED[case["what"]][0], b"")
                    assert unhex(case["message"])[: 5 + SESSION_PARTS] == session_bytes
        assert ends["pole"].payer_key == vehicle and ends["pole"].payee_key == pole


def test_sessions_add_up():
    """Every invoice is its energy times the tariff, every update a claim that covers it."""
    for session in vectors("sessions"):
        _, log = replay(session)
        _, vehicle = key_of("vehicle")
        change = None
        for message in log:
            if message.number == messages.HELLO:
                claim = Claim(message.channel_id)
            elif message.number == messages.OFFER:
                best = message.best_amount
                tariff = Tariff(
                    message.energy_mwh,
                    message.amount_due,
                    message.price_per_kwh,
                    message.remainder,
                )
                if best:
                    assert verify(vehicle, claim.message(best), message.best_signature)
            elif message.number == messages.ACCEPT:
                certificate = Certificate.from_bytes(message.certificate)
                assert genuine_reason(certificate) == 0
            elif message.number == messages.TARIFF:
                change = (message.from_energy_mwh, message.price_per_kwh)
            elif message.number == messages.TARIFF_ACCEPT:
                assert (message.from_energy_mwh, message.price_per_kwh) == change
                tariff.change(*change)
            elif message.number == messages.INVOICE:
                due = message.amount_due
                energy = message.energy_mwh
                assert due == tariff.amount_due(energy)
            elif message.number == messages.UPDATE:
                assert claim_reason(message.amount, best, due, certificate.capacity) == 0
                assert verify(vehicle, claim.message(message.amount), message.signature)
                best = message.amount
                tariff.advance(energy)
            elif message.number == messages.RECEIPT:
                assert message.amount_paid == best
                assert message.amount_due == tariff.amount_due(message.energy_mwh)
