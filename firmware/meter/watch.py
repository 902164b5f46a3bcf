"""The watch over a meter: it decides from each reading whether the meter can be trusted.

A doubt has one of five reasons, and each of them opens the pole's contactor:

    METER_SILENT    no byte came for `timeout_ms`
    METER_STALE     bytes came, but no whole reading for `timeout_ms`
    METER_FROZEN    the register stands still while power flows, or every figure repeats
    METER_BACKWARD  the register went down
    METER_JUMP      the register moved further than the installation's power allows, or the meter
                    shows more power than the installation has
"""

from joulestream.compat import const
from joulestream.errors import (
    METER_BACKWARD,
    METER_FROZEN,
    METER_JUMP,
    METER_SILENT,
    METER_STALE,
)
from joulestream.units import MW_PER_W, W_MS_PER_MWH, small_int, ticks_add, ticks_diff

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.meter.contract import Driver
    from joulestream.meter.reading import Reading

# By so many steps the register may lag power times time. One step is under way inside the meter,
# one is late because a meter refreshes its register and its power at different moments, and one
# is margin for the error of the power.
_FROZEN_STEPS = const(3)
# By so many steps a register may move further than the power allows. A register shows whole
# steps, so a move between two readings can exceed the energy by nearly one step. The other step
# is for a reading that shows a later moment than the reading before it.
_JUMP_STEPS = const(2)
# The power may exceed the configured maximum by 1 / 8. The mains voltage may be 10 % above its
# nominal value (EN 50160), and the power of the same current with it; a class 1 meter adds 1 %.
_JUMP_MARGIN = const(8)
# No current flows later than this many timeouts after the last reading. After one of them the
# meter counts as lost and the contactor opens; the other covers the opening.
_LOST_TIMEOUTS = const(2)


class MeterWatch:
    """Judges the readings of one meter.

    Args:
        driver: the meter's driver; `heard_ms` tells a silent meter from a stale one.
        max_power_mw: the most that the installation can deliver, in mW.
        timeout_ms: how old the newest reading may become.
        frozen_ms: how long power, voltage and register may all repeat to the last digit while the
            contactor is closed.
        recover_ms: how long a fault that a reading showed lasts after the last such reading.
    """

    def __init__(
        self, driver: "Driver", max_power_mw: int, timeout_ms: int, frozen_ms: int, recover_ms: int
    ) -> None:
        self._driver = driver
        self._max_power_mw = max_power_mw + max_power_mw // _JUMP_MARGIN
        self._max_power_w = self._max_power_mw // MW_PER_W + 1
        self._timeout_ms = timeout_ms
        self._frozen_ms = frozen_ms
        self._recover_ms = recover_ms
        self._last: Reading | None = None
        self._last_ms = 0
        # Ticks wrap after 12 days, so that an old tick looks new again. Two facts are kept apart
        # for that reason: that the meter is lost, and the tick of a sign of life that is too old.
        self._lost = True
        self._old_heard_ms: int | None = None
        self._expected_w_ms = 0  # power times time since the register last moved
        self._changed_ms = 0  # the tick at which a figure last changed
        self._fault = 0
        self._fault_until_ms = 0
        self._followed = True

    def judge(self, reading: "Reading", contactor_closed: bool) -> bool:
        """Judge a reading; return whether the estimate may follow its register.

        A reading with too much power is a fault, but the register counted energy that did flow:
        it is followed. A register that is not plausible is followed again once the fault is over.
        """
        last = self._last
        elapsed_ms = _LOST_TIMEOUTS * self._timeout_ms
        if last is not None and not self._lost:
            elapsed_ms = ticks_diff(reading.time_ms, self._last_ms)
        self._last = reading
        self._last_ms = reading.time_ms
        self._lost = False
        if last is None:
            self._start(reading)
            return True
        reason = self._register_reason(reading, last, elapsed_ms, contactor_closed)
        if reason:
            self._start(reading)
            self._fail(reason, reading)
            self._followed = False
        elif abs(reading.power_mw) > self._max_power_mw:
            self._fail(METER_JUMP, reading)
        elif not self.reason(reading.time_ms):
            self._followed = True
        return self._followed

    def reason(self, now_ms: int) -> int:
        """Return the reason code (errors.py) of the doubt at the tick `now_ms`, or 0."""
        # Also while the meter is lost: nobody may look at the fault's end again for days.
        if self._fault and ticks_diff(now_ms, self._fault_until_ms) >= 0:
            self._fault = 0
        if not self._lost and ticks_diff(now_ms, self._last_ms) > self._timeout_ms:
            self._lost = True
        if self._lost:
            return METER_STALE if self._hears(now_ms) else METER_SILENT
        return self._fault

    def _hears(self, now_ms: int) -> bool:
        """Return whether any byte, good or damaged, came within the timeout."""
        heard_ms = self._driver.heard_ms
        if heard_ms is None or heard_ms == self._old_heard_ms:
            return False
        if ticks_diff(now_ms, heard_ms) <= self._timeout_ms:
            return True
        self._old_heard_ms = heard_ms
        return False

    def _register_reason(
        self, reading: "Reading", last: "Reading", elapsed_ms: int, contactor_closed: bool
    ) -> int:
        """Return why the register's move from `last` to `reading` is not plausible, or 0."""
        moved_mwh = small_int(reading.energy_mwh - last.energy_mwh)
        if moved_mwh < 0:
            return METER_BACKWARD
        most_mwh = self._max_power_w * elapsed_ms // W_MS_PER_MWH
        if moved_mwh > most_mwh + _JUMP_STEPS * reading.step_mwh:
            return METER_JUMP
        if moved_mwh:
            self._expected_w_ms = 0
        else:
            self._expected_w_ms += max(last.power_mw, 0) // MW_PER_W * elapsed_ms
        same = (
            not moved_mwh
            and reading.power_mw == last.power_mw
            and reading.voltage_mv == last.voltage_mv
        )
        if not same or not contactor_closed:
            self._changed_ms = reading.time_ms
        if self._expected_w_ms // W_MS_PER_MWH > _FROZEN_STEPS * reading.step_mwh:
            return METER_FROZEN
        if ticks_diff(reading.time_ms, self._changed_ms) >= self._frozen_ms:
            return METER_FROZEN
        return 0

    def _start(self, reading: "Reading") -> None:
        """Judge the readings after `reading` without regard to those before it."""
        self._changed_ms = reading.time_ms
        self._expected_w_ms = 0

    def _fail(self, reason: int, reading: "Reading") -> None:
        self._fault = reason
        self._fault_until_ms = ticks_add(reading.time_ms, self._recover_ms)
