"""One reading of a meter: the form in which every driver delivers it."""


class Reading:
    """The figures of one meter at one moment.

    Args:
        time_ms: the tick at which the last byte of the reading came.
        energy_mwh: the meter's register of imported energy, in mWh.
        step_mwh: how far the register moves at a time, in mWh. Rounded up where the steps differ.
        power_mw: the power that flows now, in mW; below 0 when it flows back.
        voltage_mv: the voltage, in mV. Its last digits never rest while a meter works.
    """

    def __init__(
        self, time_ms: int, energy_mwh: int, step_mwh: int, power_mw: int, voltage_mv: int
    ) -> None:
        self.time_ms = time_ms
        self.energy_mwh = energy_mwh
        self.step_mwh = step_mwh
        self.power_mw = power_mw
        self.voltage_mv = voltage_mv
