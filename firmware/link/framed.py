"""The receiving side of a link of frames over a UART: COBS frames, a receiver, counters."""

from joulestream.compat import const
from joulestream.errors import MalformedError
from joulestream.framing import MAX_FRAME, Decoder

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable

    from joulestream.boards.contract import Board


class FramedLink:
    """Takes in frames that come on the board's UART `name`. A subclass polls and sends.

    link/__init__.py describes the methods and the counters.
    """

    fault: "str | None" = None

    def __init__(self, board: "Board", name: str = "link") -> None:
        self._uart = board.uart(name)
        self._deliver: Callable[[memoryview], None] = _ignore
        self._frame = bytearray(MAX_FRAME)
        self._frame_view = memoryview(self._frame)
        self._received = bytearray(MAX_FRAME)
        self._decoder = Decoder(self._take)
        self._malformed = 0
        self.bytes_sent = 0
        self.unsent = 0

    @property
    def dropped(self) -> int:
        """Frames that came with bad COBS, a bad CRC, too many bytes or no message."""
        decoder = self._decoder
        return decoder.bad_cobs + decoder.bad_crc + decoder.oversized + self._malformed

    def attach(self, deliver: "Callable[[memoryview], None]") -> None:
        """Let `poll` call `deliver(payload)` from now on."""
        self._deliver = deliver

    def _take(self, payload: memoryview) -> None:
        try:
            self._deliver(payload)
        except MalformedError:
            self._malformed += 1


def _ignore(payload: memoryview) -> None:
    """Stand in until a receiver is attached."""
