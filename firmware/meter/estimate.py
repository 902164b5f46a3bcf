"""The energy between two steps of a meter's register.

A register counts in steps, from 1 Wh to 100 Wh. Inside a step only the power is known, so the
estimate adds power times time. It stops 1 mWh short of the next step: had more flowed, the
register would have moved, or will when it is refreshed. The register is the truth; the estimate
only fills the gap.

An example with steps of 1,000 mWh and 11 kW, which are 3.06 mWh in 1 ms:

    time, ms        0    100    200    300    350    400    500
    reading       5 Wh          5 Wh                 6 Wh
    total, mWh      0    305    611    916    999   1000   1305
                    |<---- power times time --->| the register moved: the estimate starts anew
                                            held at 1 mWh below the step

The first reading tells the register, and not how far the next step is. So of the first step only
power times time counts. The rest of it flowed before (`before_mwh`). A first step that is longer
than declared may also be a fault: no more of it counts than can have flowed.
"""

from joulestream.compat import const
from joulestream.units import MW_PER_W, W_MS_PER_MWH, small_int, ticks_diff

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.meter.reading import Reading


class EnergyEstimate:
    """A total in mWh, from 0, that follows a meter's register and never runs backwards.

    Attributes:
        total_mwh: the total at the last call of `advance`.
        flowing: whether current may flow. If not, only the register adds to the total.
        register_mwh: the register at the last reading that was followed; None before one.
        register_total_mwh: the part of the total that the register has confirmed.
        before_mwh: the parts of first steps that are not in the total.
        is_following: whether the newest reading was followed.
    """

    def __init__(self) -> None:
        self.total_mwh = 0
        self.flowing = True
        self.register_mwh: int | None = None
        self.register_total_mwh = 0
        self.before_mwh = 0
        self.is_following = False
        self._is_first_step = True
        self._step_mwh = 0
        # Energy since the register last moved: whole mWh, and the rest below 1 mWh in W times ms.
        # Both stay small integers on a board, which need no allocation.
        self._inside_mwh = 0
        self._inside_w_ms = 0
        self._power_w = 0
        self._time_ms = 0

    def follow(self, reading: "Reading", step_mwh: int, most_mwh: int) -> None:
        """Follow the register to a reading that the watch found good.

        The first reading only says where the register stands; it adds nothing to the total.

        Args:
            reading: the reading.
            step_mwh: the step of the register.
            most_mwh: the most that can have flowed since the reading before this one.
        """
        self.advance(reading.time_ms)
        self.is_following = True
        if reading.energy_mwh != self.register_mwh:
            if self.register_mwh is None:
                self.register_total_mwh = self.total_mwh
                self._is_first_step = True
            else:
                moved_mwh = small_int(reading.energy_mwh - self.register_mwh)
                if self._is_first_step:
                    moved_mwh = self._first_step(moved_mwh, step_mwh, most_mwh)
                self.register_total_mwh += moved_mwh
            self.register_mwh = reading.energy_mwh
            # The total may be ahead of the register. The lead was counted once; it counts towards
            # the new step.
            self._inside_mwh = self.total_mwh - self.register_total_mwh
            if self._inside_mwh < 0:
                self._inside_mwh = 0
            self._inside_w_ms = 0
        self._power_w = reading.power_mw // MW_PER_W if reading.power_mw > 0 else 0
        self._step_mwh = step_mwh
        self._settle()

    def _first_step(self, moved_mwh: int, step_mwh: int, most_mwh: int) -> int:
        """Return the part of the register's first move that counts; note the rest of it."""
        self._is_first_step = False
        inside_mwh = self.total_mwh - self.register_total_mwh
        whole_mwh = min(moved_mwh - step_mwh, most_mwh)
        counted_mwh = min(max(inside_mwh, whole_mwh), moved_mwh)
        self.before_mwh += moved_mwh - counted_mwh
        return counted_mwh

    def pause(self) -> None:
        """Count nothing until the next reading that is followed."""
        self.is_following = False
        self._power_w = 0

    def forget_register(self) -> None:
        """Let the next reading be the first: the register does not go on from its old value."""
        self.register_mwh = None

    def skip_counted(self, counted_mwh: int) -> None:
        """Leave the register's next `counted_mwh` out of the total: they were billed before."""
        self.register_total_mwh -= counted_mwh
        self._inside_mwh += counted_mwh
        self._is_first_step = False

    def advance(self, now_ms: int) -> int:
        """Bring the total up to the tick `now_ms` and return it, in mWh."""
        if now_ms == self._time_ms:
            # `follow` has settled the total for this tick, and nothing else makes it more.
            return self.total_mwh
        elapsed_ms = ticks_diff(now_ms, self._time_ms)
        self._time_ms = now_ms
        if self.register_mwh is None:
            return self.total_mwh
        if elapsed_ms > 0 and self._power_w and self.flowing:
            self._inside_w_ms += self._power_w * elapsed_ms
            if self._inside_w_ms >= W_MS_PER_MWH:
                self._inside_mwh += self._inside_w_ms // W_MS_PER_MWH
                self._inside_w_ms %= W_MS_PER_MWH
        return self._settle()

    def _settle(self) -> int:
        """Bring the total up to the register and the energy since its move; return the total."""
        inside_mwh = self._inside_mwh
        if inside_mwh >= self._step_mwh:
            inside_mwh = self._step_mwh - 1
        total_mwh = self.register_total_mwh + inside_mwh
        if total_mwh > self.total_mwh:
            self.total_mwh = total_mwh
        return self.total_mwh
