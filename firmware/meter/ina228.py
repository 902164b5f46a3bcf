"""INA228: a chip on I2C that measures direct current and adds up the energy by itself.

Source: Texas Instruments INA228 datasheet SLYS021, sections 7.6 and 8.1.2. Not run on hardware.

CURRENT_LSB follows from SHUNT_CAL = 13,107.2 x 10^6 x CURRENT_LSB x shunt. Energy steps by
16 x 3.2 x CURRENT_LSB joules, 0.27 uWh at 10 A, in a register of 40 bits that wraps. The chip's
POWER and ENERGY have no sign: the current tells the direction, and the driver keeps a register for
each of both. They begin at 0 whenever the board or the chip starts.
"""

from joulestream.compat import const
from joulestream.device.config import whole
from joulestream.meter.reading import CURRENT, EXPORT, IMPORT, POWER, VOLTAGE, Reading
from joulestream.units import Timer

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.meter.config import MeterConfig

# It refreshes its figures every 50 ms, see _CONTINUOUS. Speed and line mean nothing here.
MODELS = {"ina228": ((1, 50, 5, 0, 9_600, "8N1"), (), (), 0)}

FIELDS = (
    ("i2c_address", whole(0x40, 0x4F), 0x40),
    ("shunt_uohm", whole(10, 1_000_000), 15_000),
    ("shunt_ma", whole(10, 1_000_000), 10_000),  # the current at which the scale ends
)

_CONFIG = const(0x00)
_RESET_SUMS = b"\x40\x00"  # RSTACC, and the range of 163.84 mV
_ADC_CONFIG = const(0x01)
# Current, voltage and temperature in turn, 1,052 us each, the mean of 16: a refresh in 50 ms.
_CONTINUOUS = b"\xfb\x6a"
_SHUNT_CAL = const(0x02)
_VBUS = const(0x05)
_CURRENT = const(0x07)
_POWER = const(0x08)
_ENERGY = const(0x09)
_MANUFACTURER = const(0x3E)
_TEXAS_INSTRUMENTS = const(0x5449)
_DEVICE = const(0x3F)
_INA228 = const(0x228)
_ENERGY_MASK = (1 << 40) - 1
_MOST_CAL = const(0x7FFF)
# 13,107.2 x 10^6 with amperes in pA and ohms in uOhm: x 131,072 / 10^13.
_CAL = const(131_072)
_CAL_DIVISOR = 10**13
_STEPS = 1 << 19  # of the current's scale
_MOST_UV = const(163_840)  # at the shunt
_PA_PER_MA = 1_000_000_000


class Driver:
    """Reads one INA228 every `interval_ms`; contract.py describes arguments and methods."""

    def __init__(self, board: "Any", meter: "MeterConfig", row: "Any") -> None:
        config: Any = meter
        if config.shunt_ma * config.shunt_uohm > _MOST_UV * 1_000:
            raise ValueError(
                "the shunt of the INA228 has more than 163 mV at %d mA; correct 'meter.shunt_uohm'"
                " or 'meter.shunt_ma'" % config.shunt_ma
            )
        self._i2c = board.i2c()
        self._address = config.i2c_address
        step_pa = config.shunt_ma * _PA_PER_MA // _STEPS + 1
        self._cal = step_pa * config.shunt_uohm * _CAL // _CAL_DIVISOR
        if not 0 < self._cal <= _MOST_CAL:
            raise ValueError(
                "the INA228 cannot be calibrated for this shunt; correct 'meter.shunt_uohm'"
            )
        # The step that the rounded SHUNT_CAL stands for.
        self._step_pa = self._cal * _CAL_DIVISOR // (config.shunt_uohm * _CAL)
        self._bytes = {size: bytearray(size) for size in (2, 3, 5)}
        self._interval_ms = meter.interval_ms
        self._interval = Timer()
        self._is_set_up = False
        self._last = 0  # the chip's own sum
        # Sums of steps of energy in both directions, and the figures made of them.
        self._sums = [0, 0]
        self._figures: list[int | None] = [None] * 6
        self.heard_ms: int | None = None
        self.senseless_ms: int | None = None
        self.bad_answers = 0
        self.skipped_bytes = 0

    def poll(self, now_ms: int) -> Reading | None:
        """Read the chip when the interval is over. Blocks for the 20 bytes of its registers."""
        if not self._interval.is_over(now_ms):
            return None
        self._interval.start(now_ms, self._interval_ms)
        try:
            if not self._is_set_up or self._read(_SHUNT_CAL, 2) != self._cal:
                # The chip is new, or it lost its supply for a moment, and its sum with it.
                self._set_up()
                return None
            voltage_uv = (self._read(_VBUS, 3) >> 4) * 3_125 // 16
            current = _signed(self._read(_CURRENT, 3) >> 4, 20)
            power = self._read(_POWER, 3)
            energy = self._read(_ENERGY, 5)
        except OSError:
            self.bad_answers += 1
            return None
        self.heard_ms = now_ms
        flows_back = current < 0
        self._sums[flows_back] += (energy - self._last) & _ENERGY_MASK
        self._last = energy
        step_pa = self._step_pa
        power_mw = power * step_pa * 16 // 5 // _PA_PER_MA
        figures = self._figures
        figures[VOLTAGE] = voltage_uv // 1_000
        figures[POWER] = -power_mw if flows_back else power_mw
        figures[IMPORT] = self._mwh(self._sums[0])
        figures[EXPORT] = self._mwh(self._sums[1])
        figures[CURRENT] = current * step_pa // _PA_PER_MA
        return Reading(
            now_ms,
            figures[IMPORT] or 0,
            1,
            figures[POWER] or 0,
            figures[VOLTAGE],
            current_ma=figures[CURRENT],
        )

    def figure(self, which: int) -> "int | None":
        """Return a figure of the newest reading; None if there is none."""
        return self._figures[which]

    def _set_up(self) -> None:
        """Calibrate the chip and begin its sum at 0. Raises OSError."""
        if (
            self._read(_MANUFACTURER, 2) != _TEXAS_INSTRUMENTS
            or self._read(_DEVICE, 2) >> 4 != _INA228
        ):
            self.bad_answers += 1
            return
        write = self._i2c.writeto_mem
        write(self._address, _SHUNT_CAL, self._cal.to_bytes(2, "big"))
        write(self._address, _ADC_CONFIG, _CONTINUOUS)
        write(self._address, _CONFIG, _RESET_SUMS)
        self._last = 0
        self._is_set_up = True

    def _read(self, register: int, size: int) -> int:
        data = self._bytes[size]
        self._i2c.readfrom_mem_into(self._address, register, data)
        return int.from_bytes(data, "big")

    def _mwh(self, steps: int) -> int:
        """Return steps of energy in mWh: 51.2 joules for each step and ampere; 3.6 J are 1 mWh."""
        return steps * self._step_pa * 128 // (9 * 1_000 * _PA_PER_MA)


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value
