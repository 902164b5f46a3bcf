"""Peacefair PZEM modules: integers in input registers, the low word of a pair first.

Sources, both by Peacefair: PZEM-014/016 AC communication module (PZEM-004T v3 has the same
registers on a UART of 5 V), and PZEM-003/017 DC communication module. They refresh their figures
once a second. Software can reset their register of energy, and they have no register of export: a
power that flows back counts as import, without a sign.
"""

from joulestream.meter.registers import READ_INPUT, U16, U32_LOW_FIRST
from joulestream.meter.registers import Driver as Driver

_AC_QUESTIONS = ((READ_INPUT, 0, 8, 1, 2),)
_AC_FIGURES = (
    (0, U16, 100),  # 0.1 V
    (3, U32_LOW_FIRST, 100),  # 0.1 W
    (5, U32_LOW_FIRST, 1_000),  # Wh
    None,
    (1, U32_LOW_FIRST, 1),  # 0.001 A
    (7, U16, 100),  # 0.1 Hz
)
_AC = ((1_000, 1_000, 200, 100, 9_600, "8N1"), _AC_QUESTIONS, _AC_FIGURES, 50_000)
_DC_QUESTIONS = ((READ_INPUT, 0, 6, 1, 2),)
_DC_FIGURES = (
    (0, U16, 10),  # 0.01 V
    (2, U32_LOW_FIRST, 100),  # 0.1 W
    (4, U32_LOW_FIRST, 1_000),  # Wh
    None,
    (1, U16, 10),  # 0.01 A
    None,
)
_DC_TRAITS = (1_000, 1_000, 200, 100, 9_600, "8N2")

MODELS = {
    "pzem-004t-v3": _AC,
    "pzem-014": ((1_000, 1_000, 200, 100, 9_600, "8N1"), _AC_QUESTIONS, _AC_FIGURES, 5_000),
    "pzem-016": _AC,
    "pzem-003": (_DC_TRAITS, _DC_QUESTIONS, _DC_FIGURES, 5_000),
    "pzem-017": (_DC_TRAITS, _DC_QUESTIONS, _DC_FIGURES, 120_000),
}
