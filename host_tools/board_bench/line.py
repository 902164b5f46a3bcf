"""The host's end of the link's line, for checks that send bytes to the board."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import serial

from joulestream.framing import MAX_FRAME, Decoder, encode
from joulestream.host_tools.errors import CommandError

# A frame of the usual size. The last one is complete when the line is silent for so long.
_PAYLOAD = 96
SILENCE_S = 2.0
_CHUNK = 64


@contextmanager
def opened(path: str, baud: int, silence_s: float = SILENCE_S) -> Iterator[serial.Serial]:
    """Open a port. After `silence_s` without a byte, the missing bytes count as lost.

    Raises:
        CommandError: it cannot be opened.
    """
    try:
        port = serial.Serial(path, baud, timeout=silence_s)
    except (OSError, serial.SerialException) as error:
        raise CommandError(
            f"{path}: the port of the link cannot be opened: {error}; name the adapter that is"
            " wired to the board's link"
        ) from None
    with port:
        port.reset_input_buffer()
        yield port


def send_bytes(port: serial.Serial, count: int) -> None:
    """Send `count` bytes as fast as the line takes them."""
    data = bytes(at & 0xFF for at in range(_CHUNK))
    for at in range(0, count, _CHUNK):
        port.write(data[: min(_CHUNK, count - at)])
    port.flush()


def frames(count: int, seed: int = 1) -> list[bytes]:
    """Return frames with random payloads."""
    series = random.Random(seed)
    return [_frame(series.randbytes(_PAYLOAD)) for _ in range(count)]


def _frame(payload: bytes) -> bytes:
    frame = bytearray(MAX_FRAME)
    return bytes(frame[: encode(payload, frame)])


def echoed(port: serial.Serial, sent: list[bytes]) -> int:
    """Send frames one after the other; return how many came back whole."""
    wanted: set[bytes] = set()
    good = 0

    def deliver(payload: memoryview) -> None:
        nonlocal good
        good += bytes(payload) in wanted

    decoder = Decoder(deliver)
    sender = Decoder(lambda payload: wanted.add(bytes(payload)))
    for frame in sent:
        sender.feed(bytearray(frame), len(frame))
        port.write(frame)
        data = bytearray(port.read(len(frame)))
        decoder.feed(data, len(data))
    while good < len(sent) and (data := bytearray(port.read(1))):
        decoder.feed(data, 1)
    return good
