"""The watch over the contacts: they may weld together, or open late.

The meter sits upstream of the contactor, so it shows current that flows through open contacts.
That raises an alarm, which only a person ends.
"""

from joulestream.compat import const
from joulestream.device.journal_keys import ALARMS
from joulestream.errors import CONTACTOR_WELDED
from joulestream.pole.contactor import OPENING_MS
from joulestream.units import Timer

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.device.journal import Journal
    from joulestream.meter.counter import EnergyCounter

# Less power than this part of the maximum is the meter's noise, or a lamp.
_LEAST_POWER_PART = const(64)
# So many new figures in a row must show the current: one of them may be wrong, and the first may
# be the mean of a time in which the contacts were still closed.
_READINGS = const(3)
# The register may show energy so long after it flowed, whatever its meter's declared refresh. No
# known meter is later than 5 s.
_LATE_MS = const(6_000)
_ALARMS_SIZE = const(4)
_MOST_ALARMS = const((1 << 32) - 1)


class WeldWatch:
    """Raises an alarm when power or energy flows though the contactor is open.

    It looks once the contacts have had their time to open, and the meter its time to show it. Then
    three readings in a row raise the alarm that show power, or ever more energy beyond one step of
    the register. Power that is lower than in all readings before does not count: a meter that
    smooths its power figure shows such power long after the opening. Energy counts later, since a
    register may lag behind the power figure. A reading that repeats the one before to the last
    digit is left out: a meter that refreshes more slowly than declared still shows the time before
    the opening. The journal keeps the alarm's number, so it outlives restarts. It ends when a
    person has written the number into the configuration.

    Args:
        journal: the device's journal.
        checked: the number of the last alarm that a person looked at.
        max_power_mw: the most that the installation can deliver, in mW.

    Attributes:
        number: the number of the newest alarm; 0 before the first.
        alarm: CONTACTOR_WELDED while an alarm lasts, else 0.
    """

    def __init__(self, journal: "Journal", checked: int, max_power_mw: int) -> None:
        self._journal = journal
        self._least_power_mw = max_power_mw // _LEAST_POWER_PART
        stored = journal.get(ALARMS)
        self.number = self._stored = int.from_bytes(stored or b"", "big")
        if stored is not None and len(stored) != _ALARMS_SIZE:
            # Of another version: an alarm may last, and a person can tell.
            self.number, self._stored = min(checked + 1, _MOST_ALARMS), -1
        self.alarm = CONTACTOR_WELDED if self.number > checked else 0
        self._was_closed = True
        self._settling = Timer()
        self._late = Timer()
        self._lowest_mw = 0
        self._start_mwh: int | None = None
        self._seen_mwh = 0
        self._changed_ms: int | None = None
        self._readings = 0

    def follow(self, closed: bool, meter: "EnergyCounter", now_ms: int) -> None:
        """Look at the meter at the tick `now_ms`; `closed` says whether the coil is driven."""
        if self._stored != self.number:
            self._store()
        if closed:
            self._was_closed = True
            return
        if self._was_closed:
            self._was_closed = False
            self._start_mwh = self._changed_ms = None
            self._readings = 0
            self._settling.start(now_ms, OPENING_MS + meter.settle_ms)
            self._late.start(now_ms, OPENING_MS + meter.settle_ms + _LATE_MS)
        if self.alarm or meter.doubt or not self._settling.is_over(now_ms):
            return
        power_mw = meter.power_mw
        if self._changed_ms is None:
            self._changed_ms = meter.changed_ms
            self._lowest_mw = power_mw
        if meter.changed_ms == self._changed_ms:
            return
        self._changed_ms = meter.changed_ms
        if self._start_mwh is None and self._late.is_over(now_ms):
            self._start_mwh = meter.total_mwh
        fell = power_mw < self._lowest_mw
        if fell:
            self._lowest_mw = power_mw
        if fell or power_mw < self._least_power_mw:
            if self._start_mwh is None or meter.total_mwh - self._start_mwh <= meter.step_mwh:
                self._readings = 0
                return
            if meter.total_mwh == self._seen_mwh:
                return  # One move of the register alone may be a fault of the meter.
        self._seen_mwh = meter.total_mwh
        self._readings += 1
        if self._readings == _READINGS:
            self.raise_alarm()

    def raise_alarm(self) -> None:
        """Raise the alarm, if none lasts: the contacts are closed, and the coil is not driven."""
        if not self.alarm:
            self.number += 1
            self.alarm = CONTACTOR_WELDED
            self._store()

    def _store(self) -> None:
        """Store the number; while that fails, the next call tries again."""
        try:
            self._journal.erase_ahead()
            self._journal.put(ALARMS, self.number.to_bytes(_ALARMS_SIZE, "big"))
            self._stored = self.number
        except OSError:
            pass
