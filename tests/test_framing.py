"""A framed payload comes out whole, in any chunks; a damaged frame is dropped and counted.

Frames are COBS (Cheshire and Baker, 1999) with a CRC-32. Where a test needs a frame that `encode`
never makes, a second, simple COBS encoder of this file makes it.
"""

from binascii import crc32

from dual_runtime import raised
from joulestream.framing import MAX_FRAME, MAX_PAYLOAD, Decoder, encode
from joulestream.testkit.random import Random

COUNTERS = ("bad_cobs", "bad_crc", "oversized")


def frame_of(payload):
    out = bytearray(MAX_FRAME)
    size = encode(payload, out)
    return bytes(out[:size])


class Receiver:
    """A decoder that keeps the payloads that it delivers."""

    def __init__(self):
        self.payloads = []
        self.decoder = Decoder(self._keep)

    def _keep(self, payload):
        self.payloads.append(bytes(payload))

    def feed(self, data, chunk=0):
        step = chunk or max(len(data), 1)
        for at in range(0, len(data), step):
            part = bytearray(data[at : at + step])
            self.decoder.feed(part, len(part))
        return self

    def dropped(self):
        return sum([getattr(self.decoder, name) for name in COUNTERS])


def received(data, chunk=0):
    return Receiver().feed(data, chunk).payloads


def samples():
    """Yield payloads with zeros, with runs around a full block of 254 bytes, and random ones."""
    yield b"\0"
    yield b"\1"
    yield b"\xff"
    yield bytes(5)
    yield b"\0" + b"a" * 10 + b"\0"
    for run in (252, 253, 254, 255, 256, 507, 508, 509, 510):
        yield b"x" * run
        yield b"x" * run + b"\0"
        yield b"\0" + b"x" * run
        yield b"x" * run + b"\0" + b"y" * 3
    yield bytes(MAX_PAYLOAD)
    yield b"\xff" * MAX_PAYLOAD
    random = Random(1)
    for _ in range(40):
        yield random.bytes(1 + random.below(MAX_PAYLOAD))


def test_what_was_sent_comes_out():
    for payload in samples():
        frame = frame_of(payload)
        assert len(frame) <= MAX_FRAME
        assert frame[-1] == 0 and frame.find(b"\0") == len(frame) - 1
        assert received(frame) == [payload]


def test_chunks_do_not_matter():
    payloads = [payload for payload in samples() if len(payload) < 300]
    stream = b"".join([frame_of(payload) for payload in payloads])
    for chunk in (1, 2, 7, 64, 255, 256, 1000, 0):
        assert received(stream, chunk) == payloads, chunk


def test_feed_takes_no_more_than_size():
    frame = bytearray(frame_of(b"first"))
    receiver = Receiver()
    receiver.decoder.feed(frame + bytearray(frame_of(b"second")), len(frame))
    assert receiver.payloads == [b"first"]


def test_the_longest_payload_and_one_more():
    assert len(frame_of(b"x" * MAX_PAYLOAD)) == MAX_FRAME
    assert isinstance(raised(frame_of, bytes(MAX_PAYLOAD + 1)), ValueError)


def test_every_flipped_bit_is_noticed():
    for payload in (b"\x11" + bytes(12) + b"signature", bytes(range(256)) + bytes(3)):
        frame = frame_of(payload)
        for bit in range(8 * (len(frame) - 1)):
            copy = bytearray(frame)
            copy[bit >> 3] ^= 1 << (bit & 7)
            receiver = Receiver().feed(copy).feed(frame)
            assert receiver.payloads == [payload], bit
            assert receiver.dropped() >= 1, bit


def test_a_lost_delimiter_costs_two_frames_at_most():
    frame = frame_of(b"payload")
    for bit in range(8):
        copy = bytearray(frame)
        copy[-1] ^= 1 << bit
        assert received(bytes(copy) + frame + frame) == [b"payload"]


def test_truncation():
    payload = bytes(range(64))
    frame = frame_of(payload)
    for length in range(len(frame) - 1):
        receiver = Receiver().feed(frame[:length] + b"\0" + frame)
        assert receiver.payloads == [payload], length
        assert receiver.dropped() == (1 if length else 0), length


def test_trailing_and_inserted_bytes():
    frame = frame_of(b"\1payload")
    for at in range(len(frame)):
        for byte in (b"\1", b"\x7f", b"\xff"):
            copy = frame[:at] + byte + frame[at:]
            assert received(copy + frame) == [b"\1payload"], (at, byte)


def test_wrong_crc_is_counted():
    payload = b"payload"
    right = crc32(payload)
    for wrong in (right ^ 1, right ^ 0x80000000, 0, 0xFFFFFFFF):
        body = payload + wrong.to_bytes(4, "big")
        receiver = Receiver().feed(stuffed(body))
        assert receiver.payloads == [] and receiver.decoder.bad_crc == 1
    little = payload + right.to_bytes(4, "little")
    assert Receiver().feed(stuffed(little)).decoder.bad_crc == 1


def stuffed(body):
    """Return COBS of a `body` without a full block, and its delimiter.

    This encoder is separate from the code under test.
    """
    blocks = bytes(body).split(b"\0")
    return b"".join([bytes([len(block) + 1]) + block for block in blocks]) + b"\0"


def test_a_frame_without_payload_is_dropped():
    for body in (b"", b"\1", b"\1\1\1", crc32(b"").to_bytes(4, "big")):
        receiver = Receiver().feed(stuffed(body))
        assert receiver.payloads == []
        assert receiver.decoder.bad_cobs == 1, body
    assert Receiver().feed(bytes(9)).dropped() == 0  # delimiters alone are no frames


def test_oversized_is_counted_once_and_forgotten():
    for size in (MAX_FRAME, MAX_FRAME + 1, 5 * MAX_FRAME):
        for chunk in (1, 100, 0):
            receiver = Receiver().feed(b"\5" * size + b"\0" + frame_of(b"next"), chunk)
            assert receiver.payloads == [b"next"]
            assert receiver.decoder.oversized == 1
            assert receiver.dropped() == 1


def test_a_payload_beyond_the_limit_is_oversized_however_short_its_frame():
    for size in (MAX_PAYLOAD, MAX_PAYLOAD + 1, MAX_PAYLOAD + 2):
        payload = b"p\0" * (size // 2) + b"p" * (size % 2)
        frame = stuffed(payload + crc32(payload).to_bytes(4, "big"))
        assert len(frame) <= MAX_FRAME
        receiver = Receiver().feed(frame)
        fits = size <= MAX_PAYLOAD
        assert receiver.payloads == ([payload] if fits else []), size
        assert receiver.decoder.oversized == receiver.dropped() == (not fits)


def test_noise_never_raises_and_the_next_frame_is_found():
    random = Random(2)
    frame = frame_of(b"good")
    for chunk in (1, 13, 0):
        receiver = Receiver()
        for _ in range(60):
            receiver.feed(random.bytes(random.below(900)) + b"\0" + frame, chunk)
        assert receiver.payloads == [b"good"] * 60


def test_both_ends_of_a_full_block_are_read():
    """Some encoders add an empty block after a full last block of 254 bytes, others do not."""
    body = b"x" * 250
    body += crc32(body).to_bytes(4, "big")
    assert len(body) == 254 and body.find(b"\0") < 0
    assert received(b"\xff" + body + b"\0") == [body[:250]]
    assert received(b"\xff" + body + b"\1\0") == [body[:250]]
