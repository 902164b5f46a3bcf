"""The link over a UART: COBS frames with a CRC, one payload each (joulestream.framing)."""

from joulestream.compat import const
from joulestream.errors import MalformedError
from joulestream.framing import MAX_FRAME, Decoder, encode

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable

    from joulestream.boards.contract import Board
    from joulestream.device.config import Config

# The UART's name and its line settings belong to the board.
TABLE = ()


class Link:
    """Frames over the board's UART "link"."""

    def __init__(self, config: "Config", board: "Board") -> None:
        self._uart = board.uart("link")
        self._deliver: Callable[[memoryview], None] = _ignore
        self._frame = bytearray(MAX_FRAME)
        self._frame_view = memoryview(self._frame)
        self._received = bytearray(MAX_FRAME)
        self._decoder = Decoder(self._take)
        self._malformed = 0
        self.bytes_sent = 0

    @property
    def dropped(self) -> int:
        """Frames that came with bad COBS, a bad CRC, too many bytes or no message."""
        decoder = self._decoder
        return decoder.bad_cobs + decoder.bad_crc + decoder.oversized + self._malformed

    def attach(self, deliver: "Callable[[memoryview], None]") -> None:
        """Let `poll` call `deliver(payload)` from now on."""
        self._deliver = deliver

    def poll(self) -> None:
        """Read the bytes that have come; deliver the payload of every good frame."""
        size = self._uart.readinto(self._received)
        if size:
            self._decoder.feed(self._received, size)

    def flush(self, outbox: "list[bytes]") -> None:
        """Send every payload of `outbox` as a frame, then clear the list."""
        for payload in outbox:
            size = encode(payload, self._frame)
            self._uart.write(self._frame_view[:size])
            self.bytes_sent += size
        outbox.clear()

    def _take(self, payload: memoryview) -> None:
        try:
            self._deliver(payload)
        except MalformedError:
            self._malformed += 1


def _ignore(payload: memoryview) -> None:
    """Stand in until a receiver is attached."""
