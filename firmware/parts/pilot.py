"""The control pilot: its duty tells the vehicle a current, its positive peak tells the state.

The pole drives the pilot and the vehicle loads it; both read the peak. The peak has to be held by
hardware, since a step of the firmware cannot meet a pulse of 1 kHz. The negative half has a peak
of its own: the vehicle's diode leaves it at -12 V, and a load without a diode, such as a person or
a wet plug, does not. Source: IEC 61851-1, Annex A.
"""

from joulestream import errors
from joulestream.compat import const
from joulestream.runtime.pilot import (
    PILOT_A,
    PILOT_B,
    PILOT_C,
    PILOT_D,
    PILOT_E,
    PILOT_F,
    is_connected,
    wants_power,
)
from joulestream.units import Timer

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable

FREQUENCY_HZ = const(1_000)
FULL_DUTY = const(65_535)
# The duty of a pole that is not available: steady -12 V.
NO_DUTY = const(0)
# Below the first current the pilot means a pause; the slope changes at the second.
LEAST_MA = const(6_000)
_BEND_MA = const(51_000)
MOST_MA = const(80_000)
# The duty changes once in 5 s at most, also to a lower current: a vehicle has 5 s to follow one
# change. Only the full duty, a pause, does not wait. Source: IEC 61851-1, table A.8.
_DUTY_MS = const(5_000)
# A state that lets current flow counts when it was read so often in a row; any other at once.
_CONFIRMATIONS = const(3)
# A state holds until the peak has left its band by so much.
_HYSTERESIS_MV = const(250)
# The peak detectors follow a new duty within some periods of 1 kHz.
_SETTLE_MS = const(50)
# The negative half of a pilot with a diode: -11.4 to -12.6 V, and the divider's tolerance.
_DIODE_MV = const(10_500)
# While the pilot is at -12 V no positive peak is above this.
_OFF_MV = const(1_500)
# A vehicle without state B is told no more.
SIMPLE_MA = const(10_000)
# The peak in mV, from which on it means a state: A 11 to 13 V, B 8 to 10, C 5 to 7, D 2 to 4. A
# peak between two bands is in doubt, and doubt means the state that takes less power.
LEVELS = (
    (13_001, PILOT_E),
    (10_001, PILOT_A),
    (7_001, PILOT_B),
    (5_000, PILOT_C),
    (4_001, PILOT_B),
    (2_000, PILOT_D),
)


def state_of(peak_mv: int) -> str:
    """Return the state that a peak of so many mV means."""
    for least_mv, state in LEVELS:
        if peak_mv >= least_mv:
            return state
    return PILOT_E


def duty_of(limit_ma: int) -> int:
    """Return the duty of 65,535 that allows a current; the full one, a pause, below 6 A.

    In % the duty is A / 0.6 up to 51 A, and A / 2.5 + 64 above.
    """
    if limit_ma < LEAST_MA:
        return FULL_DUTY
    limit_ma = min(limit_ma, MOST_MA)
    # Rounded down: the vehicle must not draw more.
    if limit_ma <= _BEND_MA:
        return limit_ma * FULL_DUTY // 60_000
    return (limit_ma + 160_000) * FULL_DUTY // 250_000


def current_of(high_us: int) -> int:
    """Return the current in mA that a positive half of so many us offers; 0: a pause.

    A period takes 1,000 us. Below 8 % and above 97 % a duty offers nothing. 5 % asks for digital
    communication, which this vehicle does not speak.
    """
    if not 80 <= high_us <= 970:
        return 0
    if high_us <= 850:
        return max(high_us * 60, LEAST_MA)
    return min((high_us - 640) * 250, MOST_MA)


class Pilot:
    """The pilot of a board.

    Args:
        peak_mv: reads the pilot's peak in mV; None: the board has no such input.
        set_duty: drives the pilot with a duty from NO_DUTY to FULL_DUTY; None: this side does not
            drive it.
        most_ma: no current above this is ever told.
        low_mv: reads the peak of the negative half in mV, without its sign; None: the board has no
            such input, and the gate's comparator alone looks for the diode.

    Attributes:
        duty: the duty of now.
        state: the state that was read last.
        fault: PILOT_FAULTY while the diode is missing or the input is stuck, else 0.
        is_simple: whether the vehicle asked for power without state B: the simplified pilot.
    """

    def __init__(
        self,
        peak_mv: "Callable[[], int] | None",
        set_duty: "Callable[[int], None] | None",
        most_ma: int,
        low_mv: "Callable[[], int] | None" = None,
    ) -> None:
        self._peak_mv = peak_mv
        self._set_duty = set_duty
        self._low_mv = low_mv
        self._most_ma = self._limit_ma = most_ma
        self._paused: bool | None = None  # None: the pole is not available
        self._next_duty = Timer()
        self._confirmed = 0
        self._settling = Timer()
        self._band = PILOT_F
        self._b_readings = 0
        self._has_diode = False  # seen since the vehicle came
        self.fault = 0
        self.is_simple = False
        self.duty: int = NO_DUTY
        self.state = PILOT_A if set_duty is None else PILOT_F

    def pause(self, paused: bool, now_ms: int) -> None:
        """Ask the vehicle to draw no current, or no longer."""
        if self._paused is None:
            self.fault = 0  # the pole looks anew when it is at -12 V the next time
        self._paused = paused
        self.follow(now_ms)

    def limit(self, limit_ma: int, now_ms: int) -> None:
        """Tell the vehicle the highest current that it may draw."""
        self._limit_ma = min(limit_ma, self._most_ma)
        self.follow(now_ms)

    def switch_off(self, now_ms: int) -> None:
        """Be no longer available, until the next `pause`."""
        self._paused = None
        if self.duty != NO_DUTY:
            self._settling.start(now_ms, _SETTLE_MS)
        self.duty = NO_DUTY
        if self._set_duty is not None:
            self._set_duty(NO_DUTY)

    def follow(self, now_ms: int) -> None:
        """Bring the duty to that of pause and limit. Without a vehicle the pilot is steady."""
        if self._paused is None or self._set_duty is None:
            return
        duty: int = FULL_DUTY
        if not self._paused and is_connected(self.state):
            duty = duty_of(self._limit_ma)
        if duty == self.duty:
            return
        if duty != FULL_DUTY and not self._next_duty.is_over(now_ms):
            return
        self._next_duty.start(now_ms, _DUTY_MS)
        self._settling.start(now_ms, _SETTLE_MS)
        self.duty = duty
        self._set_duty(duty)

    def read(self, now_ms: int) -> str:
        """Return the state by the middle one of three readings."""
        self.follow(now_ms)
        if self._peak_mv is None:
            self.state = PILOT_F
            return self.state
        settled = self._settling.is_over(now_ms)
        peak_mv = _middle(self._peak_mv)
        if self._set_duty is not None and not self.duty:
            # An input that does not show this -12 V would not show an unplugged vehicle either.
            if settled:
                self.fault = errors.PILOT_FAULTY if peak_mv > _OFF_MV else 0
            self._band = self.state = PILOT_F
            self._has_diode = False
            return self.state
        if self._band == PILOT_F and not settled:
            return self.state
        state = self._band_of(peak_mv)
        if wants_power(state):
            state = self._confirm(state)
        else:
            self._confirmed = 0
            self._b_readings = min(self._b_readings + 1, _CONFIRMATIONS) if state == PILOT_B else 0
            if state == PILOT_A:
                self.is_simple = False
        self._check_diode(is_connected(state), settled)
        if not self._has_diode and wants_power(state):
            state = PILOT_B
        self.state = state
        return state

    def _band_of(self, peak_mv: int) -> str:
        """Return the state that a peak means, or the last one while the peak is just beyond it."""
        state = state_of(peak_mv)
        held = self._band
        # The bands are 2 V wide and 3 V apart. Within one of them nothing is held.
        if state != held and (peak_mv - 2_000) % 3_000 > 2_000:
            near = state_of(peak_mv - _HYSTERESIS_MV), state_of(peak_mv + _HYSTERESIS_MV)
            if held in near:
                state = held
        self._band = state
        return state

    def _confirm(self, state: str) -> str:
        """Return `state`, which lets current flow, once enough readings have confirmed it."""
        if self._confirmed < _CONFIRMATIONS - 1:
            self._confirmed += 1
            return PILOT_B
        if self.duty == FULL_DUTY and self._b_readings < _CONFIRMATIONS:
            self.is_simple = True
        return state

    def _check_diode(self, is_here: bool, settled: bool) -> None:
        """Look at the negative half, which only a duty below 100 % has."""
        if self._low_mv is None or self._set_duty is None:
            self._has_diode = True
        elif not is_here:
            self._has_diode = False
            self.fault = 0
        elif settled and self.duty != FULL_DUTY:
            self._has_diode = _middle(self._low_mv) >= _DIODE_MV
            self.fault = 0 if self._has_diode else errors.PILOT_FAULTY


def _middle(read_mv: "Callable[[], int]") -> int:
    """Return the middle one of three readings."""
    one, two, three = read_mv(), read_mv(), read_mv()
    return max(min(one, two), min(max(one, two), three))
