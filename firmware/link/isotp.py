"""ISO 15765-2 on classical CAN: messages of up to 564 bytes in frames of up to 8.

A pure state machine: frames and time come in as arguments, and frames go out through a callable.
It serves both directions at once. docs/protocol.md, section 2.2, gives the values.
"""

from joulestream.compat import const
from joulestream.framing import CRC_SIZE, MAX_PAYLOAD
from joulestream.units import Timer

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable

    from joulestream.fields import Buffer

MAX_MESSAGE = MAX_PAYLOAD + CRC_SIZE
FRAME_SIZE = const(8)
# How long either side waits for the other's next frame (N_Bs, N_Cr), or for room for an own one
# (N_As). Longer than the erase of a flash sector, which takes up to 400 ms.
TIMEOUT_MS = const(500)
# The other side works on a message before it reads again, so the next one waits.
PAUSE_MS = const(10)
# Flow controls WAIT in a row that a sender accepts (N_WFTmax).
MOST_WAITS = const(10)

# The high half of a frame's first byte.
_SINGLE = const(0)
_FIRST = const(1)
_CONSECUTIVE = const(2)
_FLOW = const(3)
# Flow status, the low half of a flow control's first byte.
_CONTINUE = const(0)
_WAIT = const(1)
_OVERFLOW = const(2)
_NO_FLOW = const(-1)

_IN_SINGLE = const(7)
_IN_FIRST = const(6)
_IN_CONSECUTIVE = const(7)
_FLOW_SIZE = const(3)

_IDLE = const(0)
_BEGINNING = const(1)
_AWAITING_FLOW = const(2)
_SENDING = const(3)

_SLOTS = const(2)
# More consecutive frames than a message has.
_NO_LIMIT = const(1 << 12)
# STmin: 0 to 127 ms, or 0xF1 to 0xF9 for 100 to 900 us. A reserved value means the longest.
_MOST_GAP_MS = const(127)
_LEAST_MICRO_GAP = const(0xF1)
_MOST_MICRO_GAP = const(0xF9)


class IsoTp:
    """One end of a connection between two addresses.

    Args:
        transmit: called as `transmit(frame, size)`; it takes the first `size` bytes of `frame`, or
            returns False when there is no room for a frame now.
        abort: called when frames that were taken and still wait for the bus have become useless.
        deliver: called with each whole message, a memoryview that is valid during the call.
        room: how many frames can come and wait while nobody reads them.

    Attributes:
        unsent: messages that were given up: no room in the queue, or no answer in time.
        broken: messages that came in part: a frame was missing, late or too much.
        refused: messages that the other side announced and that are too long.
    """

    def __init__(
        self,
        transmit: "Callable[[bytearray, int], bool]",
        abort: "Callable[[], None]",
        deliver: "Callable[[memoryview], None]",
        room: int,
    ) -> None:
        self._transmit = transmit
        self._abort = abort
        self._deliver = deliver
        self._room = room
        self._frame = bytearray(FRAME_SIZE)
        # The messages to send, a ring; the first one is on its way unless the state is idle.
        self._slots = tuple(bytearray(MAX_MESSAGE) for _ in range(_SLOTS))
        self._sizes = [0] * _SLOTS
        self._slot = 0
        self._count = 0
        self._state: int = _IDLE
        self._at = 0
        self._sequence = 0
        self._block_left = 0  # consecutive frames until the next flow control
        self._gap_ms = 0
        self._waits = 0
        self._patience = Timer()
        self._gap = Timer()
        # The message that comes.
        self._message = bytearray(MAX_MESSAGE)
        self._view = memoryview(self._message)
        self._length = 0  # 0: no message is coming
        self._got = 0
        self._expected = 0
        self._granted = 0  # the block size of the last flow control
        self._granted_left = 0
        self._flow: int = _NO_FLOW  # a flow control that is still to be sent
        self._until_late = Timer()
        self.unsent = 0
        self.broken = 0
        self.refused = 0

    @property
    def is_quiet(self) -> bool:
        """Whether no message is on its way in either direction."""
        return not self._count and not self._length and self._flow == _NO_FLOW

    def send(self, message: "Buffer") -> bool:
        """Queue a message of 1 to MAX_MESSAGE bytes; return False if there is no room for it."""
        size = len(message)
        if not 0 < size <= MAX_MESSAGE:
            raise ValueError("a message of %d bytes does not fit" % size)
        if self._count == _SLOTS:
            self.unsent += 1
            return False
        slot = (self._slot + self._count) % _SLOTS
        self._slots[slot][:size] = message
        self._sizes[slot] = size
        self._count += 1
        return True

    def step(self, now_ms: int) -> None:
        """Send the frames for which it is time at the tick `now_ms`; give up what is late."""
        if self._flow != _NO_FLOW:
            self._send_flow(now_ms)
        if self._length and self._until_late.is_over(now_ms):
            self._drop_message()
        if self._state == _IDLE and self._may_begin(now_ms):
            self._state = _BEGINNING
            self._patience.start(now_ms, TIMEOUT_MS)
        if self._state == _BEGINNING:
            self._begin(now_ms)
        elif self._state == _SENDING:
            self._send_block(now_ms)
        if self._state != _IDLE and self._patience.is_over(now_ms):
            self._abort()
            self.unsent += 1
            self._end_message(now_ms)

    def receive(self, frame: "Buffer", size: int, now_ms: int) -> None:
        """Take the first `size` bytes of a frame from the other side."""
        if not 0 < size <= FRAME_SIZE:
            return
        kind = frame[0] >> 4
        if kind == _CONSECUTIVE:
            self._take_consecutive(frame, size, now_ms)
        elif kind == _FLOW:
            if size >= _FLOW_SIZE and self._state == _AWAITING_FLOW:
                self._take_flow(frame, now_ms)
        elif kind == _SINGLE:
            length = frame[0] & 0x0F
            if 0 < length < size:
                self._drop_message()
                self._message[:length] = memoryview(frame)[1 : 1 + length]
                self._deliver(self._view[:length])
        elif kind == _FIRST and size == FRAME_SIZE:
            self._take_first(frame, now_ms)

    # The message that comes

    def _take_first(self, frame: "Buffer", now_ms: int) -> None:
        length = (frame[0] & 0x0F) << 8 | frame[1]
        # Length 0 announces more than 4095 bytes, as a number of 32 bits.
        if 0 < length <= _IN_SINGLE:
            return
        self._drop_message()
        if not 0 < length <= MAX_MESSAGE:
            self.refused += 1
            self._flow = _OVERFLOW
        else:
            self._message[:_IN_FIRST] = memoryview(frame)[2:FRAME_SIZE]
            self._length = length
            self._got = _IN_FIRST
            self._expected = 1
            self._flow = _CONTINUE
            self._until_late.start(now_ms, TIMEOUT_MS)
        self._send_flow(now_ms)

    def _take_consecutive(self, frame: "Buffer", size: int, now_ms: int) -> None:
        if not self._length:
            return
        count = min(_IN_CONSECUTIVE, self._length - self._got)
        if frame[0] & 0x0F != self._expected or size <= count or self._flow != _NO_FLOW:
            self._drop_message()
            return
        end = self._got + count
        self._message[self._got : end] = memoryview(frame)[1 : 1 + count]
        self._got = end
        self._expected = (self._expected + 1) & 0x0F
        self._until_late.start(now_ms, TIMEOUT_MS)
        if end == self._length:
            self._length = 0
            self._deliver(self._view[:end])
            return
        self._granted_left -= 1
        if not self._granted_left:
            self._flow = _CONTINUE
            self._send_flow(now_ms)

    def _drop_message(self) -> None:
        """Forget the message that came in part, if there is one."""
        if self._length:
            self._length = 0
            self.broken += 1
            if self._flow == _CONTINUE:
                self._flow = _NO_FLOW

    def _send_flow(self, now_ms: int) -> None:
        frame = self._frame
        # The other side's flow controls for an own message need a place among the waiting frames.
        own = self._state > _BEGINNING
        block = max(1, self._room - 1 if own else self._room)
        frame[0] = _FLOW << 4 | self._flow
        frame[1] = block
        frame[2] = 0
        if self._transmit(frame, _FLOW_SIZE):
            self._flow = _NO_FLOW
            self._granted = self._granted_left = block
            self._until_late.start(now_ms, TIMEOUT_MS)

    # The message that goes

    def _may_begin(self, now_ms: int) -> bool:
        """Return whether a message waits that may begin now.

        While a message comes in blocks that fill this side's room, the answer to an own first
        frame would have no place there.
        """
        if not self._count or not self._gap.is_over(now_ms):
            return False
        return not self._length or self._granted < self._room

    def _begin(self, now_ms: int) -> None:
        """Send a single frame, or the first frame of more."""
        frame = self._frame
        message = memoryview(self._slots[self._slot])
        size = self._sizes[self._slot]
        if size <= _IN_SINGLE:
            frame[0] = _SINGLE << 4 | size
            frame[1 : 1 + size] = message[:size]
            if self._transmit(frame, 1 + size):
                self._end_message(now_ms)
            return
        frame[0] = _FIRST << 4 | size >> 8
        frame[1] = size & 0xFF
        frame[2:FRAME_SIZE] = message[:_IN_FIRST]
        if self._transmit(frame, FRAME_SIZE):
            self._at = _IN_FIRST
            self._sequence = 1
            self._waits = 0
            self._state = _AWAITING_FLOW
            self._patience.start(now_ms, TIMEOUT_MS)

    def _take_flow(self, frame: "Buffer", now_ms: int) -> None:
        status = frame[0] & 0x0F
        if status == _WAIT and self._waits < MOST_WAITS:
            self._waits += 1
            self._patience.start(now_ms, TIMEOUT_MS)
        elif status == _CONTINUE:
            self._waits = 0
            self._block_left = frame[1] or _NO_LIMIT
            self._gap_ms = gap_ms(frame[2])
            self._gap.stop()
            self._state = _SENDING
            self._patience.start(now_ms, TIMEOUT_MS)
        else:
            self.unsent += 1
            self._end_message(now_ms)

    def _send_block(self, now_ms: int) -> None:
        """Send consecutive frames until the block, the room or the time for them is over."""
        frame = self._frame
        message = memoryview(self._slots[self._slot])
        left = self._sizes[self._slot] - self._at
        while self._gap.is_over(now_ms):
            count = min(_IN_CONSECUTIVE, left)
            frame[0] = _CONSECUTIVE << 4 | self._sequence
            frame[1 : 1 + count] = message[self._at : self._at + count]
            if not self._transmit(frame, 1 + count):
                return
            self._at += count
            left -= count
            self._sequence = (self._sequence + 1) & 0x0F
            self._patience.start(now_ms, TIMEOUT_MS)
            if not left:
                self._end_message(now_ms)
                return
            self._block_left -= 1
            if not self._block_left:
                self._state = _AWAITING_FLOW
                return
            if self._gap_ms:
                self._gap.start(now_ms, self._gap_ms)

    def _end_message(self, now_ms: int) -> None:
        """Go on to the next message of the queue after a pause."""
        self._state = _IDLE
        self._slot = (self._slot + 1) % _SLOTS
        self._count -= 1
        self._gap.start(now_ms, PAUSE_MS)


def gap_ms(separation: int) -> int:
    """Return the ticks between two consecutive frames for the other side's STmin.

    A tick may end right after a frame, so one more makes the time full.
    """
    if not separation:
        return 0
    if _LEAST_MICRO_GAP <= separation <= _MOST_MICRO_GAP:
        return 2
    return min(separation, _MOST_GAP_MS) + 1
