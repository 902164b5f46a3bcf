"""A board's clock, and the time that an operator told over the service line."""

from joulestream.boards.contract import CLOCK_NETWORK
from joulestream.compat import const
from joulestream.runtime import BUILT_S
from joulestream.units import ticks_add, ticks_diff

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.boards.contract import Board

_MS_PER_S = const(1_000)
# As in pole/clock.py: a later time is a fault.
_LAST_S = 1 << 33


class ToldClock:
    """Unix time by the operator's word, else by the board.

    The operator's word counts as long as no network tells the board the time: it is newer than
    that of a real-time clock. It lasts until the next start or the next word, so no wrong word
    locks the pole.

    `read` stands for the board's own `clock`.
    """

    def __init__(self, board: "Board") -> None:
        self._board = board
        self._tick_ms = board.now_ms()
        self._time_s: int | None = None

    def tick(self, now_ms: int) -> None:
        """Follow the ticks. Called in every step, for ticks wrap in twelve days."""
        elapsed_ms = ticks_diff(now_ms, self._tick_ms)
        if elapsed_ms >= _MS_PER_S:
            elapsed_s = elapsed_ms // _MS_PER_S
            self._tick_ms = ticks_add(self._tick_ms, elapsed_s * _MS_PER_S)
            if self._time_s is not None:
                self._time_s += elapsed_s

    def tell(self, time_s: int) -> bool:
        """Take the operator's word; return whether it can be a time at all."""
        if not BUILT_S <= time_s < _LAST_S:
            return False
        self._time_s = time_s
        return True

    def read(self) -> "tuple[int, int]":
        """Return the unix time in s and its quality, as boards.contract.Board.clock."""
        time_s, quality = self._board.clock()
        if self._time_s is None or quality == CLOCK_NETWORK:
            return time_s, quality
        return self._time_s, CLOCK_NETWORK
