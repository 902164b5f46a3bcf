"""The driver of Eastron SDM meters, which hold float32 values in pairs of input registers.

Source: Eastron's Modbus protocol documents of the SDM120, SDM220, SDM230, SDM630 and SDM72D-V2.
"""

from joulestream.compat import const
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

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.device.config import Config

_READ_INPUT_REGISTERS = const(4)
# Addresses that all models share; the address of the power is in the table of drivers.
_VOLTAGE = const(0x0000)  # of phase 1, V
_FREQUENCY = const(0x0046)  # Hz
_IMPORT = const(0x0048)  # imported energy of all phases, kWh
_FLOAT_REGISTERS = const(2)
_FLOAT_SIZE = const(4)
_MV_PER_V = const(1_000)


class Driver:
    """Polls one Eastron meter every `interval_ms`, with two requests for one reading.

    contract.py describes the arguments and methods. `parameters` is the address of the total
    power and the least step of the energy register in mWh.
    """

    def __init__(self, board: "Any", meter: "Config", parameters: "tuple[int, int]") -> None:
        power_address, self._least_step_mwh = parameters
        self._modbus = ModbusMaster(board.uart("meter"), meter.unit, meter.answer_ms)
        # (address, registers) of the two requests: voltage to power, then frequency to energy.
        # One request for all would need 161 bytes on the line for an SDM120, two need 62.
        self._questions = (
            (_VOLTAGE, power_address + _FLOAT_REGISTERS - _VOLTAGE),
            (_FREQUENCY, _IMPORT + _FLOAT_REGISTERS - _FREQUENCY),
        )
        self._question = 0
        self._interval_ms = meter.interval_ms
        self._next_ms: int | None = None
        self._power_mw: int | None = 0
        self._voltage_mv: int | None = 0

    @property
    def heard_ms(self) -> "int | None":
        """The tick at which the meter last sent anything; None before that."""
        return self._modbus.heard_ms

    @property
    def bad_answers(self) -> int:
        """How many answers were dropped because they were damaged, refused or no number."""
        return self._modbus.bad_answers

    def poll(self, now_ms: int) -> Reading | None:
        """Move the exchange on; return a Reading once both answers are there, else None."""
        modbus = self._modbus
        if modbus.busy:
            data = modbus.poll(now_ms)
            if data is not None:
                return self._read_answer(data, now_ms)
            if modbus.busy:
                return None
            self._question = 0
        if self._question == 0:
            if self._next_ms is not None and ticks_diff(now_ms, self._next_ms) < 0:
                return None
            self._next_ms = ticks_add(now_ms, self._interval_ms)
        self._ask(now_ms)
        return None

    def _ask(self, now_ms: int) -> None:
        address, registers = self._questions[self._question]
        self._modbus.ask(_READ_INPUT_REGISTERS, address, registers, now_ms)

    def _read_answer(self, data: memoryview, now_ms: int) -> Reading | None:
        """Keep the first answer's values; make a Reading after the second if all are numbers."""
        last_at = len(data) - _FLOAT_SIZE
        bits = _float_bits(data, last_at)
        if self._question == 0:
            self._voltage_mv = float32_scaled(_float_bits(data, 0), _MV_PER_V)
            self._power_mw = float32_scaled(bits, MW_PER_W)
            self._question = 1
            self._ask(now_ms)
            return None
        self._question = 0
        energy_mwh = float32_scaled(bits, MWH_PER_KWH)
        if energy_mwh is None or self._power_mw is None or self._voltage_mv is None:
            self._modbus.bad_answers += 1
            return None
        # From 16,384 kWh on a float32 cannot show every 1 Wh: its steps become longer.
        step_mwh = max(self._least_step_mwh, float32_step(bits, MWH_PER_KWH))
        return Reading(now_ms, energy_mwh, step_mwh, self._power_mw, self._voltage_mv)


def _float_bits(data: memoryview, at: int) -> int:
    return int.from_bytes(data[at : at + _FLOAT_SIZE], "big")
