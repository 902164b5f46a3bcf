"""Frames on a UART: payload, CRC-32 (IEEE 802.3), COBS (Cheshire and Baker 1999), one zero byte.

The zero byte stands only between frames, so a receiver finds the next frame after any noise.
"""

from binascii import crc32

from joulestream.compat import const

CRC_SIZE = const(4)
MAX_PAYLOAD = const(560)
# COBS adds one byte for every 254 begun; the zero byte ends the frame.
MAX_FRAME = const(MAX_PAYLOAD + CRC_SIZE + (MAX_PAYLOAD + CRC_SIZE) // 254 + 2)
_LONGEST_RUN = const(254)


def encode(payload, out, scratch):
    """Write the frame of `payload` into `out`; return its length in bytes.

    `out` holds at least `MAX_FRAME` bytes and `scratch` at least `MAX_PAYLOAD + CRC_SIZE`.
    Raises ValueError when the payload is longer than `MAX_PAYLOAD`.
    """
    size = len(payload)
    if size > MAX_PAYLOAD:
        raise ValueError("a payload of %d bytes does not fit a frame" % size)
    scratch[:size] = payload
    scratch[size : size + CRC_SIZE] = crc32(payload).to_bytes(CRC_SIZE, "big")
    size += CRC_SIZE
    # Byte by byte, as every slice would be an allocation.
    code_at = 0
    at = 1
    for i in range(size):
        byte = scratch[i]
        if byte:
            out[at] = byte
            at += 1
            if at - code_at <= _LONGEST_RUN or i == size - 1:
                continue
        out[code_at] = at - code_at
        code_at = at
        at += 1
    out[code_at] = at - code_at
    out[at] = 0
    return at + 1


class Decoder:
    """Turns bytes as they come into payloads, whatever the chunks.

    `deliver(payload)` gets a memoryview that is valid only during the call. Bad frames are
    dropped and counted in `bad_cobs`, `bad_crc` and `oversized`.
    """

    def __init__(self, deliver):
        self._deliver = deliver
        self._frame = bytearray(MAX_FRAME)
        self._payload = bytearray(MAX_FRAME)
        self._view = memoryview(self._payload)
        self._size = 0
        self._skip = False
        self.bad_cobs = 0
        self.bad_crc = 0
        self.oversized = 0

    def feed(self, data, size):
        """Take the first `size` bytes of the bytearray `data`."""
        start = 0
        while start < size:
            zero = data.find(b"\0", start, size)
            end = size if zero < 0 else zero
            run = end - start
            if self._skip or self._size + run > MAX_FRAME:
                self._skip = True
            elif run:
                self._frame[self._size : self._size + run] = data[start:end]
                self._size += run
            if zero < 0:
                return
            self._finish()
            start = end + 1

    def _finish(self):
        size = self._size
        self._size = 0
        if self._skip:
            self._skip = False
            self.oversized += 1
            return
        if not size:
            return
        length = self._unstuff(size) - CRC_SIZE
        if length < 1:
            self.bad_cobs += 1
            return
        payload = self._view[:length]
        if crc32(payload) != int.from_bytes(self._view[length : length + CRC_SIZE], "big"):
            self.bad_crc += 1
            return
        self._deliver(payload)

    def _unstuff(self, size):
        """Undo COBS from the frame into the payload buffer; return the length, -1 if invalid."""
        frame = self._frame
        payload = self._payload
        read = 0
        wrote = 0
        while True:
            code = frame[read]
            end = read + code
            if end > size:
                return -1
            for at in range(read + 1, end):  # a slice would be an allocation
                payload[wrote] = frame[at]
                wrote += 1
            read = end
            if read == size:
                return wrote
            if code != 0xFF:
                payload[wrote] = 0
                wrote += 1
