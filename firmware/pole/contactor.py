"""A dead-man contactor that counts its closings and rests between them.

It stays closed only while it is armed again and again. Each closing wears the contacts, so a
vehicle that asks for many of them has to wait. Each closing raises a level by one, and a level is
forgotten every two minutes. From the sixth level on the contactor stays open for 10 s after an
opening, from the seventh for 20 s, and so on up to two minutes. So the first closings are free,
and fewer than 60 fit into an hour (tests/test_contactor.py counts them).
"""

from joulestream.compat import const
from joulestream.device.journal_keys import CLOSINGS
from joulestream.units import Timer

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable

    from joulestream.device.journal import Journal

# The longest time that the contacts take to part.
OPENING_MS = const(100)
# An orderly stop takes so long at most. The vehicle is asked to draw no current, and the contactor
# opens in pilot state B or then. Source: IEC 61851-1, Annex A (duty of 100 %).
ORDERLY_STOP_MS = const(6_000)

_FREE = const(5)
_REST_STEP_MS = const(10_000)
_LONGEST_REST_MS = const(120_000)
_FORGET_MS = const(120_000)
_HIGHEST_LEVEL = const(_FREE + _LONGEST_REST_MS // _REST_STEP_MS)
# The journal's value: the closings of the contactor's life, then the level.
_CLOSINGS_SIZE = const(4)
_MOST_CLOSINGS = const((1 << 32) - 1)


class Contactor:
    """Drives the board's contactor through `switch(closed)`.

    `arm` and `open` call `switch` every time, not only when the state changes. The hardware gate
    behind it opens when no step completes. On a board without a gate, `follow` notices it late.

    The journal gets the level before the contactor closes, so that neither a new loop nor a
    restart of the pole forgets it. After a start the rest begins anew.

    Args:
        switch: drives the coil.
        hold_ms: the contactor counts as hung when it was not armed for so long.
        journal: the device's journal.
        now_ms: the present tick.

    Attributes:
        closed: whether the coil is driven.
        least_rest_ms: the least time from an opening to the next closing.
        closings: how often the contactor closed in its life.
    """

    def __init__(
        self, switch: "Callable[[bool], None]", hold_ms: int, journal: "Journal", now_ms: int
    ) -> None:
        self._switch = switch
        self._hold_ms = hold_ms
        self._journal = journal
        self._hold = Timer()
        self._rest = Timer()
        self._until_forgotten = Timer()
        stored = journal.get(CLOSINGS)
        if stored is None:
            stored = bytes(_CLOSINGS_SIZE + 1)
        elif len(stored) != _CLOSINGS_SIZE + 1:
            # Of another version. It may have been closed often of late.
            stored = bytes(_CLOSINGS_SIZE) + bytes((_HIGHEST_LEVEL,))
        self.closings = int.from_bytes(stored[:_CLOSINGS_SIZE], "big")
        self._level = min(stored[_CLOSINGS_SIZE], _HIGHEST_LEVEL)
        self.closed = False
        self.least_rest_ms = 0
        switch(False)
        self._begin_rest(now_ms)
        self._until_forgotten.start(now_ms, _FORGET_MS)

    def arm(self, now_ms: int) -> None:
        """Close the contactor, or keep it closed, until `hold_ms` after `now_ms`.

        A contactor that rests stays open, and so does one that cannot store its closing.
        """
        if not self.closed:
            if self.rests(now_ms) or not self._count():
                return
            self.closed = True
        self._hold.start(now_ms, self._hold_ms)
        self._switch(True)

    def open(self, now_ms: int) -> None:
        """Open the contactor at once."""
        if self.closed:
            self.closed = False
            self._begin_rest(now_ms)
        self._switch(False)

    def rests(self, now_ms: int) -> bool:
        """Return whether the contactor has to stay open now."""
        return not self._rest.is_over(now_ms)

    def follow(self, now_ms: int) -> bool:
        """Follow the time; return whether the contactor was not armed in time: a step hung."""
        if self._until_forgotten.is_over(now_ms):
            self._level = max(self._level - 1, 0)
            self._until_forgotten.start(now_ms, _FORGET_MS)
        return self.closed and self._hold.is_over(now_ms)

    def _begin_rest(self, now_ms: int) -> None:
        rest_ms = _REST_STEP_MS * max(self._level - _FREE, 0)
        self._rest.start(now_ms, max(rest_ms, self.least_rest_ms))

    def _count(self) -> bool:
        """Store one more closing; return whether that worked."""
        closings = min(self.closings + 1, _MOST_CLOSINGS)
        level = min(self._level + 1, _HIGHEST_LEVEL)
        try:
            self._journal.put(CLOSINGS, closings.to_bytes(_CLOSINGS_SIZE, "big") + bytes((level,)))
        except OSError:
            return False
        self.closings, self._level = closings, level
        return True
