"""Energy between two register steps: the register is the truth, power times time fills it."""

from joulestream.units import MW_PER_W, W_MS_PER_MWH, small, ticks_diff


class EnergyEstimate:
    """A total in mWh that follows the meter's register and never runs backwards.

    Inside one register step it grows by power times time, never beyond the step, and only while
    current is `flowing`. `register_mwh` is what the register said last, None while it is not
    followed, and `register_total_mwh` the total that it stands for.
    """

    def __init__(self):
        self.total_mwh = 0
        self.flowing = True
        self.register_mwh = None
        self.register_total_mwh = 0
        self._step_mwh = 0
        self._inside_mwh = 0  # since the register last moved, and less than one more:
        self._rest = 0  # W times ms, kept apart so that both stay small integers on a board
        self._power_w = 0
        self._time_ms = 0

    def take(self, reading):
        """Follow a good reading."""
        self.advance(reading.time_ms)
        if reading.energy_mwh != self.register_mwh:
            if self.register_mwh is None:
                self.register_total_mwh = self.total_mwh
            else:
                self.register_total_mwh += small(reading.energy_mwh - self.register_mwh)
            self.register_mwh = reading.energy_mwh
            # What the estimate ran ahead inside the old step is not counted again.
            self._inside_mwh = max(self.total_mwh - self.register_total_mwh, 0)
            self._rest = 0
        self._step_mwh = reading.step_mwh
        self._power_w = max(reading.power_mw, 0) // MW_PER_W
        self.advance(reading.time_ms)

    def hold_back(self, counted_mwh):
        """Count nothing of the register's next `counted_mwh`: they were counted before."""
        self.register_total_mwh -= counted_mwh

    def rebase(self):
        """Distrust the register: go on from the total with whatever it says next."""
        self.register_mwh = None
        self._power_w = 0

    def advance(self, now_ms):
        """Return the total at `now_ms`, in mWh."""
        elapsed_ms = ticks_diff(now_ms, self._time_ms)
        self._time_ms = now_ms
        if self.register_mwh is None:
            return self.total_mwh
        if elapsed_ms > 0 and self._power_w and self.flowing:
            self._rest += self._power_w * elapsed_ms
            if self._rest >= W_MS_PER_MWH:
                self._inside_mwh += self._rest // W_MS_PER_MWH
                self._rest %= W_MS_PER_MWH
        inside_mwh = min(self._inside_mwh, self._step_mwh - 1)
        total_mwh = self.register_total_mwh + inside_mwh
        if total_mwh > self.total_mwh:
            self.total_mwh = total_mwh
        return self.total_mwh
