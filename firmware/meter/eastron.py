"""The driver of Eastron SDM meters, which hold float32 values in pairs of input registers.

Source: Eastron's Modbus protocol documents of the SDM120, SDM220, SDM230, SDM630 and SDM72D-V2.
"""

from joulestream.compat import const
from joulestream.meter.modbus import ModbusMaster
from joulestream.meter.reading import Reading
from joulestream.units import (
    MW_PER_W,
    MWH_PER_KWH,
    Timer,
    float32_scaled,
    float32_step,
    ticks_diff,
)

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.meter.config import MeterConfig

_READ_INPUT_REGISTERS = const(4)
# Addresses that all models share; the address of the power is in the table of drivers.
_VOLTAGE = const(0x0000)  # of phase 1, V
_FREQUENCY = const(0x0046)  # Hz
_IMPORT = const(0x0048)  # imported energy of all phases, kWh
_FLOAT_REGISTERS = const(2)
_FLOAT_SIZE = const(4)
_IMPORT_AT = const(_FLOAT_SIZE * (_IMPORT - _FREQUENCY) // _FLOAT_REGISTERS)
_MV_PER_V = const(1_000)
# The ranges of sense: a display has at most six digits before the point, and no part of the
# low-voltage mains is above 1 kV (IEC 60038). The range of the power is the model's.
_MOST_ENERGY_MWH = 1_000_000 * MWH_PER_KWH
_MOST_VOLTAGE_MV = const(1_000_000)


class Driver:
    """Polls one Eastron meter every `interval_ms`, with two requests for one reading.

    contract.py describes the arguments and methods. `parameters` is the address of the total
    power, and the highest power that makes sense, in W.
    """

    def __init__(self, board: "Any", meter: "MeterConfig", parameters: "tuple[int, int]") -> None:
        power_address, most_power_w = parameters
        self._most_power_mw = most_power_w * MW_PER_W
        self._least_step_mwh = meter.step_mwh
        self._modbus = ModbusMaster(
            board.uart("meter"), meter.unit, meter.baud, meter.turnaround_ms, meter.pause_ms
        )
        # (address, registers) of the two requests: voltage to power, then frequency to energy.
        # One request for all would need 161 bytes on the line for an SDM120, two need 62. The
        # registers behind them, which the variants ask for too, hold other figures.
        self._questions = (
            (_VOLTAGE, power_address + _FLOAT_REGISTERS - _VOLTAGE),
            (_FREQUENCY, _IMPORT + _FLOAT_REGISTERS - _FREQUENCY),
        )
        self._power_at = _FLOAT_SIZE * (power_address - _VOLTAGE) // _FLOAT_REGISTERS
        self._question = 0
        self._interval_ms = meter.interval_ms
        self._interval = Timer()
        self._first_ms = 0  # the tick of this reading's first question
        self._power_mw: int | None = 0
        self._voltage_mv: int | None = 0
        self.senseless_ms: int | None = None

    @property
    def heard_ms(self) -> "int | None":
        """The tick at which the meter last sent anything; None before that."""
        return self._modbus.heard_ms

    @property
    def bad_answers(self) -> int:
        """How many answers were dropped because they were damaged, refused or senseless."""
        return self._modbus.bad_answers

    @property
    def skipped_bytes(self) -> int:
        """How many received bytes belonged to no answer."""
        return self._modbus.skipped_bytes

    def poll(self, now_ms: int) -> Reading | None:
        """Move the exchange on; return a Reading once both answers are there, else None."""
        modbus = self._modbus
        waited = modbus.busy
        data = modbus.poll(now_ms)
        if data is not None:
            return self._read_answer(data, now_ms)
        if waited and not modbus.busy:
            self._question = 0
        if not modbus.may_ask(now_ms):
            return None
        if self._question == 0:
            if not self._interval.is_over(now_ms):
                return None
            self._interval.start(now_ms, self._interval_ms)
            self._first_ms = now_ms
        address, registers = self._questions[self._question]
        registers += _FLOAT_REGISTERS * modbus.variant
        modbus.ask(_READ_INPUT_REGISTERS, address, registers, now_ms)
        return None

    def _read_answer(self, data: memoryview, now_ms: int) -> Reading | None:
        """Keep the first answer's values; make a Reading after the second if all make sense."""
        if self._question == 0:
            self._voltage_mv = _in_range(data, 0, _MV_PER_V, 0, _MOST_VOLTAGE_MV)
            most_mw = self._most_power_mw
            self._power_mw = _in_range(data, self._power_at, MW_PER_W, -most_mw, most_mw)
            self._question = 1
            return None
        self._question = 0
        energy_mwh = _in_range(data, _IMPORT_AT, MWH_PER_KWH, 0, _MOST_ENERGY_MWH)
        if energy_mwh is None or self._power_mw is None or self._voltage_mv is None:
            self._modbus.bad_answers += 1
            self.senseless_ms = now_ms
            return None
        # From 16,384 kWh on a float32 cannot show every 1 Wh: its steps become longer.
        float_mwh = float32_step(_float_bits(data, _IMPORT_AT), MWH_PER_KWH)
        return Reading(
            now_ms,
            energy_mwh,
            max(self._least_step_mwh, float_mwh),
            self._power_mw,
            self._voltage_mv,
            ticks_diff(now_ms, self._first_ms),
        )


def _float_bits(data: memoryview, at: int) -> int:
    return int.from_bytes(data[at : at + _FLOAT_SIZE], "big")


def _in_range(data: memoryview, at: int, scale: int, low: int, high: int) -> "int | None":
    """Return the float32 at `at` times `scale`; None if it is no number, or out of range."""
    value = float32_scaled(_float_bits(data, at), scale)
    return None if value is None or not low <= value <= high else value
