"""A dead-man contactor: closed only while it is armed again and again, open on any doubt."""

from joulestream.units import ticks_add, ticks_diff


class Contactor:
    """Drives `switch(closed)`, which is told at every `arm` and every `open`.

    A board whose contactor driver is a retriggerable one-shot takes each telling as a trigger, so
    that a firmware that hangs opens the contactor. Where there is none, `expired` finds out late.
    """

    def __init__(self, switch, hold_ms):
        self._switch = switch
        self._hold_ms = hold_ms
        self._until_ms = 0
        self.closed = False
        switch(False)

    def arm(self, now_ms):
        """Close the contactor, or keep it closed, until `hold_ms` after `now_ms`."""
        self._until_ms = ticks_add(now_ms, self._hold_ms)
        self.closed = True
        self._switch(True)

    def open(self):
        """Open the contactor at once."""
        self.closed = False
        self._switch(False)

    def expired(self, now_ms):
        """Return whether the contactor is closed though it was not armed in time: a step hung."""
        return self.closed and ticks_diff(now_ms, self._until_ms) >= 0
