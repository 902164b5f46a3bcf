"""The link over RS-485 with one pair of wires: the UART's frames, and both sides take turns.

Only one side can send at a time. A side begins when the pair has been quiet for `gap_ms`. After
its frames it leaves the pair to the other side, until a good frame came or a time is over. A side
without an answer to its last frames waits for a random time before it begins: two sides that began
at once, and damaged each other's frames, begin at different times again.

Transceivers that hear themselves echo each frame; an own frame that comes back is ignored. After
some turns without an echo the link knows that there is none, and takes a frame from the other side
that is the same as an own one. A zero byte before each frame ends the rest of a collision at the
receiver. docs/protocol.md, section 2.1, is normative.
"""

from binascii import crc32

from joulestream.compat import const
from joulestream.device.config import whole
from joulestream.framing import MAX_FRAME, encode
from joulestream.link.framed import FramedLink
from joulestream.units import Timer

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.boards.contract import Board
    from joulestream.device.config import Config

# The board owns the UART's settings. `baud` tells how long the own bytes take.
TABLE = (
    ("baud", whole(1_200, 1_000_000), 115_200),
    ("gap_ms", whole(1, 100), 3),
)

_QUEUE_SIZE = 2 * (1 + MAX_FRAME)
_BITS_PER_BYTE = const(10)
_GAP_BYTES = const(4)
# The random time is 0 to 7 slots. In a slot a side notices that the other one has begun: a round
# of its loop, and the receive timeout of a UART.
_SLOTS = const(8)
_SLOT_GAPS = const(2)
# The other side hears the end of a frame, works on it and answers after a gap.
_ANSWER_GAPS = const(4)
# Frames in the queue, and own frames that may still come back.
_FRAMES = const(4)
_NONE = const(0)
_QUEUED = const(1)
_SENT = const(2)
# Turns without an echo, after which none is expected.
_SILENT_TURNS = const(8)
# A linear congruential generator modulo a prime (ZX81 manual, 1981).
_FACTOR = const(75)
_INCREMENT = const(74)
_MODULUS = const(65_537)


class Link(FramedLink):
    """Frames over the board's UART "link", with turns."""

    def __init__(self, config: "Config", board: "Board") -> None:
        super().__init__(board)
        self._now_ms = board.now_ms
        self._baud = config.baud
        byte_times_ms = _GAP_BYTES * _BITS_PER_BYTE * 1_000 // config.baud + 1
        self._gap_ms = max(config.gap_ms, byte_times_ms)
        self._queue = bytearray(_QUEUE_SIZE)
        self._queue_view = memoryview(self._queue)
        self._size = 0  # bytes in the queue
        self._left = 0  # of these, bytes that go out in this turn
        self._turn_size = 0
        self._quiet = Timer()
        self._others = Timer()
        self._wants_turn = False
        self._is_unanswered = False
        # The CRCs of own frames, and whether each is in the queue or was sent in the last turns.
        self._crcs = [0] * _FRAMES
        self._stages = bytearray(_FRAMES)
        self._silent_turns = 0
        self._random = _seed(board)

    def poll(self) -> None:
        """Read the bytes that have come; deliver good frames; send if it is this side's turn."""
        now_ms = self._now_ms()
        size = self._uart.readinto(self._received)
        if size:
            self._quiet.start(now_ms, self._gap_ms)
            self._decoder.feed(self._received, size)
        self._send(now_ms)

    def flush(self, outbox: "list[bytes]") -> None:
        """Queue every payload of `outbox` or drop it, then clear the list."""
        for payload in outbox:
            size = encode(payload, self._frame)
            end = self._size + 1 + size
            place = self._place()
            if end > _QUEUE_SIZE or place < 0:
                self.unsent += 1
                continue
            self._queue[self._size] = 0
            self._queue[self._size + 1 : end] = self._frame_view[:size]
            self._size = end
            self._crcs[place] = crc32(payload)
            self._stages[place] = _QUEUED
        outbox.clear()
        self._send(self._now_ms())

    def _send(self, now_ms: int) -> None:
        """Begin a turn if the pair is free, and go on with one."""
        if not self._left:
            if not self._size or not self._may_begin(now_ms):
                return
            self._left = self._turn_size = self._size
            for at in range(_FRAMES):
                if self._stages[at] == _QUEUED:
                    self._stages[at] = _SENT
        sent = self._uart.write(self._queue_view[: self._left])
        self.bytes_sent += sent
        self._left -= sent
        rest = self._size - sent
        if sent and rest:
            self._queue[:rest] = self._queue[sent : self._size]
        self._size = rest
        if not self._left:
            own_ms = self._turn_size * _BITS_PER_BYTE * 1_000 // self._baud + 1
            self._others.start(now_ms, own_ms + _ANSWER_GAPS * self._gap_ms)
            self._wants_turn = False
            self._is_unanswered = True

    def _may_begin(self, now_ms: int) -> bool:
        """Return whether the pair is free and this side's waiting is over."""
        if not self._wants_turn:
            self._wants_turn = True
            if self._is_unanswered and self._others.is_over(now_ms):
                self._random = (self._random * _FACTOR + _INCREMENT) % _MODULUS
                slots = self._random % _SLOTS
                self._others.start(now_ms, slots * _SLOT_GAPS * self._gap_ms)
        return self._quiet.is_over(now_ms) and self._others.is_over(now_ms)

    def _take(self, payload: memoryview) -> None:
        if self._is_echo(payload):
            return
        self._is_unanswered = False
        if not self._left:
            # The other side had its turn.
            self._others.stop()
        super()._take(payload)

    def _is_echo(self, payload: memoryview) -> bool:
        """Return whether `payload` is an own one that came back. Each comes back once."""
        if self._silent_turns >= _SILENT_TURNS:
            return False
        crc = crc32(payload)
        for at in range(_FRAMES):
            if self._stages[at] == _SENT and self._crcs[at] == crc:
                self._stages[at] = _NONE
                self._silent_turns = 0
                return True
        if self._is_unanswered:
            # An echo would have come before the other side's answer.
            self._silent_turns += 1
            for at in range(_FRAMES):
                if self._stages[at] == _SENT:
                    self._stages[at] = _NONE
        return False

    def _place(self) -> int:
        """Return where to note the CRC of one more frame, or -1."""
        for stage in (_NONE, _SENT):
            at = self._stages.find(bytes((stage,)))
            if at >= 0:
                return at
        return -1


def _seed(board: "Board") -> int:
    """Return a number that differs between the two sides."""
    try:
        return int.from_bytes(board.random(2), "big")
    except ValueError:  # a board without a random source: the ticks differ a little
        return board.now_ms() % _MODULUS
