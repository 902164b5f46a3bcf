"""Fuzz target: the decoder of frames, compared with a plain decoder that reads whole frames.

An input is the sizes of chunks, then the bytes of a UART. The decoder gets the bytes at once and
in chunks. Both times its payloads and its counts of bad frames must be those of the plain decoder.
"""

from binascii import crc32

from joulestream.framing import MAX_FRAME, MAX_PAYLOAD, Decoder, encode
from joulestream.host_tools.fuzz.choices import Choices, fail_unless

_CRC_SIZE = 4
_LONGEST_BLOCK = 255
_PROBE = b"\x20\x01"


class _Receiver:
    """A decoder that keeps its payloads."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []
        self.decoder = Decoder(lambda payload: self.payloads.append(bytes(payload)))

    def counts(self) -> tuple[int, int, int]:
        decoder = self.decoder
        return decoder.bad_cobs, decoder.bad_crc, decoder.oversized


def check(data: bytes) -> None:
    """Check one input."""
    choices = Choices(data)
    sizes = [1 + choices.below(256) for _ in range(choices.below(8))]
    stream = choices.rest()
    whole, chunked = _Receiver(), _Receiver()
    whole.decoder.feed(bytearray(stream), len(stream))
    _feed_in_chunks(chunked.decoder, stream, sizes or [1])
    payloads, counts = _plain(stream)
    fail_unless(whole.payloads == payloads, "the payloads are not those of the plain decoder")
    fail_unless(whole.counts() == counts, "bad frames are counted wrongly")
    fail_unless(chunked.payloads == payloads, "the payloads depend on the chunks")
    fail_unless(chunked.counts() == counts, "the counts depend on the chunks")
    _check_recovery(chunked)
    _check_round_trip(stream[:MAX_PAYLOAD])


def _feed_in_chunks(decoder: Decoder, stream: bytes, sizes: list[int]) -> None:
    """Feed the decoder as a link does: from one buffer with older bytes behind each chunk."""
    buffer = bytearray(b"\0\xff" * 128)
    at = turn = 0
    while at < len(stream):
        chunk = stream[at : at + sizes[turn % len(sizes)]]
        buffer[: len(chunk)] = chunk
        decoder.feed(buffer, len(chunk))
        at += len(chunk)
        turn += 1


def _check_recovery(receiver: _Receiver) -> None:
    """Check that a zero byte ends any noise, and that the next good frame is delivered."""
    delivered = len(receiver.payloads)
    frame = bytearray(MAX_FRAME)
    size = encode(_PROBE, frame)
    receiver.decoder.feed(bytearray(b"\0") + frame[:size], 1 + size)
    fail_unless(receiver.payloads[delivered:][-1:] == [_PROBE], "a good frame after noise is lost")


def _check_round_trip(payload: bytes) -> None:
    frame = bytearray(MAX_FRAME)
    size = encode(payload, frame)
    fail_unless(frame.find(b"\0") == size - 1, "a frame has a zero byte before its end")
    receiver = _Receiver()
    receiver.decoder.feed(frame, size)
    expected = [payload] if payload else []
    fail_unless(receiver.payloads == expected, "a payload that was framed is not delivered")


def _plain(stream: bytes) -> tuple[list[bytes], tuple[int, int, int]]:
    """Return the payloads in a stream, and the counts of bad COBS, bad CRCs and long frames."""
    payloads = []
    bad_cobs = bad_crc = oversized = 0
    for stuffed in stream.split(b"\0")[:-1]:
        if not stuffed:
            continue
        if len(stuffed) >= MAX_FRAME:
            oversized += 1
            continue
        data = _unstuffed(stuffed)
        if data is None or len(data) <= _CRC_SIZE:
            bad_cobs += 1
            continue
        payload = data[:-_CRC_SIZE]
        if len(payload) > MAX_PAYLOAD:
            oversized += 1
        elif crc32(payload) != int.from_bytes(data[-_CRC_SIZE:], "big"):
            bad_crc += 1
        else:
            _check_spelling(payload, stuffed)
            payloads.append(payload)
    return payloads, (bad_cobs, bad_crc, oversized)


def _unstuffed(stuffed: bytes) -> bytes | None:
    """Return the bytes that COBS encodes as `stuffed`, or None; written as in its paper."""
    data = b""
    at = 0
    while at < len(stuffed):
        code = stuffed[at]
        block = stuffed[at + 1 : at + code]
        if len(block) != code - 1:
            return None
        data += block
        at += code
        if code < _LONGEST_BLOCK and at < len(stuffed):
            data += b"\0"
    return data


def _check_spelling(payload: bytes, stuffed: bytes) -> None:
    """Check that a payload has one frame, except that an empty block may follow a full one."""
    frame = bytearray(MAX_FRAME)
    size = encode(payload, frame)
    known = bytes(frame[: size - 1])
    fail_unless(stuffed in (known, known + b"\x01"), "a payload is spelt in another way")
