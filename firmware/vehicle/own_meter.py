"""The vehicle's own view of the energy that flowed: from its meter, or from power and time.

Both classes offer `advance(now_ms)` and the figures that the payer reads: `total_mwh`,
`unsure_mwh`, `step_mwh`, `reason`.
"""

from joulestream import errors
from joulestream.compat import const
from joulestream.units import MS_PER_HOUR, small_int, ticks_diff

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Protocol

    from joulestream.meter.counter import EnergyCounter

    class Figures(Protocol):
        """The figures that the payer reads."""

        total_mwh: int
        step_mwh: int
        reason: int

        @property
        def unsure_mwh(self) -> int:
            """The part of `total_mwh` that the register should have shown by now."""


class OwnMeter:
    """Follows the vehicle's own meter through its `counter`.

    Attributes:
        total_mwh: the energy, counted on from the meter's own register, so that it goes on over
            reboots.
        step_mwh: the step in which the register counts.
        reason: why the meter cannot be trusted (errors.py), or 0.
    """

    def __init__(self, counter: "EnergyCounter") -> None:
        self.counter = counter
        self._base_mwh: int | None = None
        # The counter's figures at the total's last change: a sum of large numbers takes memory.
        self._counted_mwh = self._before_mwh = 0
        self._is_new = False
        self.step_mwh = counter.step_mwh
        self.total_mwh = 0
        self.reason = errors.METER_SILENT

    @property
    def unsure_mwh(self) -> int:
        """The part of the total that the register should have shown, but for its refresh."""
        counter = self.counter
        ahead_mwh = counter.total_mwh - counter.register_total_mwh
        return max(ahead_mwh - self.step_mwh, 0)

    def advance(self, now_ms: int) -> None:
        """Bring the figures up to the tick `now_ms`."""
        counter = self.counter
        counter.advance(None, now_ms)
        if self._base_mwh is None and counter.register_mwh is not None:
            self._base_mwh = max(counter.register_mwh, 0)
            self._is_new = True
        self.step_mwh = counter.step_mwh
        self.reason = counter.reason
        # The register's scale goes on over reboots. So a step that began before this start counts
        # whole here: its first part is in the figures that were stored before.
        if counter.total_mwh != self._counted_mwh or counter.before_mwh != self._before_mwh:
            self._counted_mwh, self._before_mwh = counter.total_mwh, counter.before_mwh
            self._is_new = True
        if self._is_new:
            self._is_new = False
            own_mwh = self._before_mwh + self._counted_mwh
            self.total_mwh = small_int((self._base_mwh or 0) + own_mwh)


class PowerBound:
    """The most energy that can have flowed: `max_power_mw` times the time that passed.

    For a vehicle without a meter. Nothing makes this bound doubtful, so `reason` is always 0.
    A second at maximum power counts for one channel only, as a watt-hour of a meter does. The
    pole's meter may count more of the same power, so `audit_percent` applies here too.
    """

    unsure_mwh = 0

    def __init__(self, max_power_mw: int) -> None:
        self._max_power_mw = max_power_mw
        self._numerator = 0
        self._last_ms: int | None = None
        self.step_mwh = 0
        self.total_mwh = 0
        self.reason = 0

    def advance(self, now_ms: int) -> None:
        """Bring the figures up to the tick `now_ms`."""
        if self._last_ms is not None:
            self._numerator += self._max_power_mw * max(ticks_diff(now_ms, self._last_ms), 0)
            self.total_mwh = self._numerator // MS_PER_HOUR
        self._last_ms = now_ms
