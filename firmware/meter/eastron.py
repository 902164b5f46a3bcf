"""Eastron SDM meters: float32 big-endian input registers.

Source: Eastron SDM120, SDM230, SDM630 and SDM72D-V2 Modbus protocol documents.
"""

from joulestream.meter.modbus import ModbusMaster
from joulestream.meter.reading import Reading
from joulestream.units import (
    MW_PER_W,
    MWH_PER_KWH,
    float32_scaled,
    float32_step,
    ticks_add,
    ticks_diff,
)

_FUNCTION = 4
_VOLTAGE = 0x0000
_FREQUENCY = 0x0046
_IMPORT = 0x0048
_MILLIVOLT_PER_VOLT = 1000


class Driver:
    """Polls one Eastron meter every `interval_ms`; `poll` returns a Reading when one is whole."""

    def __init__(self, board, meter, parameters):
        power_address, self._least_step_mwh = parameters
        self._modbus = ModbusMaster(board.uart("meter"), meter.unit, meter.answer_ms)
        # (address, registers): voltage with power, then frequency with imported energy
        self._questions = (
            (_VOLTAGE, power_address + 2 - _VOLTAGE),
            (_FREQUENCY, _IMPORT + 2 - _FREQUENCY),
        )
        self._question = 0
        self._interval_ms = meter.interval_ms
        self._next_ms = None
        self._power_mw = 0
        self._voltage_mv = 0

    @property
    def heard_ms(self):
        """When the meter last sent anything, good or bad; None before the first time."""
        return self._modbus.heard_ms

    @property
    def bad_answers(self):
        """How many answers were dropped as damaged, refused or senseless."""
        return self._modbus.bad_answers

    def poll(self, now_ms):
        """Move the exchange on; return a Reading when one is whole, else None."""
        modbus = self._modbus
        if modbus.busy:
            data = modbus.poll(now_ms)
            if data is not None:
                return self._take(data, now_ms)
            if modbus.busy:
                return None
            self._question = 0
        if self._question == 0:
            if self._next_ms is not None and ticks_diff(now_ms, self._next_ms) < 0:
                return None
            self._next_ms = ticks_add(now_ms, self._interval_ms)
        self._ask(now_ms)
        return None

    def _ask(self, now_ms):
        address, registers = self._questions[self._question]
        self._modbus.ask(_FUNCTION, address, registers, now_ms)

    def _take(self, data, now_ms):
        if self._question == 0:
            self._voltage_mv = float32_scaled(_bits(data, 0), _MILLIVOLT_PER_VOLT)
            self._power_mw = float32_scaled(_bits(data, len(data) - 4), MW_PER_W)
            self._question = 1
            self._ask(now_ms)
            return None
        self._question = 0
        bits = _bits(data, len(data) - 4)
        energy_mwh = float32_scaled(bits, MWH_PER_KWH)
        if energy_mwh is None or self._power_mw is None or self._voltage_mv is None:
            self._modbus.bad_answers += 1
            return None
        step_mwh = max(self._least_step_mwh, float32_step(bits, MWH_PER_KWH))
        return Reading(now_ms, energy_mwh, step_mwh, self._power_mw, self._voltage_mv)


def _bits(data, at):
    return int.from_bytes(data[at : at + 4], "big")
