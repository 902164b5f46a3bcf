"""Frames on a byte stream: payload and CRC-32 (IEEE 802.3) in COBS (Cheshire and Baker 1999).

A zero byte ends each frame and stands nowhere else, so a receiver finds the next frame after any
noise.
"""

from binascii import crc32
from struct import pack_into

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable

    from joulestream.fields import Buffer

CRC_SIZE = const(4)
MAX_PAYLOAD = const(560)
# COBS adds one byte for every 254 bytes or part of them; the zero byte ends the frame.
MAX_FRAME = const(MAX_PAYLOAD + CRC_SIZE + (MAX_PAYLOAD + CRC_SIZE) // 254 + 2)
# The same without the zero byte.
_MAX_STUFFED = const(MAX_FRAME - 1)
# The COBS code of a block of 254 bytes that no zero follows.
_LONGEST = const(0xFF)


def encode(payload: "Buffer", out: bytearray) -> int:
    """Write the frame of `payload` into `out`. Return the frame's length in bytes.

    `out` has at least `MAX_FRAME` bytes. Raises ValueError when the payload is longer than
    `MAX_PAYLOAD`.
    """
    size = len(payload)
    if size > MAX_PAYLOAD:
        raise ValueError("a payload of %d bytes does not fit a frame" % size)
    # COBS moves the data by one byte and writes over each zero the distance to the next zero. So
    # the loop visits the zeros only, not every byte.
    out[1 : size + 1] = payload
    pack_into(">I", out, size + 1, crc32(payload))
    end = size + 1 + CRC_SIZE
    code_at = 0
    while True:
        zero_at = out.find(b"\0", code_at + 1, end)
        if zero_at < 0:
            zero_at = end
        code = zero_at - code_at
        if code > _LONGEST or (code == _LONGEST and zero_at < end):
            out[code_at] = _LONGEST
            code_at += _LONGEST
            out[code_at + 1 : end + 1] = out[code_at:end]
            end += 1
            continue
        out[code_at] = code
        code_at = zero_at
        if code_at == end:
            out[end] = 0
            return end + 1


class Decoder:
    """Turns received bytes into payloads; it does not matter how the bytes are cut into chunks.

    `deliver(payload)` gets a memoryview that is valid only during the call. A bad frame is dropped
    and counted in `bad_cobs`, `bad_crc` or `oversized`.
    """

    def __init__(self, deliver: "Callable[[memoryview], None]") -> None:
        self._deliver = deliver
        self._frame = bytearray(_MAX_STUFFED)
        self._view = memoryview(self._frame)
        self._crc = bytearray(CRC_SIZE)
        self._size = 0
        self.bad_cobs = 0
        self.bad_crc = 0
        self.oversized = 0

    def feed(self, data: bytearray, size: int) -> None:
        """Take in the first `size` bytes of `data`."""
        view = memoryview(data)
        start = 0
        while start < size:
            zero = data.find(b"\0", start, size)
            end = size if zero < 0 else zero
            if end > start:
                frame_end = self._size + end - start
                if frame_end <= _MAX_STUFFED:
                    self._frame[self._size : frame_end] = view[start:end]
                self._size = min(frame_end, _MAX_STUFFED + 1)
            if zero < 0:
                return
            frame_size = self._size
            self._size = 0
            if frame_size:
                self._finish(frame_size)
            start = end + 1

    def _finish(self, size: int) -> None:
        if size > _MAX_STUFFED:
            self.oversized += 1
            return
        length = self._unstuff(size) - CRC_SIZE
        if length < 1:
            self.bad_cobs += 1
            return
        if length > MAX_PAYLOAD:
            self.oversized += 1
            return
        payload = self._view[1 : length + 1]
        pack_into(">I", self._crc, 0, crc32(payload))
        for at in range(CRC_SIZE):
            if self._crc[at] != self._frame[length + 1 + at]:
                self.bad_crc += 1
                return
        self._deliver(payload)

    def _unstuff(self, size: int) -> int:
        """Undo COBS in place. Return the length behind the first byte, -1 if it is no COBS."""
        frame = self._frame
        code = frame[0]
        at = code
        while at < size:
            following = frame[at]
            if code == _LONGEST:
                size -= 1
                frame[at:size] = frame[at + 1 : size + 1]
                at -= 1
            else:
                frame[at] = 0
            code = following
            at += code
        return size - 1 if at == size else -1
