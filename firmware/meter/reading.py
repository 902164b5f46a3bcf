"""One reading of a meter: the form in which every driver delivers it."""

from joulestream.compat import const
from joulestream.units import ticks_add

# The figures of a meter, for `Driver.figure` (contract.py): mV, mW, mWh, mWh, mA, mHz.
VOLTAGE = const(0)
POWER = const(1)
IMPORT = const(2)
EXPORT = const(3)
CURRENT = const(4)
FREQUENCY = const(5)


class Reading:
    """The figures of one meter at one moment.

    Args:
        time_ms: the tick at which the last byte of the reading came.
        energy_mwh: the meter's register of imported energy, in mWh.
        step_mwh: the least step by which the register can move now, in mWh; rounded up. A float32
            register moves in longer steps the higher it stands.
        power_mw: the power that flows now, in mW; below 0 when it flows back.
        voltage_mv: the voltage, in mV; None from a meter that tells none. Its last digits never
            rest while a meter works.
        current_ma: the highest current of a phase, in mA; None from a meter that tells none.
        age_ms: the time from the reading's first question to its last byte. A figure may be as
            old as the question.

    Attributes:
        asked_ms: the tick of the reading's first question.
    """

    def __init__(
        self,
        time_ms: int,
        energy_mwh: int,
        step_mwh: int,
        power_mw: int,
        voltage_mv: "int | None",
        age_ms: int = 0,
        current_ma: "int | None" = None,
    ) -> None:
        self.time_ms = time_ms
        self.energy_mwh = energy_mwh
        self.step_mwh = step_mwh
        self.power_mw = power_mw
        self.voltage_mv = voltage_mv
        self.current_ma = current_ma
        self.age_ms = age_ms
        self.asked_ms = ticks_add(time_ms, -age_ms)
