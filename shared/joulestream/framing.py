"""Frames on a byte stream: payload and CRC-32 (IEEE 802.3) in COBS (Cheshire and Baker 1999).

A zero byte ends each frame and stands nowhere else, so a receiver finds the next frame after any
noise. The work on bytes is native code (shared/native/frames.c).
"""

from joulestream.compat import const
from joulestream.native import frame_encode, frame_feed

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable

CRC_SIZE = const(4)
MAX_PAYLOAD = const(560)
# COBS adds one byte for every 254 bytes or part of them; the zero byte ends the frame.
MAX_FRAME = const(MAX_PAYLOAD + CRC_SIZE + (MAX_PAYLOAD + CRC_SIZE) // 254 + 2)
# A decoder's memory: the length of the frame so far, and the frame without its zero byte.
_MEMORY = const(MAX_FRAME + 1)
_PAYLOAD_AT = const(3)
# frame_feed returns the end of the bytes that it took in, and in the low bits its finding: 0, or
# the length of a payload, or one of these.
_FOUND_BITS = const(10)
_FOUND_MASK = const(1023)
_BAD_COBS = const(1021)
_BAD_CRC = const(1022)

encode = frame_encode


class Decoder:
    """Turns received bytes into payloads; it does not matter how the bytes are cut into chunks.

    `deliver(payload)` gets a memoryview that is valid only during the call. A bad frame is dropped
    and counted in `bad_cobs`, `bad_crc` or `oversized`.
    """

    def __init__(self, deliver: "Callable[[memoryview], None]") -> None:
        self._deliver = deliver
        self._memory = bytearray(_MEMORY)
        self._view = memoryview(self._memory)
        self.bad_cobs = 0
        self.bad_crc = 0
        self.oversized = 0

    def feed(self, data: bytearray, size: int) -> None:
        """Take in the first `size` bytes of `data`."""
        start = 0
        while start < size:
            start = frame_feed(self._memory, data, size, start)
            found = start & _FOUND_MASK
            start >>= _FOUND_BITS
            if found:
                self._finish(found)

    def _finish(self, found: int) -> None:
        if found <= MAX_PAYLOAD:
            self._deliver(self._view[_PAYLOAD_AT : _PAYLOAD_AT + found])
        elif found == _BAD_COBS:
            self.bad_cobs += 1
        elif found == _BAD_CRC:
            self.bad_crc += 1
        else:
            self.oversized += 1
