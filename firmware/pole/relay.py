"""A dead-man relay: closed only while it is armed again and again, open on any doubt."""

from joulestream.units import ticks_add, ticks_diff


class Relay:
    """Drives `switch(closed)`; opens unless `arm` was called within the last `hold_ms`."""

    def __init__(self, switch, hold_ms):
        self._switch = switch
        self._hold_ms = hold_ms
        self._until_ms = 0
        self.closed = False
        switch(False)

    def arm(self, now_ms):
        """Close the relay, or keep it closed, until `hold_ms` after `now_ms`."""
        self._until_ms = ticks_add(now_ms, self._hold_ms)
        if not self.closed:
            self.closed = True
            self._switch(True)

    def open(self):
        """Open the relay at once. The switch is told every time, whatever it was told before."""
        self.closed = False
        self._switch(False)

    def poll(self, now_ms):
        """Open the relay when it was not armed in time."""
        if self.closed and ticks_diff(now_ms, self._until_ms) >= 0:
            self.open()
