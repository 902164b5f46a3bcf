"""Eastron SDM meters: float32 values in pairs of input registers, the high word first.

Sources, all by Eastron: SDM120 Modbus Protocol V2.4, SDM220 user manual, SDM230 Modbus Protocol
V1.4, SDM630 Modbus Protocol V1.7, SDM72D-M Modbus Protocol V1.1, SDM72D-M-2 Modbus Protocol V1.0.
The MID variants have the same registers. An SDM72D (also of version 1) has neither voltage nor
current nor frequency.

A question asks for whole values: for 40 of them at most, and of an SDM72D for 30 at most (its user
manual, part 3). The registers show kWh with three decimals; some SDM72D count in 10 or 100 Wh all
the same. An SDM72D that is asked more than twice a second starts anew (reaper7/SDM_Energy_Meter,
issue 50). Refresh and turnaround are measured by users; Eastron names neither. Not verified: that
an SDM72D of version 1 answers for registers that its list leaves out, between power and energy.
"""

from joulestream.meter.registers import F32, READ_INPUT
from joulestream.meter.registers import Driver as Driver

_V = (0x0000, F32, 1_000)
_HZ = (0x0046, F32, 1_000)
_IMPORT = (0x0048, F32, 1_000_000)  # kWh, of all phases
_EXPORT = (0x004A, F32, 1_000_000)
_ENERGY = (READ_INPUT, 0x0046, 6, 2, 24)

# Voltage to power, then frequency to export: one question for all would be 161 bytes.
_ONE_QUESTIONS = ((READ_INPUT, 0x0000, 14, 2, 22), _ENERGY)
_ONE_FIGURES = (_V, (0x000C, F32, 1_000), _IMPORT, _EXPORT, (0x0006, F32, 1_000), _HZ)
_POWER = (0x0034, F32, 1_000)
_THREE_FIGURES = (_V, _POWER, _IMPORT, _EXPORT, (0x0006, F32, 1_000, 3), _HZ)

_ONE = ((1_000, 200, 200, 100, 2_400, "8N1"), _ONE_QUESTIONS, _ONE_FIGURES, 50_000)
_THREE = (
    (1_000, 200, 200, 100, 9_600, "8N1"),
    ((READ_INPUT, 0x0000, 54, 2, 22), _ENERGY),
    _THREE_FIGURES,
    500_000,
)
_SLOW = (1_000, 200, 200, 500, 9_600, "8N1")

MODELS = {
    "sdm120": _ONE,
    "sdm120-mid": _ONE,
    "sdm220": _ONE,
    "sdm220-mid": _ONE,
    "sdm230": _ONE,
    "sdm230-mid": _ONE,
    "sdm630": _THREE,
    "sdm630-mid": _THREE,
    "sdm72d": (
        _SLOW,
        ((READ_INPUT, 0x0034, 24, 2, 22),),
        (None, _POWER, _IMPORT, _EXPORT, None, None),
        500_000,
    ),
    "sdm72d-v2": (_SLOW, ((READ_INPUT, 0x0000, 54, 2, 6), _ENERGY), _THREE_FIGURES, 500_000),
}
