"""Schneider Electric iEM3155: float32 and integers of 64 bits in holding registers.

Source: iEM3100, iEM3200 and iEM3300 series user manual, DOCA0005EN, "Register list". It counts
registers from 1; here they count from 0. Not verified: that one answer may span registers that the
list leaves out, as the first question does, and the times of refresh and turnaround.
"""

from joulestream.meter.registers import F32, READ_HOLDING, U64
from joulestream.meter.registers import Driver as Driver

MODELS = {
    "iem3155": (
        (1_000, 1_000, 200, 100, 19_200, "8E1"),
        ((READ_HOLDING, 2999, 112, 2, 10), (READ_HOLDING, 3203, 8, 2, 20)),
        (
            (3027, F32, 1_000),
            (3059, F32, 1_000_000),  # kW, of all phases
            (3203, U64, 1_000),  # Wh
            (3207, U64, 1_000),
            (2999, F32, 1_000, 3),
            (3109, F32, 1_000),
        ),
        100_000,
    ),
}
