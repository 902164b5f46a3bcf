"""The driver of every Modbus meter: a row of its maker's table names its registers.

A maker is one module with rows; eastron.py is the simplest. It imports `Driver` from here:

    MODELS = {model: (traits, questions, figures, most_w)}

    traits      step_mwh, refresh_ms, turnaround_ms, pause_ms, baud, line: facts for the watch and
                for the line (docs/configuration.md, "Meter")
    questions   the requests of one reading, in their order:
                (function, first register, registers, grain, spare)
    figures     in the order of reading.py, (first register, kind, scale), or None where the meter
                has no such figure
    most_w      the highest power that makes sense, in W

Registers count from 0, as on the wire. `scale` turns the register's value into mV, mW, mWh, mA or
mHz. The current may have a fourth field: the number of phases. Their registers follow one another.

A question asks for `grain` registers more in each variant of the request (modbus.py), up to
`spare` of them, which is twice `grain` at least. The registers behind it hold figures that nobody
reads. The spare of the first question says how many requests can be told apart. No question is as
long as another one in its first three variants, so that none takes the other's answer.
"""

from joulestream.compat import const
from joulestream.meter.modbus import VARIANTS, ModbusMaster
from joulestream.meter.reading import CURRENT, IMPORT, POWER, VOLTAGE, Reading
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

# Kinds: the size in bytes, and marks. The words of a LOW_FIRST one come in the order low, high.
_SIZE = const(15)
_SIGNED = const(16)
_FLOAT = const(32)
_LOW_FIRST = const(64)
_FLOAT_SIZE = const(4)
U16 = const(2)
U32 = const(4)
I32 = const(4 | 16)
U64 = const(8)
F32 = const(4 | 32)
U32_LOW_FIRST = const(4 | 64)
I32_LOW_FIRST = const(4 | 16 | 64)

READ_HOLDING = const(3)
READ_INPUT = const(4)

# The highest figure that makes sense, in the order of reading.py; the power's is the model's. No
# part of the low-voltage mains is above 1 kV (IEC 60038). A display has six digits before the
# point. Makers mark a figure that they do not have with all ones or NaN, which is far above.
_MOST = (1_000_000, 0, 1_000_000 * MWH_PER_KWH, 1_000_000 * MWH_PER_KWH, 10_000_000, 1_000_000)


class Driver:
    """Polls one Modbus meter every `interval_ms`; contract.py describes arguments and methods.

    `row` is the model's row of its maker's table.
    """

    def __init__(self, board: "Any", meter: "MeterConfig", row: "Any") -> None:
        _, self._questions, figures, most_w = row
        self._figures = tuple([self._place(figure) for figure in figures])
        self._most_mw = most_w * MW_PER_W
        self._least_step_mwh = meter.step_mwh
        _, _, _, grain, spare = self._questions[0]
        self._modbus = ModbusMaster(
            board.uart("meter"),
            meter.unit,
            meter.baud,
            meter.turnaround_ms,
            meter.pause_ms,
            min(spare // grain + 1, VARIANTS),
        )
        # The answers of one reading, one behind the other.
        size = 0
        for _, _, registers, _, _ in self._questions:
            size += 2 * registers
        self._data = memoryview(bytearray(size))
        self._filled = 0
        self._question = 0
        self._interval_ms = meter.interval_ms
        self._interval = Timer()
        self._first_ms = 0  # the tick of this reading's first question
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
        """Move the exchange on; return a Reading once all answers are there, else None."""
        modbus = self._modbus
        waited = modbus.busy
        data = modbus.poll(now_ms)
        if data is not None:
            return self._take(data, now_ms)
        if waited and not modbus.busy:
            self._question = 0
        if not modbus.may_ask(now_ms):
            return None
        if self._question == 0:
            if not self._interval.is_over(now_ms):
                return None
            self._interval.start(now_ms, self._interval_ms)
            self._first_ms = now_ms
        function, first, registers, grain, _ = self._questions[self._question]
        modbus.ask(function, first, registers + grain * modbus.variant, now_ms)
        return None

    def _take(self, data: memoryview, now_ms: int) -> Reading | None:
        """Keep an answer; make a Reading after the last one if its figures make sense."""
        question = self._question
        if question == 0:
            self._filled = 0
        size = 2 * self._questions[question][2]
        end = self._filled + size
        self._data[self._filled : end] = data[:size]
        self._filled = end
        question += 1
        if question < len(self._questions):
            self._question = question
            return None
        self._question = 0
        energy_mwh = self.figure(IMPORT)
        power_mw = self.figure(POWER)
        voltage_mv = self.figure(VOLTAGE)
        has_voltage = voltage_mv is not None or self._figures[VOLTAGE] is None
        if energy_mwh is None or power_mw is None or not has_voltage:
            self._modbus.bad_answers += 1
            self.senseless_ms = now_ms
            return None
        return Reading(
            now_ms,
            energy_mwh,
            self._step_mwh(),
            power_mw,
            voltage_mv,
            ticks_diff(now_ms, self._first_ms),
            self.figure(CURRENT),
        )

    def figure(self, which: int) -> "int | None":
        """Return a figure of the newest reading; None if there is none, or none with sense."""
        figure = self._figures[which]
        if figure is None:
            return None
        at, kind, scale, phases = figure
        value = _decode(self._data, at, kind, scale)
        while phases > 1:
            # The largest phase counts: each of them may melt its own wire.
            phases -= 1
            at += kind & _SIZE
            other = _decode(self._data, at, kind, scale)
            if value is None or (other is not None and abs(other) > abs(value)):
                value = other
        if value is None:
            return None
        if which == POWER:
            return value if -self._most_mw <= value <= self._most_mw else None
        least = -_MOST[CURRENT] if which == CURRENT else 0
        return value if least <= value <= _MOST[which] else None

    def _step_mwh(self) -> int:
        """Return the step of the register now. From 16,384 kWh on a float32's exceeds 1 Wh."""
        at, kind, scale, _ = self._figures[IMPORT]
        if not kind & _FLOAT:
            return self._least_step_mwh
        bits = int.from_bytes(self._data[at : at + _FLOAT_SIZE], "big")
        return max(self._least_step_mwh, float32_step(bits, scale))

    def _place(self, figure: "Any") -> "Any":
        """Return (place in the answers, kind, scale, phases) of a row's figure, or None."""
        if figure is None:
            return None
        at = 0
        for _, first, registers, _, _ in self._questions:
            if first <= figure[0] < first + registers:
                at += 2 * (figure[0] - first)
                break
            at += 2 * registers
        return at, figure[1], figure[2], figure[3] if len(figure) > 3 else 1


def _decode(data: memoryview, at: int, kind: int, scale: int) -> "int | None":
    """Return the value at `at` times `scale`; None if it is no number."""
    size = kind & _SIZE
    value = int.from_bytes(data[at : at + size], "big")
    if kind & _FLOAT:
        return float32_scaled(value, scale)
    if kind & _LOW_FIRST:
        value = (value & 0xFFFF) << 16 | value >> 16
    if kind & _SIGNED and value >> (8 * size - 1):
        value -= 1 << (8 * size)
    return value * scale
