"""A session's payloads over a UART: framing, sessions' outboxes, and the counters of both."""

from joulestream.errors import MalformedError
from joulestream.framing import MAX_FRAME, Decoder, encode


class Link:
    """Frames over `uart`, an object with `readinto(buffer) -> int` and `write(buffer)`.

    Neither call may block; `readinto` returns 0 when there is nothing to read. `deliver(payload)`
    gets a memoryview, valid during the call; it raises MalformedError for what is no message.
    """

    def __init__(self, uart, deliver):
        self._uart = uart
        self._deliver = deliver
        self._frame = bytearray(MAX_FRAME)
        self._frame_view = memoryview(self._frame)
        self._received = bytearray(MAX_FRAME)
        self._decoder = Decoder(self._guarded)
        self._malformed = 0
        self.bytes_sent = 0

    def send(self, payload):
        """Write one payload as a frame."""
        size = encode(payload, self._frame)
        self._uart.write(self._frame_view[:size])
        self.bytes_sent += size

    def poll(self):
        """Read what has come and hand every good frame's payload on."""
        size = self._uart.readinto(self._received)
        if size:
            self._decoder.feed(self._received, size)

    def dropped(self):
        """Return how many frames were dropped: bad COBS, bad CRC, oversized, no message."""
        decoder = self._decoder
        return decoder.bad_cobs + decoder.bad_crc + decoder.oversized + self._malformed

    def _guarded(self, payload):
        try:
            self._deliver(payload)
        except MalformedError:
            self._malformed += 1
