"""Counts the energy of one meter: joins its driver, the watch and the estimate."""

from joulestream import errors
from joulestream.compat import const
from joulestream.meter.drivers import open_driver
from joulestream.meter.estimate import EnergyEstimate
from joulestream.meter.watch import MeterWatch

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.meter.config import MeterConfig
    from joulestream.meter.contract import Driver
    from joulestream.meter.reading import Reading


def open_meter(meter: "MeterConfig", board: "Any", max_power_mw: int) -> "EnergyCounter":
    """Return the EnergyCounter of the meter that is configured.

    Args:
        meter: the configuration's section `meter`.
        board: hands out the UART or pin that the meter is on.
        max_power_mw: the most that the installation can deliver, in mW.

    Raises:
        ValueError: the board lacks a part that the driver needs.
    """
    driver = open_driver(meter, board)
    watch = MeterWatch(driver, max_power_mw, meter)
    return EnergyCounter(driver, watch, meter.interval_ms)


class EnergyCounter:
    """Counts the energy of one meter from 0 on. No call blocks.

    Args:
        driver: reads the meter (contract.py).
        watch: judges what the driver reads.
        interval_ms: the time between two readings, at the least.

    Attributes:
        driver: the driver.
        total_mwh: the energy since the start.
        before_mwh: the parts of first steps of the register that are not in `total_mwh`.
        step_mwh: the register's step: as declared, or as it was seen if that is longer.
        refresh_ms: the time between two refreshes of the figures: as declared, or as it was seen
            if that is longer.
        power_mw: the power in the newest reading.
        voltage_mv, current_ma: the same, or None where no reading has told them.
        asked_ms: the tick of the newest reading's first question.
        changed_ms: the same of the newest reading with other figures than the one before it.
        register_mwh: the register in the newest reading, in mWh; None while it is in doubt.
        register_total_mwh: the part of `total_mwh` that the register has confirmed.
        settle_ms: the time after which a reading shows all that flowed before: a refresh, the
            reading that is under way, and a whole one.
        reading_ms: the time of a reading; the longest one of the last minutes.
        doubt: why the meter cannot be trusted (errors.py), or 0.
        alarm: a reason that lasts until a person ends it, or 0; the pole's loop sets it.
        hazard: a reason of the charger why no current may flow, or 0; the pole's loop sets it.
        reason: the doubt, the alarm or the hazard, or 0.
    """

    def __init__(self, driver: "Driver", watch: MeterWatch, interval_ms: int) -> None:
        self.driver = driver
        self._watch = watch
        self._estimate = EnergyEstimate()
        self._interval_ms = interval_ms
        self.total_mwh = 0
        self.before_mwh = 0
        self.step_mwh = watch.step_mwh
        self.refresh_ms = watch.refresh_ms
        self.power_mw = 0
        self.voltage_mv: int | None = None
        self.current_ma: int | None = None
        self.asked_ms = 0
        self.changed_ms = 0
        self.reading_ms = 0
        self.alarm = self.hazard = 0
        self.doubt = self.reason = errors.METER_SILENT
        self.register_mwh: int | None = None
        self.register_total_mwh = 0
        self.settle_ms = watch.refresh_ms + 2 * interval_ms

    # No properties here: MicroPython would search the class at every assignment to an attribute.

    def advance(self, contactor_closed: "bool | None", now_ms: int) -> None:
        """Poll the meter, and bring all figures up to the tick `now_ms`.

        Args:
            contactor_closed: whether current can flow, or None if the caller cannot know. While
                the contactor is open, only the register adds to the total.
            now_ms: the present tick.
        """
        self._estimate.flowing = contactor_closed is not False
        reading = self.driver.poll(now_ms)
        if reading is not None:
            self.follow(reading, contactor_closed)
        self.doubt = self._watch.reason(now_ms)
        if not self.doubt and self.register_mwh is None:
            # The fault is over by its time, but the register is followed from the next reading on.
            self.doubt = errors.METER_STALE
        self.reason = self.doubt or self.alarm or self.hazard
        self.total_mwh = self._estimate.advance(now_ms)

    def follow(self, reading: "Reading", contactor_closed: "bool | None") -> None:
        """Follow the register to a reading, if the watch finds it good."""
        self.power_mw = reading.power_mw
        self.voltage_mv = reading.voltage_mv
        self.current_ma = reading.current_ma
        self.asked_ms = reading.asked_ms
        self.reading_ms -= 1
        if reading.age_ms > self.reading_ms:
            self.reading_ms = reading.age_ms
        watch = self._watch
        # Figures that repeat show a fault only if the contactor is known to be closed.
        follows = watch.judge(reading, contactor_closed)
        self.step_mwh = watch.step_mwh
        self.refresh_ms = watch.refresh_ms
        self.changed_ms = watch.changed_ms
        estimate = self._estimate
        if watch.elapsed_ms > self._interval_ms:
            self.settle_ms = watch.refresh_ms + 2 * watch.elapsed_ms
        else:
            self.settle_ms = watch.refresh_ms + 2 * self._interval_ms
        if not follows:
            estimate.pause()
            self.register_mwh = None
            return
        if watch.has_new_start:
            estimate.forget_register()
        estimate.follow(reading, watch.step_mwh, watch.most_mwh)
        self.before_mwh = estimate.before_mwh
        self.register_mwh = estimate.register_mwh
        self.register_total_mwh = estimate.register_total_mwh

    def skip_counted(self, counted_mwh: int) -> None:
        """Leave the register's next `counted_mwh` out of the total: they were billed before."""
        self._estimate.skip_counted(counted_mwh)
        self.register_total_mwh = self._estimate.register_total_mwh
