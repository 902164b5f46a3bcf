"""The pole's charger: one table decides when contactor and pilot change.

Each state has its outputs: the coil, and the pilot. Each step gathers all that is true now as
bits, and the table names the next state for the first row with bits that are all true. A fault
stands first in every row, and no state but CHARGING and PAUSING drives the coil. docs/charging.md
shows the table. Sources: IEC 61851-1, Annex A (states, times), ISO 15118-3 (state F for 4 s).
"""

from joulestream import errors
from joulestream.compat import const
from joulestream.pole.contactor import OPENING_MS, ORDERLY_STOP_MS
from joulestream.pole.residual_test import ResidualTest
from joulestream.runtime.pilot import PILOT_C, PILOT_D, PILOT_E, is_connected, wants_power
from joulestream.units import Timer, small_int, ticks_diff

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable

    from joulestream.boards.contract import Board
    from joulestream.meter.counter import EnergyCounter
    from joulestream.pole.config import PoleConfig
    from joulestream.pole.contactor import Contactor
    from joulestream.pole.welding import WeldWatch

STARTING = const(0)  # the pilot shows -12 V, so its input has to read it
VACANT = const(1)
TESTING = const(2)  # the residual-current device tests itself
PLUGGED = const(3)  # a vehicle that may not charge yet
INVITED = const(4)  # it may: the pilot's duty asks for state C
WAKING = const(5)  # it did not answer, so the pilot shows -12 V once
WOKEN = const(6)
CHARGING = const(7)
SUSPENDED = const(8)  # the vehicle wants no more power now
PAUSING = const(9)  # an orderly stop: the vehicle is asked to draw nothing
PAUSED = const(10)  # it draws nothing, and the pause lasts on
FAULTED = const(11)  # the pilot shows -12 V once
RESTING = const(12)  # the delay after a fault
SETTLING = const(13)  # after STARTING, until the pilot's input has followed

STATE_NAMES = (
    "starting",
    "vacant",
    "testing",
    "plugged",
    "invited",
    "waking",
    "woken",
    "charging",
    "suspended",
    "pausing",
    "paused",
    "faulted",
    "resting",
    "settling",
)

# The bits: each may be true in a step.
FAULT = const(1)
CLEAR = const(2)  # no fault
AWAY = const(4)  # no vehicle
PLUG = const(8)  # a vehicle
CALM = const(16)  # the vehicle does not want power
WANTS = const(32)  # it does: state C, or D with ventilation
UNPAID = const(64)  # money, meter or session forbid current
PAID = const(128)  # they allow it, and nothing asks for a pause
PAUSE = const(256)  # current shall end in order
DUE = const(512)  # the residual-current device has to test itself
DONE = const(1024)  # it has passed, or there is none
MAY = const(2048)  # the contactor may close
OVER = const(4096)  # the state's time is over

# state: rows (bits that must all be true, next state); the first row that fits counts.
TRANSITIONS = (
    ((FAULT, FAULTED), (OVER, SETTLING)),
    ((FAULT, FAULTED), (DUE, TESTING), (PLUG, PLUGGED)),
    ((FAULT, FAULTED), (DONE, VACANT)),
    ((FAULT, FAULTED), (AWAY, VACANT), (DUE, TESTING), (PAID, INVITED)),
    (
        (FAULT, FAULTED),
        (AWAY, VACANT),
        (UNPAID, PLUGGED),
        (PAUSE, PLUGGED),
        (WANTS | MAY, CHARGING),
        (CALM | OVER, WAKING),
    ),
    ((FAULT, FAULTED), (UNPAID, WOKEN), (OVER, WOKEN)),
    ((FAULT, FAULTED), (OVER | AWAY, VACANT), (OVER, SUSPENDED)),
    (
        (FAULT, FAULTED),
        (AWAY, VACANT),
        (UNPAID, PLUGGED),
        (CALM, SUSPENDED),
        (PAUSE, PAUSING),
    ),
    (
        (FAULT, FAULTED),
        (AWAY, VACANT),
        (UNPAID, PLUGGED),
        (PAUSE, PLUGGED),
        (WANTS | MAY, CHARGING),
    ),
    (
        (FAULT, FAULTED),
        (AWAY, VACANT),
        (UNPAID, PLUGGED),
        (CALM, PAUSED),
        (OVER | PAUSE, PLUGGED),
        (OVER | PAID, CHARGING),
    ),
    ((FAULT, FAULTED), (AWAY, VACANT), (OVER, PLUGGED)),
    ((OVER, RESTING),),
    ((FAULT, RESTING), (OVER, STARTING)),
    ((FAULT, FAULTED), (OVER, VACANT)),
)

# The levels of the pilot.
STEADY = const(0)  # a duty of 100 %: a pause
DUTY = const(1)  # the duty of the current limit
OFF = const(2)  # -12 V, state F
# state: the level of its pilot; whether it drives the coil
PILOTS = bytes((OFF, 0, 0, 0, DUTY, OFF, 0, DUTY, DUTY, 0, 0, OFF, 0, 0))
COILS = bytes((0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0))
# In these states the pilot cannot show the vehicle that is there.
HIDING = (STARTING, SETTLING, WAKING, WOKEN)

# state: its time in ms; the other states have none
_START_MS = const(300)
_SETTLE_MS = const(200)
_SHOW_MS = const(4_000)  # T_step_EF of ISO 15118-3
_WOKEN_MS = const(1_000)
_NEVER = -1
# Places in the board's `charging_times`.
_LEAST_ON = const(0)
_RESTART = const(1)
_FAULT_RESTART = const(2)
_WAKE_AFTER = const(3)

# The auxiliary contact follows the coil so late at most.
FEEDBACK_MS = const(200)
# A lower limit waits for up to 5 s until the duty may change. The vehicle has 5 s to follow it.
OVER_CURRENT_MS = const(10_000)
_LIMITS_MS = const(100)
_LEAST_MA = const(6_000)
# Above this the contactor opens, and it may close again below the second temperature, in degC.
HOT_C = const(85)
COOL_C = const(75)
# Without an identified gate: safety extra-low voltage, and the current of a bench supply.
DESK_MV = const(60_000)
DESK_MA = const(10_000)
# No chain of transitions in one step is longer.
CHAIN = const(6)


def next_state(state: int, bits: int) -> int:
    """Return the state that follows `state` while `bits` are true; -1: it stays."""
    for needed, following in TRANSITIONS[state]:
        if bits & needed == needed:
            return following
    return -1


class Charger:
    """Switches contactor and pilot by the table above.

    Args:
        config: the pole's configuration.
        board: the board.
        contactor: the contactor.
        welding: the watch over its contacts.
        power_limit: `power_limit()` returns the smallest limit in mW, and its reason.
        now_ms: the present tick.

    Attributes:
        state: one of STARTING to SETTLING.
        reason: the fault of now (errors.py), or 0.
        limit_ma: the current that the vehicle may draw.
        limit_reason: the limit that sets it.
        test: the test of the residual-current device.
        is_desk: whether no gate is identified, so that only the desk's voltage is allowed.
        opening_ms: the longest time that the contacts took to open; None: nothing tells it.
    """

    def __init__(
        self,
        config: "PoleConfig",
        board: "Board",
        contactor: "Contactor",
        welding: "WeldWatch",
        power_limit: "Callable[[], tuple[int, str]]",
        now_ms: int,
    ) -> None:
        self._config = config
        self._board = board
        self._contactor = contactor
        self._welding = welding
        self._power_limit = power_limit
        times = board.charging_times()
        fault_ms = times[_FAULT_RESTART]
        self._least_on_ms = times[_LEAST_ON]
        contactor.least_rest_ms = times[_RESTART]
        self._times = {
            STARTING: min(_START_MS, fault_ms),
            SETTLING: min(_SETTLE_MS, fault_ms),
            INVITED: times[_WAKE_AFTER] or _NEVER,
            WAKING: _SHOW_MS,
            WOKEN: _WOKEN_MS,
            PAUSING: ORDERLY_STOP_MS,
            FAULTED: min(_SHOW_MS, fault_ms),
            RESTING: fault_ms,
        }
        self._time = Timer()
        self._has_time = True
        self._on = Timer()
        self._limits_time = Timer()
        self._is_calm = self._wants_ventilation = False
        self._draws_much = False
        self._draws_much_time = Timer()
        self._switched_ms = now_ms
        self._travel = Timer()  # until the auxiliary contact has to show the coil
        self._travel.start(now_ms, OPENING_MS)
        self._opens = False
        self._was_closed = False
        self._is_hot = False
        self.test = ResidualTest(board)
        self.reason = 0
        self.is_desk = board.gate() is None
        self.opening_ms: int | None = None
        self.limit_ma = 0
        self.limit_reason = ""
        self._most_ma = self._milliamperes(config.max_power_mw)
        self._pilot = -1
        self.state = STARTING
        self._enter(STARTING, now_ms)
        self._show_pilot()

    def hides_vehicle(self) -> bool:
        """Return whether the pilot is driven so that it cannot show the vehicle that is there."""
        return self.state in HIDING

    def is_pausing(self) -> bool:
        """Return whether an orderly stop goes on."""
        return self.state == PAUSING or self.state == PAUSED

    def rest_after_fault(self, now_ms: int) -> None:
        """Wait as after a fault: the loop before this one was given up."""
        self._enter(RESTING, now_ms)
        self._show_pilot()

    def step(
        self, pilot: str, may_energise: bool, must_pause: bool, meter: "EnergyCounter", now_ms: int
    ) -> None:
        """Look at everything once and move on.

        Args:
            pilot: the pilot state.
            may_energise: whether session and money allow current.
            must_pause: whether an orderly stop for non-payment has to begin, or goes on.
            meter: the pole's meter.
            now_ms: the present tick.
        """
        contactor = self._contactor
        hung = contactor.follow(now_ms)
        if self._limits_time.is_over(now_ms):
            self._limits_time.start(now_ms, _LIMITS_MS)
            self._follow_limits()
        self.test.follow(self.state == TESTING, now_ms)
        fault = errors.INTERNAL if hung else self._fault(pilot, meter, now_ms)
        if fault == errors.CONTACTOR_STUCK:
            # The gate's comparator may have opened since the pilot was read, as it should.
            pilot = self._board.pilot_state()
            if not wants_power(pilot):
                fault = 0
        # Above the desk's limits an open contactor stays open, and a closed one is a fault.
        desk = self._desk_fault(meter) if self.is_desk else 0
        if not fault and contactor.closed:
            fault = desk
        self.reason = fault or desk or self.test.reason()
        may_energise = may_energise and not meter.reason and not desk
        bits = (FAULT if fault else CLEAR) | self._bits(pilot, may_energise, must_pause, now_ms)
        for _ in range(CHAIN):
            is_over = self._has_time and self._time.is_over(now_ms)
            state = next_state(self.state, bits | OVER if is_over else bits)
            if state < 0:
                break
            again = state == self.state
            self._enter(state, now_ms)
            if again:
                break
        # The coil is released first, and driven last.
        if not COILS[self.state] and contactor.closed:
            contactor.open(now_ms)
        self._show_pilot()
        if COILS[self.state]:
            contactor.arm(now_ms)
        if contactor.closed != self._was_closed:
            self._note_switching(now_ms)

    def _bits(self, pilot: str, may_energise: bool, must_pause: bool, now_ms: int) -> int:
        bits = 0
        if not is_connected(pilot):
            bits = AWAY
        elif pilot == PILOT_C or (pilot == PILOT_D and self._config.ventilation):
            bits = PLUG | WANTS
        else:
            bits = PLUG | CALM
        self._is_calm = bits & CALM != 0
        self._wants_ventilation = self._is_calm and pilot == PILOT_D
        bits |= DUE if self.test.is_due else DONE
        if not self._contactor.rests(now_ms):
            bits |= MAY
        # A limit that ends the current, or a test, waits until the contacts have rested closed.
        ends = self.test.is_due or self._is_told_nothing()
        if must_pause or (ends and self._on.is_over(now_ms)):
            bits |= PAUSE
        if not may_energise:
            bits |= UNPAID
        elif not bits & PAUSE:
            bits |= PAID
        return bits

    def _enter(self, state: int, now_ms: int) -> None:
        if state == VACANT and self.state != SETTLING and self.state != TESTING:
            self.test.expire()
        if state == CHARGING and self.state != PAUSING:
            self._on.start(now_ms, self._least_on_ms)
        self.state = state
        if state != PAUSED:  # the time of the orderly stop runs on
            time_ms = self._times.get(state, _NEVER)
            self._has_time = time_ms != _NEVER
            if self._has_time:
                self._time.start(now_ms, time_ms)

    def _show_pilot(self) -> None:
        pilot = PILOTS[self.state]
        if pilot != self._pilot:
            self._pilot = pilot
            if pilot == OFF:
                self._board.pilot_off()
            else:
                self._board.pause(pilot == STEADY)

    def waits_for(self) -> str:
        """Return why no current flows though the money is there, as a word for people; or ""."""
        state = self.state
        if state == TESTING:
            return "RESIDUAL_TEST"
        if state == WAKING or state == WOKEN:
            return "WAKING_VEHICLE"
        if state == FAULTED or state == RESTING:
            return "RESTING_AFTER_FAULT"
        if self._is_told_nothing():
            return self.limit_reason
        if state == INVITED or state == SUSPENDED:
            if self._wants_ventilation:
                return "VENTILATION_MISSING"
            return "VEHICLE_NOT_READY" if self._is_calm else "CONTACTOR_RESTS"
        return ""

    # Faults

    def _fault(self, pilot: str, meter: "EnergyCounter", now_ms: int) -> int:
        """Return the reason why no current may flow now, or 0."""
        return (
            self._board.hazard()
            or (errors.PILOT_SHORTED if pilot == PILOT_E else 0)
            or self.test.fault(self.state == TESTING)
            or self._feedback_fault(now_ms)
            or self._heat_fault()
            or self._current_fault(meter, now_ms)
        )

    def _feedback_fault(self, now_ms: int) -> int:
        """Compare the auxiliary contact with the coil; measure the time to open."""
        feedback = self._board.contactor_feedback()
        if feedback is None:
            return 0
        closed = self._contactor.closed
        if feedback == closed:
            self._travel.stop()
            if self._opens:
                self._opens = False
                opening_ms = ticks_diff(now_ms, self._switched_ms)
                self.opening_ms = max(opening_ms, self.opening_ms or 0)
            return 0
        if not self._travel.is_over(now_ms):
            return 0
        if closed:
            return errors.CONTACTOR_STUCK
        self._welding.raise_alarm()
        return errors.CONTACTOR_WELDED

    def _note_switching(self, now_ms: int) -> None:
        self._was_closed = closed = self._contactor.closed
        self._switched_ms = now_ms
        self._travel.start(now_ms, FEEDBACK_MS if closed else OPENING_MS)
        self._opens = not closed
        self._draws_much = False

    def _heat_fault(self) -> int:
        celsius = self._board.temperature_c()
        if celsius is None:
            return 0
        self._is_hot = celsius >= (COOL_C if self._is_hot else HOT_C)
        return errors.OVER_TEMPERATURE if self._is_hot else 0

    def _desk_fault(self, meter: "EnergyCounter") -> int:
        """Return a reason above the desk's limits. A voltage that nobody knows is above them."""
        voltage_mv = meter.voltage_mv
        if voltage_mv is None or abs(voltage_mv) > DESK_MV:
            return errors.DESK_LIMIT
        current_ma = meter.current_ma
        if current_ma is None:
            is_above = abs(meter.power_mw) > DESK_MA // 1_000 * abs(voltage_mv)
        else:
            is_above = abs(current_ma) > DESK_MA
        return errors.DESK_LIMIT if is_above else 0

    def _current_fault(self, meter: "EnergyCounter", now_ms: int) -> int:
        """Return OVER_CURRENT at once far above the most, and after 10 s above the limit."""
        if not self._contactor.closed:
            return 0
        current_ma = meter.current_ma
        if current_ma is None:
            current_ma = self._milliamperes(meter.power_mw)
        if current_ma > self._most_ma + self._most_ma // 4 + 1_000:
            return errors.OVER_CURRENT
        if current_ma <= self.limit_ma + self.limit_ma // 10 + 1_000:
            self._draws_much = False
            return 0
        if not self._draws_much:
            self._draws_much = True
            self._draws_much_time.start(now_ms, OVER_CURRENT_MS)
        return errors.OVER_CURRENT if self._draws_much_time.is_over(now_ms) else 0

    # Limits

    def _follow_limits(self) -> None:
        self.is_desk = self._board.gate() is None
        limit_mw, self.limit_reason = self._power_limit()
        limit_ma = self._milliamperes(limit_mw)
        if limit_ma != self.limit_ma:
            self.limit_ma = limit_ma
            self._board.current_limit_ma(limit_ma)

    def _milliamperes(self, power_mw: int) -> int:
        """Return the current of a power, evenly on the configured phases."""
        return small_int(power_mw // (self._config.voltage_v * self._config.phases))

    def _is_told_nothing(self) -> bool:
        """Return whether a limit is below the least current that a pilot can tell."""
        return self.limit_ma < _LEAST_MA and self.limit_ma < self._most_ma
