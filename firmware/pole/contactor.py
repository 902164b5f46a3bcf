"""A dead-man contactor: it stays closed only while it is armed again and again."""

from joulestream.compat import const
from joulestream.units import Timer

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable


class Contactor:
    """Drives the board's contactor through `switch(closed)`.

    `arm` and `open` call `switch` every time, not only when the state changes. A board whose
    contactor driver is a retriggerable one-shot takes each call as a trigger, so that a firmware
    that hangs opens the contactor. On a board without a one-shot, `expired` notices it late.
    """

    def __init__(self, switch: "Callable[[bool], None]", hold_ms: int) -> None:
        self._switch = switch
        self._hold_ms = hold_ms
        self._hold = Timer()
        self.closed = False
        switch(False)

    def arm(self, now_ms: int) -> None:
        """Close the contactor, or keep it closed, until `hold_ms` after `now_ms`."""
        self._hold.start(now_ms, self._hold_ms)
        self.closed = True
        self._switch(True)

    def open(self) -> None:
        """Open the contactor at once."""
        self.closed = False
        self._switch(False)

    def expired(self, now_ms: int) -> bool:
        """Return whether the contactor is closed and was not armed in time: a step hung."""
        return self.closed and self._hold.is_over(now_ms)
