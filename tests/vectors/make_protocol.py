"""Writes protocol.json: the test vectors of docs/protocol.md.

    python tests/vectors/make_protocol.py [--check]

--check writes nothing and fails if the file differs from this script's output. Integers that a
message carries are written as decimal texts, since JSON readers lose digits above 2^53; bytes
are hexadecimal. Signatures come from edwards25519.py, not from the native module under test.
"""

import argparse
import binascii
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from transcript import (  # noqa: E402
    ISSUER,
    NOW_S,
    PACKET_MWH,
    POLE,
    PREPAY,
    PRICE,
    VEHICLE,
    Transcript,
    pattern,
)

from joulestream import channel, errors, framing, messages, units  # noqa: E402
from joulestream.channel import Certificate, Claim, Terms  # noqa: E402
from joulestream.fields import UINT, size_of  # noqa: E402
from joulestream.session_tag import SEQUENCES_AHEAD, session_tag  # noqa: E402
from joulestream.tariff import Tariff  # noqa: E402
from joulestream.testkit.certificates import DAY_S, certificate  # noqa: E402

FILE = HERE / "protocol.json"

NEW_PRICE = 450_000


def fields(layout, source):
    """Return [name, size, kind, value] for each field of `layout`."""
    rows = []
    for name, size, kind in layout:
        value = getattr(source, name)
        text = str(value) if kind == UINT else bytes(value).hex()
        rows.append([name, size, "uint" if kind == UINT else "bytes", text])
    return rows


def frames():
    """Return payloads and their frames around everything COBS treats specially."""
    payloads = [b"\0", b"\1", b"\xff", bytes(3), b"\0a\0", b"123456789", b"\x20\1", b"\x22"]
    # 4 bytes of CRC follow, so runs of 254 end in the payload, at its end and in the CRC.
    for size in (249, 250, 251, 252, 253, 254, 255):
        payloads.append(b"\x11" * size)
    payloads += [b"x" * 254 + b"\0", b"x" * 254 + b"\0y", b"\0" + b"x" * 254, b"x" * 508]
    payloads += [b"\x11" * framing.MAX_PAYLOAD, bytes(framing.MAX_PAYLOAD)]
    cases = []
    for payload in payloads:
        out = bytearray(framing.MAX_FRAME)
        size = framing.encode(payload, out)
        cases.append({"payload": payload.hex(), "frame": out[:size].hex()})
    return cases


def framed(payload):
    """Return the frame of `payload`."""
    out = bytearray(framing.MAX_FRAME)
    return bytes(out[: framing.encode(payload, out)])


def stuffed(data):
    """Return the COBS form of `data`, which holds no zero and is shorter than a block."""
    return bytes([len(data) + 1]) + data + b"\0"


def can_messages():
    """Return payloads, the frames of their messages on CAN, and the flow controls between them."""
    sizes = (1, 3, 4, 15, 77, framing.MAX_PAYLOAD)
    return [
        {
            "sender": sender,
            "block_size": block_size,
            "payload": pattern("CAN message", size).hex(),
            **can_frames(sender, pattern("CAN message", size), block_size),
        }
        for sender, block_size, size in (
            *((("pole", "vehicle")[at % 2], 2, size) for at, size in enumerate(sizes)),
            ("vehicle", 8, 77),
        )
    ]


def can_frames(sender, payload, block_size):
    """Return identifiers, frames and flow controls for a payload, as section 2.2 says."""
    message = payload + binascii.crc32(payload).to_bytes(4, "big")
    identifiers = {"pole": "18daf456", "vehicle": "18da56f4"}
    receiver = "vehicle" if sender == "pole" else "pole"
    if len(message) < 8:
        frames = [bytes((len(message),)) + message]
    else:
        frames = [(0x1000 | len(message)).to_bytes(2, "big") + message[:6]]
        for number, at in enumerate(range(6, len(message), 7), 1):
            frames.append(bytes((0x20 | number % 16,)) + message[at : at + 7])
    # One grant for each block of consecutive frames that has begun.
    grants = -(-(len(frames) - 1) // block_size)
    return {
        "identifier": identifiers[sender],
        "frames": [frame.hex() for frame in frames],
        "grant_identifier": identifiers[receiver],
        "grants": [bytes((0x30, block_size, 0)).hex()] * grants,
    }


def bad_frames():
    """Return bytes that hold no good frame, and the counter that each of them raises by one."""
    good = framed(b"\x20\1" + bytes(range(1, 17)))
    wrong = bytearray(good)
    wrong[5] ^= 0x40
    longest = framed(b"\x11" * framing.MAX_PAYLOAD)
    data = b"\x11" * (framing.MAX_PAYLOAD + 1)
    cases = [
        ("a block reaches past the frame's end", bytes([good[0] + 1]) + good[1:], "bad_cobs"),
        ("the last byte is lost", good[:-2] + b"\0", "bad_cobs"),
        ("one byte", b"\1\0", "bad_cobs"),
        ("a CRC and no payload", stuffed(b"\x11" * 4), "bad_cobs"),
        ("fewer bytes than a CRC", stuffed(b"\x11" * 3), "bad_cobs"),
        ("a bit is changed", bytes(wrong), "bad_crc"),
        ("two bytes are swapped", good[:3] + good[4:5] + good[3:4] + good[5:], "bad_crc"),
        ("a payload of one byte with a wrong CRC", stuffed(b"\x22" + b"\x11" * 4), "bad_crc"),
        ("no delimiter for too long", longest[:-1] * 2 + b"\0", "oversized"),
        ("568 bytes before the delimiter", b"\x11" * 568 + b"\0", "oversized"),
        ("a payload of 561 bytes", oversized_frame(data), "oversized"),
    ]
    return [
        {"what": what, "bytes": case.hex(), "counter": counter} for what, case, counter in cases
    ]


def oversized_frame(payload):
    """Return the frame of a payload that is too long, without zeros in payload and CRC."""
    data = payload + binascii.crc32(payload).to_bytes(4, "big")
    if 0 in data:
        raise ValueError("choose another payload: its CRC holds a zero")
    blocks = [data[at : at + 254] for at in range(0, len(data), 254)]
    return b"".join(bytes([len(block) + 1]) + block for block in blocks) + b"\0"


def frames_with_an_empty_block():
    """Return frames in which an empty block follows a full one: a receiver takes them."""
    cases = []
    for size in (250, 504):
        payload = b"\x11" * size
        if len(framed(payload)) != size + 4 + (size + 4) // 254 + 1:
            raise ValueError("the CRC holds a zero")
        cases.append({"payload": payload.hex(), "frame": (framed(payload)[:-1] + b"\1\0").hex()})
    return cases


def malformed():
    """Return payloads that are no message: a receiver drops them, counts them, answers none."""
    cases = [("an unknown number", b"\0"), ("an unknown number", b"\x7f" + bytes(16))]
    for number, (name, _, _, message_class) in sorted(messages.MESSAGES.items()):
        size = 1 + size_of(message_class.LAYOUT)
        head = bytes([number])
        if number in (messages.HELLO, messages.OFFER):
            head += bytes([messages.VERSION])
        whole = head + bytes(size - len(head))
        cases.append((f"{name}, one byte too long", whole + b"\0"))
        cases.append((f"{name}, one byte too short", whole[:-1]))
    cases.append(("hello of another version without a whole nonce", b"\1\2" + bytes(15)))
    return [{"what": what, "payload": payload.hex()} for what, payload in cases]


def every_message():
    """Return each message with fields of full width and with zeros."""
    cases = []
    for number, (name, _, _, message_class) in sorted(messages.MESSAGES.items()):
        for fill in ("pattern", "zero"):
            values = {}
            for field, size, kind in message_class.LAYOUT:
                data = pattern(f"{name} {field}", size) if fill == "pattern" else bytes(size)
                values[field] = int.from_bytes(data, "big") if kind == UINT else data
            if "version" in values:
                values["version"] = messages.VERSION
            message = messages.make(number, **values)
            cases.append(
                {
                    "name": name,
                    "number": number,
                    "fields": fields(message_class.LAYOUT, message),
                    "payload": messages.encode(message).hex(),
                }
            )
    return cases


def belonging():
    """Return messages that come in an open session, and whether they belong to it."""
    nonce = b"\xf1\2\3\4" + pattern("nonce of a session", 12)
    other = nonce[:-1] + bytes([nonce[-1] ^ 1])
    tag = session_tag(nonce)
    newest = tag + 9
    cases = []
    for number, (name, _, _, message_class) in sorted(messages.MESSAGES.items()):
        if number == messages.HELLO:
            continue
        names = [field for field, _, _ in message_class.LAYOUT]
        if "session" in names:
            values = (("session", tag, True), ("session", tag - 1, False))
            values += (("session", tag + (1 << 28), False),)
        elif "payer_nonce" in names:
            values = (("payer_nonce", nonce, True), ("payer_nonce", other, False))
            values += (("payer_nonce", bytes(16), False),)
        else:
            last = newest + SEQUENCES_AHEAD
            values = (("sequence", tag, False), ("sequence", tag + 1, True))
            values += (("sequence", last, True), ("sequence", last + 1, False))
        for field, value, belongs in values:
            message = message_class.from_bytes(bytes(size_of(message_class.LAYOUT)))
            if "version" in names:
                message.version = messages.VERSION
            setattr(message, field, value)
            cases.append([name, messages.encode(message).hex(), belongs])
    return {
        "nonce": nonce.hex(),
        "tag": str(tag),
        "newest_sequence": str(newest),
        "messages": cases,
    }


def make_terms(kind, salt):
    """Return the terms of a channel from vehicle to pole."""
    return Terms(
        kind=kind,
        chain_id=(1 << 40) + kind,
        contract=ISSUER.public_key if kind == channel.KIND_SQL else pattern("contract", 32),
        asset=b"EUR".ljust(32, b"\0"),
        base_units_per_claim_unit=1 if kind == channel.KIND_SQL else 10**9,
        payer_key=VEHICLE.public_key,
        refund_account=pattern("refund account", 32),
        payee_key=POLE.public_key,
        payout_account=pattern("payout account", 32),
        dispute_window_s=7 * DAY_S,
        salt=pattern(salt, 16),
    )


def certify(terms, capacity, expires_at_s, channel_id=None, claimed=0):
    """Return the issuer's certificate for `terms`."""
    return certificate(
        terms,
        ISSUER,
        channel_id=channel_id or terms.channel_id(),
        capacity=capacity,
        claimed=claimed,
        issued_at_s=NOW_S,
        expires_at_s=expires_at_s,
    )


TERMS = {
    "sql": make_terms(channel.KIND_SQL, "sql channel"),
    "evm": make_terms(channel.KIND_EVM, "evm channel"),
    "xrpl": make_terms(channel.KIND_XRPL, "xrpl channel"),
}
XRPL_CHANNEL_ID = pattern("the ledger's own channel id", 32)
CERTIFICATES = {
    "sql": certify(TERMS["sql"], (1 << 41), NOW_S + 60),
    "evm": certify(TERMS["evm"], (1 << 53) + 1, NOW_S + DAY_S),
    "xrpl": certify(TERMS["xrpl"], (1 << 53) + 2, NOW_S + DAY_S, XRPL_CHANNEL_ID, 1 << 52),
}


def channels():
    """Return terms and ids; on XRPL the id is not the hash."""
    return [
        {
            "name": name,
            "terms": fields(Terms.LAYOUT, terms),
            "terms_bytes": terms.to_bytes().hex(),
            "channel_id": CERTIFICATES[name].channel_id.hex(),
            "id_is_hash": name != "xrpl",
        }
        for name, terms in TERMS.items()
    ]


def certificates():
    """Return certificates, the bytes that the issuer signs, and the signature."""
    return [
        {
            "name": name,
            "fields": fields(Certificate.LAYOUT, certificate),
            "certificate": certificate.to_bytes().hex(),
            "message": certificate.signed_bytes().hex(),
            "signature": certificate.signature.hex(),
        }
        for name, certificate in CERTIFICATES.items()
    ]


def claims():
    """Return claims of amounts up to the largest."""
    cases = []
    for name in ("sql", "xrpl"):
        channel_id = CERTIFICATES[name].channel_id
        for amount in (0, 1, 640, (1 << 32) + 1, (1 << 53) + 1, (1 << 64) - 1):
            message = Claim(channel_id).message(amount)
            cases.append(
                {
                    "channel_id": channel_id.hex(),
                    "amount": str(amount),
                    "message": message.hex(),
                    "signature": VEHICLE.sign(message).hex(),
                }
            )
    return cases


def tariffs():
    """Return amounts due, with changes of price, above 32 bits."""
    cases = []
    high = (1 << 31) - 5
    for start_mwh, start_amount, remainder, price, changes in (
        (0, 0, 0, PRICE, ()),
        (0, 0, 0, 999_999, ((1, 1_000_000), (2, 999_999), (3, 1_000_001))),
        ((1 << 33) + 1, (1 << 40) + 7, 0, PRICE, (((1 << 33) + 3_001, NEW_PRICE),)),
        (high, (1 << 32) - 3, 0, 333_333, ((high, 1), ((1 << 31) + 9, 777_777))),
        (5, 0, 0, (1 << 48) - 1, (((1 << 40) + 1, 1 << 47),)),
        (20_000, 5_000, 999_999, 1, ((20_001, 999_999),)),
        ((1 << 33) + 1, 7, 345_678, PRICE, (((1 << 33) + 3_001, NEW_PRICE),)),
    ):
        tariff = Tariff(start_mwh, start_amount, price, remainder)
        due = [[str(start_mwh), str(tariff.amount_due(start_mwh))]]
        last = start_mwh
        for from_mwh, next_price in changes:
            tariff.change(from_mwh, next_price)
            for energy in sorted({last, (last + from_mwh) // 2, from_mwh, from_mwh + 1}):
                due.append([str(energy), str(tariff.amount_due(energy))])
            tariff.advance(from_mwh)
            last = from_mwh + 1
        for energy in (last + 1, last + 999, last + 12_345_678):
            due.append([str(energy), str(tariff.amount_due(energy))])
        cases.append(
            {
                "start_energy_mwh": str(start_mwh),
                "start_amount": str(start_amount),
                "start_remainder": remainder,
                "price_per_kwh": str(price),
                "changes": [[str(from_mwh), str(next_price)] for from_mwh, next_price in changes],
                "due": due,
            }
        )
    return cases


def ticks():
    """Return differences of ticks across the wrap."""
    period = units.TICKS_PERIOD
    edges = (0, 1, 5_000, period // 2 - 1, period // 2, period // 2 + 1, period - 1)
    return [
        [later, earlier, units.ticks_diff(later, earlier)] for later in edges for earlier in edges
    ]


def float32():
    """Return float32 bits, a scale, the scaled value rounded down (null: none), the step."""
    patterns = (0, 1, 0x80000000, 0x3F800000, 0x43660000, 0xC3660000, 0x3DCCCCCD, 0xBDCCCCCD)
    patterns += (0x46800001, 0x47C34F80, 0x4B800001, 0x7F7FFFFF, 0x7F800000, 0x7FC00000)
    return [
        [
            f"{bits:08x}",
            scale,
            None if (value := units.float32_scaled(bits, scale)) is None else str(value),
            None if value is None else str(units.float32_step(bits, scale)),
        ]
        for bits in patterns
        for scale in (1_000, 1_000_000)
    ]


def known_channel():
    """A channel with a history: credit, a new price, a renewed certificate, a stop."""
    energy_mwh = (1 << 33) + 123_456
    amount_due = (1 << 40) + 1_000
    transcript = Transcript("known channel")
    transcript.open(CERTIFICATES["sql"], energy_mwh, amount_due, amount_due + PREPAY, PREPAY)
    transcript.packet(energy_mwh, PREPAY)
    transcript.packet(energy_mwh + 1_000, PREPAY)
    change = {"price_per_kwh": NEW_PRICE, "from_energy_mwh": energy_mwh + 3_000}
    transcript.send_signed(messages.TARIFF, channel.SIGNED_TARIFF, **change)
    transcript.send(VEHICLE, messages.TARIFF_ACCEPT, **change)
    transcript.tariff.change(energy_mwh + 3_000, NEW_PRICE)
    transcript.packet(energy_mwh + 2_000, PREPAY)
    for sequence in (1, 2):
        expires_at_s = CERTIFICATES["sql"].expires_at_s
        transcript.send(
            POLE, messages.RENEW_REQUEST, sequence=sequence, valid_until_s=expires_at_s
        )
    renewed = certify(TERMS["sql"], 1 << 42, NOW_S + DAY_S)
    transcript.send(VEHICLE, messages.RENEW, certificate=renewed.to_bytes())
    transcript.send(
        POLE, messages.RENEWED, expires_at_s=renewed.expires_at_s, capacity=renewed.capacity
    )
    transcript.packet(energy_mwh + 3_500, PREPAY)
    transcript.stop(VEHICLE, errors.ENERGY_REACHED)
    transcript.receipt(errors.ENERGY_REACHED, energy_mwh, energy_mwh + 3_777)
    return transcript.document()


def fresh_channel():
    """A channel never seen before: token-first, stopped by the pole."""
    prepay = 2 * PRICE * PACKET_MWH // units.MWH_PER_KWH
    transcript = Transcript("fresh channel")
    transcript.open(CERTIFICATES["evm"], 0, 0, 0, prepay)
    transcript.packet(0, prepay)
    transcript.packet(1_000, prepay)
    transcript.packet(2_000, prepay)
    transcript.stop(POLE, errors.UNPLUGGED)
    transcript.packet(4_500, 0)
    transcript.receipt(errors.UNPLUGGED, 0, 4_500)
    return transcript.document()


def make():
    """Return the text of the file."""
    document = {
        "source": "tests/vectors/make_protocol.py",
        "version": messages.VERSION,
        "keys": {
            key.role: {"seed": key.seed.hex(), "public_key": key.public_key.hex()}
            for key in (POLE, VEHICLE, ISSUER)
        },
        "frames": frames(),
        "frames_with_an_empty_block": frames_with_an_empty_block(),
        "bad_frames": bad_frames(),
        "can_messages": can_messages(),
        "malformed": malformed(),
        "messages": every_message(),
        "belonging": belonging(),
        "channels": channels(),
        "certificates": certificates(),
        "claims": claims(),
        "tariffs": tariffs(),
        "ticks": ticks(),
        "float32": float32(),
        "sessions": [known_channel(), fresh_channel()],
    }
    return json.dumps(document, indent=1) + "\n"


def main():
    """Write or check the file; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare only, write nothing")
    text = make()
    if not parser.parse_args().check:
        FILE.write_text(text)
    elif not FILE.is_file() or FILE.read_text() != text:
        print(f"{FILE.name} is out of date: run {Path(__file__).name}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
