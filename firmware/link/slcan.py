"""A CAN adapter on a UART that speaks LAWICEL's ASCII protocol, "slcan" (CAN232 manual, V3).

A line ends with a carriage return. `T18DAF4563300008` and so on is a frame; the adapter answers an
order with a carriage return, and a bad one with a bell. Nothing here waits for an answer: once a
second the adapter is asked for its flags, and one that stayed silent since is opened anew.
"""

from binascii import hexlify, unhexlify

from joulestream.compat import const
from joulestream.units import Timer

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable

    from joulestream.boards.contract import Board
    from joulestream.device.config import Config

# bit/s: the digit of the order S.
_SPEEDS = {125_000: 4, 250_000: 5, 500_000: 6, 1_000_000: 8}
_RETURN = const(0x0D)
_BELL = const(0x07)
_FRAME = const(0x54)  # T: a data frame with 29 bits
_FLAGS = const(0x46)  # F
# T, 8 digits, 1 digit, 16 digits, 4 digits of a time stamp.
_LONGEST_LINE = const(30)
_HEAD = const(10)
_ID_END = const(9)
_ZERO = const(0x30)
_OUT_SIZE = const(256)
_IN_SIZE = const(256)
# A full bus brings less than this between two steps, and no step takes longer for more.
_MOST_READS = const(8)
_ASK_MS = const(1_000)
# Flags of the answer to F.
_OVERRUN = const(0x09)  # the receive queue was full, or the controller lost a frame
_PASSIVE = const(0x20)
_BUS_ERROR = const(0x80)

_SILENT = "no slcan adapter answers on the UART 'link'; check that it is plugged in, and its speed"
_DISTURBED = "the CAN bus shows errors; check termination, bit rate, wires and the other side"


class Controller:
    """The adapter: frames with one identifier out, frames with another one in.

    Raises ValueError, in one sentence, when the board has no UART for it.

    Attributes:
        room: the frames that come and wait while nobody reads them. A UART with a buffer of 256
            bytes holds nine.
        fault: one sentence about the bus or the adapter, or None.
        overruns: how often the adapter told that it lost frames.
        refusals: orders that the adapter refused.
    """

    room = 8

    def __init__(self, config: "Config", board: "Board", send_id: int, receive_id: int) -> None:
        self._uart = board.uart("link")
        self._opening = b"\rC\rS%d\rO\r" % _SPEEDS[config.bit_rate]
        self._accepted = receive_id.to_bytes(4, "big")
        self._frame_head = b"T" + hexlify(send_id.to_bytes(4, "big"))
        self._out = bytearray(_OUT_SIZE)
        self._out_view = memoryview(self._out)
        self._out_size = 0
        self._in = bytearray(_IN_SIZE)
        self._line = bytearray(_LONGEST_LINE)
        self._line_size = 0
        self._ask = Timer()
        self._has_asked = False
        self._has_heard = False
        self.fault: str | None = None
        self.overruns = 0
        self.refusals = 0
        self._put(self._opening)
        self._send_waiting()

    def receive(self, take: "Callable[[memoryview, int, int], None]", now_ms: int) -> None:
        """Call `take(data, size, now_ms)` for every frame that came, in order."""
        if self._out_size:
            self._send_waiting()
        for _ in range(_MOST_READS):
            size = self._uart.readinto(self._in)
            self._take_bytes(size, take, now_ms)
            if size < _IN_SIZE:
                break
        if self._ask.is_over(now_ms):
            self._ask_adapter(now_ms)

    def transmit(self, frame: bytearray, size: int) -> bool:
        """Put a frame behind the others; return False if there is no room for it now."""
        if not self._put(
            self._frame_head + b"%d" % size + hexlify(memoryview(frame)[:size]) + b"\r"
        ):
            return False
        self._send_waiting()
        return True

    def abort(self) -> None:
        """Leave the frames: the adapter has no order that takes them back."""

    def _take_bytes(
        self, size: int, take: "Callable[[memoryview, int, int], None]", now_ms: int
    ) -> None:
        for at in range(size):
            byte = self._in[at]
            if byte == _RETURN or byte == _BELL:
                self._has_heard = True
                if byte == _BELL:
                    self.refusals += 1
                else:
                    self._take_line(take, now_ms)
                self._line_size = 0
            elif self._line_size < _LONGEST_LINE:
                self._line[self._line_size] = byte
                self._line_size += 1
            else:
                self._line[0] = 0  # too long: no line of an adapter

    def _ask_adapter(self, now_ms: int) -> None:
        """Ask for the flags; open an adapter anew that has said nothing since the last time."""
        self._ask.start(now_ms, _ASK_MS)
        if self._has_asked and not self._has_heard:
            self.fault = _SILENT
            self._put(self._opening)
        elif self.fault == _SILENT:
            self.fault = None
        self._has_heard = False
        self._has_asked = self._put(b"F\r") or self._has_asked
        self._send_waiting()

    def _take_line(self, take: "Callable[[memoryview, int, int], None]", now_ms: int) -> None:
        line, end = self._line, self._line_size
        if end == 3 and line[0] == _FLAGS:
            try:
                self._judge(int(bytes(line[1:3]), 16))
            except ValueError:
                pass
            return
        size = line[_ID_END] - _ZERO
        if end < _HEAD or line[0] != _FRAME or not 0 <= size <= 8 or end < _HEAD + 2 * size:
            return
        try:
            if unhexlify(line[1:_ID_END]) != self._accepted:
                return
            data = unhexlify(line[_HEAD : _HEAD + 2 * size])
        except ValueError:
            return
        take(memoryview(data), size, now_ms)

    def _judge(self, flags: int) -> None:
        """Derive the fault from the adapter's flags, which it clears with its answer."""
        if flags & _OVERRUN:
            self.overruns += 1
        self.fault = _DISTURBED if flags & (_PASSIVE | _BUS_ERROR) else None

    def _put(self, data: bytes) -> bool:
        """Put `data` behind the bytes that wait; return False if there is no room for it."""
        end = self._out_size + len(data)
        if end > _OUT_SIZE:
            return False
        self._out[self._out_size : end] = data
        self._out_size = end
        return True

    def _send_waiting(self) -> None:
        """Give the UART as many of the waiting bytes as it takes."""
        sent = self._uart.write(self._out_view[: self._out_size])
        left = self._out_size - sent
        if sent and left:
            self._out[:left] = self._out[sent : self._out_size]
        self._out_size = left
