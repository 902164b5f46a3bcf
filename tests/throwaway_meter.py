"""A meter that no product has: its driver reads a testkit.meter.Meter without any Modbus.

tests/test_meter.py adds it with one row of the table of meters, to show that a new meter needs
this one module and nothing else.
"""

from joulestream.meter.reading import Reading
from joulestream.units import ticks_add, ticks_diff

_VOLTAGE_MV = 230_000

MODELS = {"throwaway": ((500, 0, 5, 0, 9_600, "8N1"), (), (), 0)}


class Driver:
    """Reads the model's own figures.

    joulestream/meter/contract.py describes the arguments and methods.
    """

    def __init__(self, board, meter, row):
        self._meter = board.uart("meter")
        self._step_mwh = meter.step_mwh
        self._interval_ms = meter.interval_ms
        self._next_ms = board.now_ms()
        self.heard_ms = None
        self.senseless_ms = None
        self.bad_answers = 0
        self.skipped_bytes = 0

    def poll(self, now_ms):
        """Return a Reading once an interval."""
        if ticks_diff(now_ms, self._next_ms) < 0:
            return None
        self._next_ms = ticks_add(now_ms, self._interval_ms)
        self.heard_ms = now_ms
        meter = self._meter
        energy_mwh = meter.energy_mwh // self._step_mwh * self._step_mwh
        return Reading(now_ms, energy_mwh, self._step_mwh, meter.power_mw, _VOLTAGE_MV)

    def figure(self, which):
        """Return None: this meter has its readings, and no other figures."""
        return None
