"""A board's time: a network or a real-time clock tells it now and then, ticks carry it on."""

from joulestream.boards.contract import CLOCK_NETWORK, CLOCK_NONE, CLOCK_RTC, NO_CLOCK
from joulestream.compat import const
from joulestream.runtime import BUILT_S
from joulestream.units import TICKS_PERIOD, Timer, ticks_diff

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.parts.ds3231 import Ds3231
    from joulestream.parts.network_time import NetworkTime

_MS_PER_S = const(1_000)
# The sources are asked so often. A network that tells nothing is asked again after the second
# figure, then after twice as long each time, up to the third.
_ASK_MS = const(6 * 3_600_000)
_FIRST_RETRY_MS = const(5_000)
_LAST_RETRY_MS = const(1_800_000)


class BoardClock:
    """Unix time by `network` and `rtc`; None: the board has no such source."""

    def __init__(self, network: "NetworkTime | None", rtc: "Ds3231 | None", now_ms: int) -> None:
        self._network = network
        self._rtc = rtc
        self._time_s = 0
        self._tick_ms = now_ms
        self._quality: int = CLOCK_NONE
        self._next_ask = Timer()
        self._retry_ms: int = _FIRST_RETRY_MS
        if rtc is not None:
            self._take(rtc.time_s(), CLOCK_RTC, now_ms)

    @property
    def is_known(self) -> bool:
        """Whether a source told a time since the start."""
        return self._quality != CLOCK_NONE

    def read(self, now_ms: int) -> "tuple[int, int]":
        """Return unix time and quality. Asked once in six days at least, or the ticks wrap."""
        elapsed_s = ticks_diff(now_ms, self._tick_ms) // _MS_PER_S
        if elapsed_s > 0:
            self._time_s += elapsed_s
            self._tick_ms = (self._tick_ms + elapsed_s * _MS_PER_S) & (TICKS_PERIOD - 1)
        return (self._time_s, self._quality) if self.is_known else NO_CLOCK

    def is_due(self, now_ms: int) -> bool:
        """Return whether `ask` would ask a source."""
        return self._next_ask.is_over(now_ms)

    def ask(self, now_ms: int) -> None:
        """Ask the network, else the real-time clock. Blocks for up to 20 s."""
        told_s = None
        if self._network is not None:
            told_s = self._network.time_s()
            if self._take(told_s, CLOCK_NETWORK, now_ms) and self._rtc is not None:
                self._rtc.set(self._time_s)
        # A network's time is better than a clock's, so the clock does not replace it.
        if told_s is None and self._rtc is not None and self._quality != CLOCK_NETWORK:
            self._take(self._rtc.time_s(), CLOCK_RTC, now_ms)
        if self._network is None or told_s is not None:
            self._retry_ms = _FIRST_RETRY_MS
            self._next_ask.start(now_ms, _ASK_MS)
        else:
            self._next_ask.start(now_ms, self._retry_ms)
            self._retry_ms = min(2 * self._retry_ms, _LAST_RETRY_MS)

    def _take(self, told_s: "int | None", quality: int, now_ms: int) -> bool:
        """Take over the time of a source; return whether it told a time after the build."""
        if told_s is None or told_s < BUILT_S:
            return False
        self._time_s = told_s
        self._tick_ms = now_ms
        self._quality = quality
        return True
