"""The watch over a meter: it decides from each reading whether the meter can be trusted.

A doubt has one of six reasons, and each of them opens the pole's contactor:

    METER_SILENT        no byte came for `timeout_ms`
    METER_STALE         bytes came, but the newest reading was asked for before `timeout_ms`
    METER_OUT_OF_RANGE  the same, and the answers that came hold figures without sense
    METER_FROZEN        the register stands still while power flows, or every figure repeats; a
                        meter without a voltage shows nothing that never rests
    METER_BACKWARD      the register went down, or stands still while power flows back
    METER_JUMP          the register moved further than the installation's power allows, or the
                        meter shows more power than the installation has

Every limit follows from the meter's step, its refresh, the age of its readings and the power:

    refresh  `refresh_ms`, or longer if the figures were seen to rest for longer; up to 6 s before
             they were seen to change four times in a row
    step     the smallest move seen so far; 100 Wh, the coarsest step known, before the first move;
             never less than the reading's own step
    jump     moved > step + own step + maximum power x (time between the questions + age + refresh)
    frozen   power x time since the last move > step x 9/8 + own step
                                                + power x (age + 2 refresh + interval)
    back     power below 0 x time since the last move > maximum power x 1 s

Power that was shown before the contactor opened is not expected of the register. The power may
have ended right behind a reading, so an interval of it is not expected either.

The register shows the energy of a moment between a refresh before its question and its last byte.
The power is one refresh old too. So the two may lie two refreshes apart.

A doubt ends `recover_ms` after the last reading that showed it. But a register that stands still
does so as well while the contactor is open. So METER_FROZEN, and METER_BACKWARD while power flows
back, last twice as long with each repetition, up to an hour, until the register has moved forward.
A register that has moved forward since the start shows that the meter is not wired backwards: then
a vehicle feeds the power back, which keeps nobody else out for longer than `recover_ms`.
"""

from joulestream.compat import const
from joulestream.errors import (
    METER_BACKWARD,
    METER_FROZEN,
    METER_JUMP,
    METER_OUT_OF_RANGE,
    METER_SILENT,
    METER_STALE,
)
from joulestream.units import MW_PER_W, W_MS_PER_MWH, small_int, ticks_add, ticks_diff

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.meter.config import MeterConfig
    from joulestream.meter.contract import Driver
    from joulestream.meter.reading import Reading

# The coarsest step of a register that is known, some SDM72's. It holds until the register moves.
_MOST_STEP_MWH = const(100_000)
# No known meter refreshes its figures less often than every 5 s. A longer rest is no refresh.
_MOST_REFRESH_MS = const(6_000)
# Figures that changed from reading to reading so often in a row are refreshed as often as they are
# read. Before that, a rest may be the meter's refresh.
_CHANGES = const(4)
# A step may be longer than power times time by 1 / 8: float32 rounds it, and no power is exact.
_STEP_MARGIN = const(8)
# The power may exceed the configured maximum by 1 / 8. The mains voltage may be 10 % above its
# nominal value (EN 50160), and the power of the same current with it; a class 1 meter adds 1 %.
_JUMP_MARGIN = const(8)
# A meter of class 1 or 2 need not count below 0.5 % of its basic current (IEC 62053-21, starting
# current), and it is built into installations for that current or more. Less power is noise.
_NOISE_PART = const(200)
# So much flows back before it is noticed, as maximum power times time: one reading may be wrong.
_BACK_MS = const(1_000)
# The longest doubt in a register that never moves. A person may start the device anew before.
_MOST_WAIT_MS = const(3_600_000)
# A refresh that was measured is forgotten by 1 / 8 at each move, unless it is seen again.
_FORGET_SHIFT = const(3)
# No current flows later than this many timeouts after the last reading. After one of them the
# meter counts as lost and the contactor opens; the other covers the opening.
_LOST_TIMEOUTS = const(2)
# Current may flow for so long after a fault: the loop's step and the contactor's opening.
_OPENING_MS = const(300)
# A meter that starts shows a register of 0 for the first second. Only a 0 that lasts is believed.
_ZERO_MS = const(2_000)


class MeterWatch:
    """Judges the readings of one meter.

    Args:
        driver: the meter's driver.
        max_power_mw: the most that the installation can deliver, in mW.
        meter: the configuration's section `meter`: `timeout_ms` is how old the newest reading may
            become, counted from its question; `frozen_ms`, how long power, voltage and register
            may all repeat to the last digit while the contactor is closed; `interval_ms`, the
            time between two readings; `recover_ms`, how long a fault lasts after the last reading
            that showed it, see above; `refresh_ms`, see above.

    Attributes:
        step_mwh: the step of the register, as declared, or as it was seen if that is longer.
        refresh_ms: the time between two refreshes, as declared, or as it was seen if that is
            longer.
        elapsed_ms: the time between the questions of the newest two readings.
        changed_ms: the tick of the question of the newest reading with other figures than the one
            before it.
        has_new_start: whether the register of the newest reading continues none before it.
        most_mwh: the most energy that can have flowed since the reading before the newest one.
    """

    def __init__(self, driver: "Driver", max_power_mw: int, meter: "MeterConfig") -> None:
        self._driver = driver
        self._max_power_mw = max_power_mw + max_power_mw // _JUMP_MARGIN
        self._max_power_w = self._max_power_mw // MW_PER_W + 1
        self._noise_mw = max_power_mw // _NOISE_PART
        self._most_back_w_ms = max_power_mw // MW_PER_W * _BACK_MS
        self._timeout_ms = meter.timeout_ms
        self._interval_ms = meter.interval_ms
        self._frozen_ms = meter.frozen_ms
        self._recover_ms = meter.recover_ms
        self._declared_refresh_ms = meter.refresh_ms
        self.step_mwh = meter.step_mwh
        self.refresh_ms = meter.refresh_ms
        self.elapsed_ms = 0
        self.changed_ms = 0
        self.has_new_start = False
        self.most_mwh = 0
        self._last: Reading | None = None
        self._last_ms = 0  # the tick of its first question
        self._zero_ms: int | None = None  # the first tick at which the register showed 0
        # Ticks wrap after 12 days, so that an old tick looks new again. Two facts are kept apart
        # for that reason: that the meter is lost, and the tick of a sign of life that is too old.
        self._lost = True
        self._old_heard_ms: int | None = None
        # Since the register last moved: power times time, the same of power that flowed back, the
        # time, the highest power.
        self._expected_w_ms = 0
        self._back_w_ms = 0
        self._stood_ms = 0
        self._peak_w = 0
        self._over_mwh = 0  # what surely flowed since then
        self._same_ms = 0  # for so long all figures have repeated
        self._changes = 0  # readings in a row with other figures, up to _CHANGES
        # What was learned: the smallest move, or the coarsest step before any, or 0 after a fault;
        # a step that is longer than declared, or 0; a refresh.
        self._most_step_mwh = _MOST_STEP_MWH
        self._coarse_mwh = 0
        self._seen_refresh_ms = 0
        self._fault = 0
        self._fault_until_ms = 0
        # Whether the fault is a register that stands still, how long it lasts, and the next one.
        self._stands = False
        self._has_moved = False  # forward, since the start
        self._wait_ms = meter.recover_ms
        self._next_wait_ms = meter.recover_ms
        # While the register is in doubt: the last good one, and how far it may have moved since.
        self._doubted = False
        self._good_mwh = 0
        self._allowed_mwh = 0

    def judge(self, reading: "Reading", contactor_closed: "bool | None") -> bool:
        """Judge a reading; return whether the estimate may follow its register.

        A reading with too much power is a fault, but the register counted energy that did flow:
        it is followed. A register that is not plausible is followed again when it goes on from
        the last good one. If it does not, it is followed from its new value on (`has_new_start`)
        once the fault is over.
        """
        asked_ms = reading.asked_ms
        self.has_new_start = False
        last = self._last
        if last is None and self._is_starting(reading, asked_ms):
            return False
        if last is None:
            self.step_mwh = reading.step_mwh
        elif self._lost:
            self.elapsed_ms = _LOST_TIMEOUTS * self._timeout_ms
        else:
            self.elapsed_ms = ticks_diff(asked_ms, self._last_ms)
        self._last = reading
        self._last_ms = asked_ms
        self._lost = False
        if last is None:
            return True
        reason = self._register_reason(reading, last, contactor_closed)
        if reason or self._doubted or self._back_w_ms > self._most_back_w_ms:
            return self._judge_doubtful(reading, last, reason)
        if abs(reading.power_mw) > self._max_power_mw:
            self._fail(METER_JUMP, reading, False)
        return True

    def _judge_doubtful(self, reading: "Reading", last: "Reading", reason: int) -> bool:
        """Judge a reading that shows a fault for `reason`, or that comes in a doubt."""
        stands = reason == METER_FROZEN
        if not reason and self._back_w_ms > self._most_back_w_ms:
            reason = METER_BACKWARD
            stands = True
        if self._doubted:
            since_mwh = reading.energy_mwh - self._good_mwh
            if 0 <= since_mwh <= self._allowed_mwh:
                if not stands:
                    reason = 0
                self._doubted = not since_mwh and self.reason(reading.time_ms) != 0
                follows = True
            else:
                follows = not reason and not self.reason(reading.time_ms)
                self._doubted = not follows
                self.has_new_start = follows
        else:
            follows = not reason or stands
            if reason:
                self._doubt(reading, last)
        if reason:
            self._expected_w_ms = self._back_w_ms = 0
            self._stood_ms = self._peak_w = self._same_ms = 0
            flows_back = min(last.power_mw, reading.power_mw) < -self._noise_mw
            if reason == METER_BACKWARD:
                # A meter that was wired backwards would never have moved forward.
                stands = (stands or flows_back) and not self._has_moved
            self._fail(reason, reading, stands)
        elif abs(reading.power_mw) > self._max_power_mw:
            self._fail(METER_JUMP, reading, False)
        return follows

    def reason(self, now_ms: int) -> int:
        """Return the reason code (errors.py) of the doubt at the tick `now_ms`, or 0."""
        # Also while the meter is lost: nobody may look at the fault's end again for days.
        self._end_fault(now_ms)
        if not self._lost and ticks_diff(now_ms, self._last_ms) > self._timeout_ms:
            self._lost = True
        if not self._lost:
            return self._fault
        if not self._hears(now_ms):
            return METER_SILENT
        senseless_ms = self._driver.senseless_ms
        if senseless_ms is not None and ticks_diff(now_ms, senseless_ms) <= self._timeout_ms:
            return METER_OUT_OF_RANGE
        return METER_STALE

    def _hears(self, now_ms: int) -> bool:
        """Return whether any byte came since the last reading, and within the timeout."""
        heard_ms = self._driver.heard_ms
        if heard_ms is None or heard_ms == self._old_heard_ms:
            return False
        if self._last is not None and heard_ms == self._last.time_ms:
            return False
        if ticks_diff(now_ms, heard_ms) <= self._timeout_ms:
            return True
        self._old_heard_ms = heard_ms
        return False

    def _is_starting(self, reading: "Reading", asked_ms: int) -> bool:
        """Return whether the register shows the 0 of a meter that starts."""
        if reading.energy_mwh:
            return False
        if self._zero_ms is None:
            self._zero_ms = asked_ms
        return ticks_diff(asked_ms, self._zero_ms) < _ZERO_MS

    def _register_reason(
        self, reading: "Reading", last: "Reading", contactor_closed: "bool | None"
    ) -> int:
        """Return why the register's move from `last` to `reading` is not plausible, or 0."""
        elapsed_ms = self.elapsed_ms
        moved_mwh = small_int(reading.energy_mwh - last.energy_mwh)
        if moved_mwh < 0:
            return METER_BACKWARD
        if moved_mwh > self._jump_mwh(reading, elapsed_ms):
            return METER_JUMP
        power_w = last.power_mw // MW_PER_W if last.power_mw > 0 else 0
        if moved_mwh:
            self._learn(moved_mwh, reading.step_mwh)
            self._expected_w_ms = self._stood_ms = self._peak_w = self._over_mwh = 0
            self._back_w_ms = 0
            self._trust_register(reading)
        else:
            # An open contactor may have opened at any time since.
            if contactor_closed is not False:
                self._expected_w_ms += power_w * elapsed_ms
            if last.power_mw < -self._noise_mw:
                self._back_w_ms += -last.power_mw // MW_PER_W * elapsed_ms
            self._stood_ms = min(self._stood_ms + elapsed_ms, _MOST_REFRESH_MS)
            if power_w > self._peak_w:
                self._peak_w = power_w
        same = (
            not moved_mwh
            and reading.power_mw == last.power_mw
            and reading.voltage_mv == last.voltage_mv
        )
        if not same:
            self.changed_ms = reading.asked_ms
            if self._changes < _CHANGES:
                self._changes += 1
            self._learn_refresh(self._same_ms)
            self._same_ms = 0
        elif reading.voltage_mv is not None and (contactor_closed or power_w):
            self._same_ms += elapsed_ms
            if self._changes < _CHANGES:
                self._changes = 0
        else:
            self._same_ms = 0
        own_step_mwh = reading.step_mwh
        most_step_mwh = self._most_step_mwh
        if own_step_mwh > most_step_mwh:
            most_step_mwh = own_step_mwh
        if not moved_mwh:
            behind_ms = max(self._refresh_now_ms(), 2 * self.refresh_ms) + reading.age_ms
            behind_ms += self._interval_ms
            over_mwh = (self._expected_w_ms - self._peak_w * behind_ms) // W_MS_PER_MWH
            self._over_mwh = over_mwh
            if over_mwh > most_step_mwh + most_step_mwh // _STEP_MARGIN + own_step_mwh:
                self._most_step_mwh = 0
                return METER_FROZEN
            if over_mwh > max(self._coarse_mwh, own_step_mwh + own_step_mwh // _STEP_MARGIN):
                self._coarse_mwh = over_mwh
        step_mwh = self._coarse_mwh
        if step_mwh > most_step_mwh:
            step_mwh = most_step_mwh
        self.step_mwh = step_mwh if step_mwh > own_step_mwh else own_step_mwh
        if contactor_closed and self._same_ms >= self._frozen_ms:
            return METER_FROZEN
        return 0

    def _jump_mwh(self, reading: "Reading", elapsed_ms: int) -> int:
        """Return how far the register can have moved since the reading before."""
        late_ms = elapsed_ms + reading.age_ms + self._refresh_now_ms()
        self.most_mwh = most_mwh = self._max_power_w * late_ms // W_MS_PER_MWH
        step_mwh = self._most_step_mwh
        if step_mwh < reading.step_mwh:
            step_mwh = reading.step_mwh
        return most_mwh + step_mwh + reading.step_mwh

    def _refresh_now_ms(self) -> int:
        """Return for how long the meter has not refreshed its figures now, at the most."""
        if self._changes >= _CHANGES:
            return self.refresh_ms
        return max(self.refresh_ms, min(self._same_ms, _MOST_REFRESH_MS))

    def _learn(self, moved_mwh: int, step_mwh: int) -> None:
        """Learn from a move of the register: it moves by no more than its step at a time."""
        if not 0 < self._most_step_mwh <= moved_mwh:
            self._most_step_mwh = moved_mwh
        if self._coarse_mwh:
            self._coarse_mwh = self._most_step_mwh
        self._seen_refresh_ms -= self._seen_refresh_ms >> _FORGET_SHIFT
        most_step_mwh = self._most_step_mwh
        if step_mwh > most_step_mwh:
            most_step_mwh = step_mwh
        if self._over_mwh > most_step_mwh + most_step_mwh // 2:
            # More than a step had flowed, and the register did not show it yet.
            self._learn_refresh(self._stood_ms)
        else:
            self._learn_refresh(0)

    def _learn_refresh(self, rest_ms: int) -> None:
        """Learn from figures that rested for `rest_ms` and moved then."""
        if rest_ms > _MOST_REFRESH_MS:
            rest_ms = _MOST_REFRESH_MS
        if rest_ms > self._seen_refresh_ms:
            self._seen_refresh_ms = rest_ms
        refresh_ms = self._seen_refresh_ms
        declared_ms = self._declared_refresh_ms
        self.refresh_ms = refresh_ms if refresh_ms > declared_ms else declared_ms

    def _doubt(self, reading: "Reading", last: "Reading") -> None:
        """Remember the last good register, and how far it may have moved by the next reading."""
        self._doubted = True
        self._good_mwh = last.energy_mwh
        unseen_ms = self.elapsed_ms + self._same_ms + _OPENING_MS
        self._allowed_mwh = (
            self._jump_mwh(reading, unseen_ms)
            + (self._expected_w_ms + self._back_w_ms) // W_MS_PER_MWH
        )

    def _fail(self, reason: int, reading: "Reading", stands: bool) -> None:
        """Begin a doubt, or prolong it; `stands`: the register may never move forward."""
        self._end_fault(reading.time_ms)
        wait_ms = self._recover_ms
        if stands:
            if not self._stands:
                self._stands = True
                self._wait_ms = self._next_wait_ms
                self._next_wait_ms = max(min(2 * self._wait_ms, _MOST_WAIT_MS), self._recover_ms)
            wait_ms = self._wait_ms
        until_ms = ticks_add(reading.time_ms, wait_ms)
        # Another fault does not shorten the wait for a register that stands still.
        if not self._fault or ticks_diff(until_ms, self._fault_until_ms) > 0:
            self._fault_until_ms = until_ms
        self._fault = reason

    def _end_fault(self, now_ms: int) -> None:
        """End the fault if its time is over."""
        if self._fault and ticks_diff(now_ms, self._fault_until_ms) >= 0:
            self._fault = 0
            self._stands = False

    def _trust_register(self, reading: "Reading") -> None:
        """Note that the register has moved: no doubt lasts for longer than `recover_ms` now."""
        self._has_moved = True
        self._wait_ms = self._next_wait_ms = self._recover_ms
        until_ms = ticks_add(reading.time_ms, self._recover_ms)
        if self._fault and ticks_diff(self._fault_until_ms, until_ms) > 0:
            self._fault_until_ms = until_ms
