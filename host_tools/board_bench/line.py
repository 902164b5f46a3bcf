"""The host's end of the link's line, for checks that send bytes to the board."""

import random

from joulestream.framing import MAX_FRAME, Decoder, encode
from joulestream.host_tools.serial_port import SerialPort

# After so long without a byte, the missing bytes count as lost.
SILENCE_S = 2.0
# A payload of the usual size.
_PAYLOAD = 96
_CHUNK = 64


def send_bytes(port: SerialPort, count: int, silence_s: float) -> None:
    """Send `count` bytes as fast as the line takes them."""
    data = bytes(at & 0xFF for at in range(_CHUNK))
    for at in range(0, count, _CHUNK):
        port.send(data[: min(_CHUNK, count - at)], silence_s)


def payloads(count: int, seed: int = 1) -> list[bytes]:
    """Return random payloads."""
    series = random.Random(seed)
    return [series.randbytes(_PAYLOAD) for _ in range(count)]


def frame_of(payload: bytes) -> bytes:
    """Return the frame with a payload."""
    frame = bytearray(MAX_FRAME)
    return bytes(frame[: encode(payload, frame)])


def echoed(port: SerialPort, sent: list[bytes], silence_s: float) -> int:
    """Send payloads in frames, one after the other; return how many came back whole."""
    wanted = set(sent)
    good = 0

    def deliver(payload: memoryview) -> None:
        nonlocal good
        good += bytes(payload) in wanted

    decoder = Decoder(deliver)
    for payload in sent:
        frame = frame_of(payload)
        port.send(frame, silence_s)
        left = len(frame)
        while left > 0 and (data := port.read(silence_s, left)):
            decoder.feed(bytearray(data), len(data))
            left -= len(data)
    # Frames that are late.
    while good < len(sent) and (data := port.read(silence_s)):
        decoder.feed(bytearray(data), len(data))
    return good
