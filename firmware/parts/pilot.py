"""The control pilot: its duty tells the vehicle a current, its positive peak tells the state.

The pole drives the pilot and the vehicle loads it; both read the peak. The peak has to be held by
hardware, since a step of the firmware cannot meet a pulse of 1 kHz. Source: IEC 61851-1, Annex A.
"""

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
# The duty changes once in 5 s at most. A pause and a lower current do not wait.
_DUTY_MS = const(5_000)
# A state that lets current flow counts when it was read so often in a row; any other at once.
_CONFIRMATIONS = const(3)
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


class Pilot:
    """The pilot of a board.

    Args:
        peak_mv: reads the pilot's peak in mV; None: the board has no such input.
        set_duty: drives the pilot with a duty from NO_DUTY to FULL_DUTY; None: this side does not
            drive it.
        most_ma: no current above this is ever told.
    """

    def __init__(
        self,
        peak_mv: "Callable[[], int] | None",
        set_duty: "Callable[[int], None] | None",
        most_ma: int,
    ) -> None:
        self._peak_mv = peak_mv
        self._set_duty = set_duty
        self._most_ma = self._limit_ma = most_ma
        self._paused: bool | None = None  # None: the pole is not available
        self._next_duty = Timer()
        self._confirmed = 0
        self.duty: int = NO_DUTY
        self.state = PILOT_A if set_duty is None else PILOT_F

    def pause(self, paused: bool, now_ms: int) -> None:
        """Ask the vehicle to draw no current, or no longer."""
        self._paused = paused
        self.follow(now_ms)

    def limit(self, limit_ma: int, now_ms: int) -> None:
        """Tell the vehicle the highest current that it may draw."""
        self._limit_ma = min(limit_ma, self._most_ma)
        self.follow(now_ms)

    def switch_off(self) -> None:
        """Be no longer available, until the next `pause`."""
        self._paused = None
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
        # The full duty is a pause, so it counts as the lowest.
        if duty != FULL_DUTY and (self.duty == FULL_DUTY or duty > self.duty != NO_DUTY):
            if not self._next_duty.is_over(now_ms):
                return
        self._next_duty.start(now_ms, _DUTY_MS)
        self.duty = duty
        self._set_duty(duty)

    def read(self, now_ms: int) -> str:
        """Return the state by the middle one of three readings."""
        self.follow(now_ms)
        if self._peak_mv is None or (self._set_duty is not None and not self.duty):
            self.state = PILOT_F
            return self.state
        one, two, three = self._peak_mv(), self._peak_mv(), self._peak_mv()
        state = state_of(max(min(one, two), min(max(one, two), three)))
        if not wants_power(state):
            self._confirmed = 0
        elif self._confirmed < _CONFIRMATIONS - 1:
            self._confirmed += 1
            state = PILOT_B
        self.state = state
        return state
