"""The watch over a meter: silent, stale, frozen, backwards or jumping means: open the contactor."""

from joulestream.compat import const
from joulestream.errors import (
    METER_BACKWARD,
    METER_FROZEN,
    METER_JUMP,
    METER_SILENT,
    METER_STALE,
)
from joulestream.units import MW_PER_W, W_MS_PER_MWH, small, ticks_add, ticks_diff

# A register may lag what power times time says by this many of its steps before it is frozen.
_FROZEN_STEPS = const(3)
# A register moves in whole steps, so its jumps are judged with one step on either side.
_JUMP_STEPS = const(2)
# Meters average their power: a reading may overshoot the installation's limit by an eighth.
_JUMP_MARGIN = const(8)


class MeterWatch:
    """Judges a meter's readings; `reason(now_ms)` is why it cannot be trusted, or 0.

    A fault that a reading shows (frozen, backwards, jump) stays until `recover_ms` without
    another. `max_power_mw` is what the installation can deliver, `frozen_ms` how long power,
    voltage and register may all repeat to the last digit while current should flow.
    """

    def __init__(self, meter, max_power_mw, timeout_ms, frozen_ms, recover_ms):
        self._meter = meter
        self._max_power_mw = max_power_mw + max_power_mw // _JUMP_MARGIN
        self._max_power_w = self._max_power_mw // MW_PER_W + 1
        self._timeout_ms = timeout_ms
        self._frozen_ms = frozen_ms
        self._recover_ms = recover_ms
        self._last = None
        # Ticks wrap: what was once too old is remembered as such, or it would look new again.
        self._lost = True
        self._old_heard_ms = None
        self._expected = 0  # W times ms since the register last moved
        self._changed_ms = 0
        self._fault = 0
        self._fault_until_ms = 0
        self._followed = True

    def take(self, reading, contactor_closed):
        """Judge a reading; return whether its register can be followed.

        Too much power is a fault, but what the register counted of it did flow. A register that
        was not plausible is not followed again before the fault is over.
        """
        last = self._last
        self._last = reading
        # After the meter was lost, no more can have flowed than until the contactor was open.
        elapsed_ms = 2 * self._timeout_ms
        if last is not None and not self._lost:
            elapsed_ms = ticks_diff(reading.time_ms, last.time_ms)
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

    def reason(self, now_ms):
        """Return the reason code (errors.py) why the meter cannot be trusted now, or 0."""
        if not self._lost and ticks_diff(now_ms, self._last.time_ms) > self._timeout_ms:
            self._lost = True
        if self._lost:
            return METER_STALE if self._hears(now_ms) else METER_SILENT
        if self._fault and ticks_diff(now_ms, self._fault_until_ms) >= 0:
            self._fault = 0
        return self._fault

    def _hears(self, now_ms):
        """Return whether the meter sent anything lately, be it damaged."""
        heard_ms = self._meter.heard_ms
        if heard_ms is None or heard_ms == self._old_heard_ms:
            return False
        if ticks_diff(now_ms, heard_ms) <= self._timeout_ms:
            return True
        self._old_heard_ms = heard_ms
        return False

    def _register_reason(self, reading, last, elapsed_ms, contactor_closed):
        """Return why the register's way from `last` to `reading` is not plausible, or 0."""
        moved_mwh = small(reading.energy_mwh - last.energy_mwh)
        if moved_mwh < 0:
            return METER_BACKWARD
        most_mwh = self._max_power_w * elapsed_ms // W_MS_PER_MWH
        if moved_mwh > most_mwh + _JUMP_STEPS * reading.step_mwh:
            return METER_JUMP
        if moved_mwh:
            self._expected = 0
        else:
            self._expected += max(last.power_mw, 0) // MW_PER_W * elapsed_ms
        same = (
            not moved_mwh
            and reading.power_mw == last.power_mw
            and reading.voltage_mv == last.voltage_mv
        )
        if not same or not contactor_closed:
            self._changed_ms = reading.time_ms
        if self._expected // W_MS_PER_MWH > _FROZEN_STEPS * reading.step_mwh:
            return METER_FROZEN
        if ticks_diff(reading.time_ms, self._changed_ms) >= self._frozen_ms:
            return METER_FROZEN
        return 0

    def _start(self, reading):
        self._changed_ms = reading.time_ms
        self._expected = 0

    def _fail(self, reason, reading):
        self._fault = reason
        self._fault_until_ms = ticks_add(reading.time_ms, self._recover_ms)
