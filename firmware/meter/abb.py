"""ABB B23 and B24: integers in holding registers, the high word first. Energy counts in 10 Wh.

Source: ABB B23/B24 User Manual, document 2CMC485003M0201, chapter 9, mapping tables. The speed and
the parity are set on the meter's display; 19200 and even is the standard's own default, and was
not found in the manual. Refresh and turnaround were not found either.

A B24 behind current transformers shows primary figures once its ratio is set.
"""

from joulestream.meter.registers import I32, READ_HOLDING, U16, U32, U64
from joulestream.meter.registers import Driver as Driver

_QUESTIONS = (
    (READ_HOLDING, 0x5B00, 45, 1, 11),  # voltage to frequency
    (READ_HOLDING, 0x5000, 8, 1, 11),  # import and export
)
_FIGURES = (
    (0x5B00, U32, 100),  # 0.1 V
    (0x5B14, I32, 10),  # 0.01 W, of all phases
    (0x5000, U64, 10_000),  # 0.01 kWh
    (0x5004, U64, 10_000),
    (0x5B0C, U32, 10, 3),  # 0.01 A
    (0x5B2C, U16, 10),  # 0.01 Hz
)
_TRAITS = (10_000, 1_000, 200, 100, 19_200, "8E1")

MODELS = {
    "b23": (_TRAITS, _QUESTIONS, _FIGURES, 100_000),
    "b24": (_TRAITS, _QUESTIONS, _FIGURES, 20_000_000),
}
