"""Any meter with a pulse output (S0, IEC 62053-31): each pulse is a fixed energy.

The board counts the pulses by interrupt. A pulse lasts 30 ms at least and so does the pause behind
it, so at most 16 come in a second. An interrupt that waits keeps one pulse: while the chip erases
a sector of flash, for up to 400 ms, only one pulse is counted. So up to 2 pulses a second are
counted whatever the firmware does, which is 7.2 kW at 1,000 pulses for each kWh; above that a
pulse may be lost in each erase, to the vehicle's advantage.

A pulse output tells no voltage, no direction and no fault: a wire that is cut looks like a load
that is off. So a pole should have a meter with registers. Not run on hardware.
"""

from joulestream.compat import const
from joulestream.device.config import whole
from joulestream.meter.reading import IMPORT, POWER, Reading
from joulestream.units import MS_PER_HOUR, MWH_PER_KWH, Timer, ticks_diff

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.meter.config import MeterConfig

MODELS = {"s0": ((1_000, 0, 5, 0, 9_600, "8N1"), (), (), 0)}

FIELDS = (("pulses_per_kwh", whole(10, 100_000), 1_000),)

_COUNT_MASK = const((1 << 30) - 1)
# Pulses that are so far apart tell no power: it is below 1 W at 1,000 pulses for each kWh.
_LONG_MS = const(3_600_000)


class Driver:
    """Makes a reading of the pulses every `interval_ms`; contract.py describes the rest.

    The power is one pulse's energy over the time between the last two pulses. It falls when the
    next pulse is late, and is 0 when it is twice as late: the register then moved by less than two
    steps, so the watch finds no register that stands still.
    """

    def __init__(self, board: "Any", meter: "MeterConfig", row: "Any") -> None:
        config: Any = meter
        self._pulses = board.pulses("meter")
        self._per_kwh = config.pulses_per_kwh
        self._step_mwh = max(meter.step_mwh, -(-MWH_PER_KWH // self._per_kwh))
        self._interval_ms = meter.interval_ms
        self._interval = Timer()
        self._counted = self._pulses.count()
        self._total = 0
        self._polled_ms = 0
        self._since_ms = _LONG_MS  # the last pulse, at most _LONG_MS
        self._between_ms = 0  # of the last two pulses; 0: no two came lately
        self._power_mw = 0
        self.heard_ms: int | None = None
        self.senseless_ms: int | None = None
        self.bad_answers = 0
        self.skipped_bytes = 0

    def poll(self, now_ms: int) -> Reading | None:
        """Count the pulses that came; return a Reading when the interval is over."""
        self.heard_ms = now_ms
        self._follow(now_ms)
        if not self._interval.is_over(now_ms):
            return None
        self._interval.start(now_ms, self._interval_ms)
        self._power_mw = self._power()
        return Reading(now_ms, self.figure(IMPORT) or 0, self._step_mwh, self._power_mw, None)

    def figure(self, which: int) -> "int | None":
        """Return the energy or the power; a pulse output has no other figures."""
        if which == IMPORT:
            return self._total * MWH_PER_KWH // self._per_kwh
        return self._power_mw if which == POWER else None

    def _follow(self, now_ms: int) -> None:
        elapsed_ms = ticks_diff(now_ms, self._polled_ms)
        self._polled_ms = now_ms
        # Ticks wrap: after days without a poll the difference means nothing.
        if not 0 <= elapsed_ms < _LONG_MS:
            elapsed_ms = _LONG_MS
        self._since_ms = min(self._since_ms + elapsed_ms, _LONG_MS)
        count = self._pulses.count()
        came = (count - self._counted) & _COUNT_MASK
        if came:
            self._counted = count
            self._total += came
            is_new = self._since_ms >= _LONG_MS
            self._between_ms = 0 if is_new else max(self._since_ms // came, 1)
            self._since_ms = 0
        elif self._since_ms >= 2 * self._between_ms:
            self._between_ms = 0

    def _power(self) -> int:
        """Return the power now, in mW."""
        if not self._between_ms:
            return 0
        return self._step_mwh * MS_PER_HOUR // max(self._since_ms, self._between_ms)
