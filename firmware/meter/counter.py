"""A meter as its loop sees it: a driver, the watch over it, the estimate between readings."""

from joulestream import errors
from joulestream.meter.drivers import open_driver
from joulestream.meter.estimate import EnergyEstimate
from joulestream.meter.watch import MeterWatch


def open_meter(meter, board, max_power_mw):
    """Return the EnergyCounter of the meter that is configured.

    Args:
        meter: the configuration's section `meter`.
        board: hands out the UART or pin that the meter is on.
        max_power_mw: the most that the installation can deliver, in mW.
    """
    driver = open_driver(meter, board)
    watch = MeterWatch(driver, max_power_mw, meter.timeout_ms, meter.frozen_ms, meter.recover_ms)
    return EnergyCounter(driver, watch)


class EnergyCounter:
    """Counts energy with a meter's `driver` and the `watch` over it; `measure` follows both.

    `total_mwh` counts since the start, `reason` tells why the meter cannot be trusted (errors.py),
    or is 0. `register_mwh` is what the register said last, None while it is not followed, and
    `register_total_mwh` the total that it stands for; `step_mwh` is its step.
    """

    def __init__(self, driver, watch):
        self._driver = driver
        self._watch = watch
        self._estimate = EnergyEstimate()
        self.total_mwh = 0
        self.step_mwh = 0
        self.power_mw = 0
        self.reason = errors.METER_SILENT

    @property
    def register_mwh(self):
        """What the register said last, in mWh, or None."""
        return self._estimate.register_mwh

    @property
    def register_total_mwh(self):
        """The total that `register_mwh` stands for, in mWh."""
        return self._estimate.register_total_mwh

    @property
    def bad_answers(self):
        """How many of the meter's answers were dropped."""
        return self._driver.bad_answers

    def measure(self, contactor_closed, now_ms):
        """Follow the meter up to `now_ms`; `contactor_closed` is None for who does not know.

        While the contactor is open only the register tells what flowed.
        """
        self._estimate.flowing = contactor_closed is not False
        reading = self._driver.poll(now_ms)
        if reading is not None:
            self.take(reading, contactor_closed)
        self.reason = self._watch.reason(now_ms)
        if not self.reason and self.register_mwh is None:
            # A fault is over, and no reading since it tells where the register stands.
            self.reason = errors.METER_STALE
        self.total_mwh = self._estimate.advance(now_ms)

    def hold_back(self, counted_mwh):
        """Count nothing of the register's next `counted_mwh`: they were counted before."""
        self._estimate.hold_back(counted_mwh)

    def take(self, reading, contactor_closed):
        """Follow a reading as far as it can be trusted."""
        self.step_mwh = reading.step_mwh
        self.power_mw = reading.power_mw
        # Where the contactor is not known, standing still is no sign of a fault.
        if self._watch.take(reading, contactor_closed is True):
            self._estimate.take(reading)
        else:
            self._estimate.rebase()
