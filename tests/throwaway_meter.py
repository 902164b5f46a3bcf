"""A meter that no product has: it gives one pulse for each `parameters` mWh of a bench's plant.

tests/test_meter.py adds it with one row of the table of meters, to show that a new meter needs
this one module and nothing else.
"""

from joulestream.meter.reading import Reading
from joulestream.units import ticks_add, ticks_diff

_VOLTAGE_MV = 230_000


class Driver:
    """Counts pulses; see joulestream/meter/contract.py."""

    def __init__(self, board, meter, parameters):
        self._plant = board.uart("meter").plant
        self._pulse_mwh = parameters
        self._interval_ms = meter.interval_ms
        self._next_ms = board.now_ms()
        self.heard_ms = None
        self.bad_answers = 0

    def poll(self, now_ms):
        """Return a Reading once an interval."""
        if ticks_diff(now_ms, self._next_ms) < 0:
            return None
        self._next_ms = ticks_add(now_ms, self._interval_ms)
        self.heard_ms = now_ms
        plant = self._plant
        energy_mwh = plant.energy_mwh // self._pulse_mwh * self._pulse_mwh
        power_mw = plant.power_mw if plant.contact else 0
        return Reading(now_ms, energy_mwh, self._pulse_mwh, power_mw, _VOLTAGE_MV)
