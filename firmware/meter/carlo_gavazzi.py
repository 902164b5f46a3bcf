"""Carlo Gavazzi EM111, EM112, EM330 and EM340: integers of 32 bits, the low word first.

Sources, both by Carlo Gavazzi Controls: EM111, EM112 and ET112 Communication Protocol; EM300 and
ET300 Series Communication Protocol, version 2 revision 17 (at most 50 registers a request). A
meter answers after 40 ms as a rule and after 500 ms at the latest. Registers of energy count in
100 Wh. The refresh of the figures was not found in them.

EM330 and EM340 may add up the registers of the phases: current that circulates between phases then
counts in both directions. How a meter counts is set in its menu (EM300 protocol, "measurement
mode").
"""

from joulestream.meter.registers import I32_LOW_FIRST, READ_INPUT, U16
from joulestream.meter.registers import Driver as Driver

_TRAITS = (100_000, 1_000, 500, 100, 9_600, "8N1")
_V = (0x0000, I32_LOW_FIRST, 100)  # 0.1 V
_W_SCALE = 100  # 0.1 W
_KWH_SCALE = 100_000  # 0.1 kWh

_ONE = (
    _TRAITS,
    ((READ_INPUT, 0x0000, 18, 1, 10), (READ_INPUT, 0x0020, 2, 1, 2)),
    (
        _V,
        (0x0004, I32_LOW_FIRST, _W_SCALE),
        (0x0010, I32_LOW_FIRST, _KWH_SCALE),
        (0x0020, I32_LOW_FIRST, _KWH_SCALE),
        (0x0002, I32_LOW_FIRST, 1),
        (0x000F, U16, 100),
    ),
    50_000,
)
_THREE_QUESTIONS = ((READ_INPUT, 0x0000, 42, 1, 8), (READ_INPUT, 0x0033, 29, 1, 11))
_THREE_FIGURES = (
    _V,
    (0x0028, I32_LOW_FIRST, _W_SCALE),
    (0x0034, I32_LOW_FIRST, _KWH_SCALE),
    (0x004E, I32_LOW_FIRST, _KWH_SCALE),
    (0x000C, I32_LOW_FIRST, 1, 3),
    (0x0033, U16, 100),
)

MODELS = {
    "em111": _ONE,
    "em112": _ONE,
    "em330": (_TRAITS, _THREE_QUESTIONS, _THREE_FIGURES, 20_000_000),
    "em340": (_TRAITS, _THREE_QUESTIONS, _THREE_FIGURES, 100_000),
}
