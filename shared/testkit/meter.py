"""An electricity meter for every harness: power and time go in, Modbus register bytes come out.

meter_maps.py says which registers a model has.

Runs on CPython and on MicroPython. The meter is also its own UART: a harness hands it to a driver.
Its line is ideal, unless a Line says otherwise.
"""

import struct

from joulestream.compat import const
from joulestream.native import crc16
from joulestream.testkit.meter_maps import IDENTITIES, MAPS, digits
from joulestream.units import MS_PER_HOUR, MWH_PER_WH

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_MILLION = 1_000_000
_FREQUENCY_MHZ = 50_000
# A meter that starts is silent for so long, and its register shows 0 for so long afterwards.
_START_MS = const(3_000)
_ZERO_MS = const(1_000)
_EXCEPTION = const(0x80)
_ILLEGAL_FUNCTION = const(1)
_ILLEGAL_ADDRESS = const(2)

# A late register shows the energy of so many calls of `advance` ago.
_LATE_CALLS = 8
# The last digits of a real voltage never rest. Steps of 79.19 V, modulo 1 V, visit all hundredths.
_VOLTAGE_MV = 230_000
_VOLTAGE_STEP = 7919
_REPEATED_VOLTAGE_MV = 230_250
# -3e38 W is what some meters show for an unknown power.
_LOWEST_FLOAT_MW = 3 * 10**41
_NAN = float("nan")
# One byte on a line has 11 bits at the most.
_BITS_PER_BYTE = const(11)

# Faults of the figures: name -> function(meter, power in mW, energy in mWh) -> the same, as shown.
FIGURE_FAULTS = {
    "frozen": lambda meter, power, energy: (power, meter.held[1]),
    "repeating": lambda meter, power, energy: meter.held,
    "late": lambda meter, power, energy: (power, meter.earlier_mwh[0]),
    "jump": lambda meter, power, energy: (power, energy + 500_000),
    "backward": lambda meter, power, energy: (power, energy - 3_000),
    "reset": lambda meter, power, energy: (power, -meter.start_mwh),
    "glitch": lambda meter, power, energy: (power, energy + 4_819_800_000),
    "huge": lambda meter, power, energy: (power, _MILLION * _MILLION * _MILLION),
    "absurd": lambda meter, power, energy: (-_LOWEST_FLOAT_MW, energy),
    "nan": lambda meter, power, energy: (_NAN, energy),
    "reversed": lambda meter, power, energy: (-power, meter.held[1]),
}
# Faults of the line: name -> function(meter, frame) -> the bytes that arrive.
LINE_FAULTS = {
    "silent": lambda meter, frame: b"",
    "damaged": lambda meter, frame: meter.damage(frame),
}


def _registers_of(value: "Any", form: str, size: int, digit: int) -> bytes:
    """Return a whole number as registers, or the largest one if it does not fit."""
    has_sign = form[-1] != form[-1].upper()
    most = (1 << 8 * size - has_sign) - 1
    least = -most if has_sign else 0
    number = int(value) // digit if value == value else most
    if not least <= number <= most:
        number = most
    data = (number & (1 << 8 * size) - 1).to_bytes(size, "big")
    return data[2:] + data[:2] if form[0] == "w" else data


def flip_last_byte(frame: bytes) -> bytes:
    """Return `frame` with a CRC that is wrong."""
    return frame[:-1] + bytes((frame[-1] ^ 0xFF,))


class Line:
    """How the bytes between a meter and its reader travel.

    Args:
        baud: speed in bit/s; each byte takes 11 bits. 0: all bytes arrive at once.
        turnaround_ms: time from the end of a request to the begin of its answer.
        late_ms: by how much a gateway delays each answer. It keeps their order.
        echoes: whether the adapter echoes each request.
        before, behind: stray bytes around each answer.
    """

    def __init__(
        self,
        baud: int = 0,
        turnaround_ms: int = 0,
        late_ms: int = 0,
        echoes: bool = False,
        before: bytes = b"",
        behind: bytes = b"",
    ) -> None:
        self.baud = baud
        self.turnaround_ms = turnaround_ms
        self.late_ms = late_ms
        self.echoes = echoes
        self.before = before
        self.behind = behind
        # Bytes under way: (tick at which the first of them arrives, bytes).
        self._flying: list[tuple[int, bytes]] = []

    def duration_ms(self, size: int) -> int:
        """Return how long `size` bytes take."""
        return -(-size * _BITS_PER_BYTE * 1_000 // self.baud) if self.baud else 0

    def carry(self, request: bytes, answer: bytes, now_ms: int) -> None:
        """Carry a request that is sent at `now_ms`, and its answer."""
        sent_ms = now_ms + self.duration_ms(len(request))
        if self.echoes:
            self._put(now_ms, request)
        answered_ms = sent_ms + self.turnaround_ms + self.late_ms
        if answer:
            self._put(answered_ms, self.before + answer + self.behind)

    def take(self, most: int, now_ms: int) -> bytes:
        """Return the bytes that have arrived by `now_ms`, `most` of them at most."""
        taken = b""
        while self._flying and len(taken) < most:
            first_ms, data = self._flying[0]
            arrived = len(data)
            if self.baud:
                bits = max(now_ms - first_ms, 0) * self.baud // 1_000
                arrived = min(bits // _BITS_PER_BYTE, arrived)
            elif now_ms < first_ms:
                arrived = 0
            arrived = min(arrived, most - len(taken))
            if not arrived:
                break
            taken += data[:arrived]
            if arrived == len(data):
                del self._flying[0]
            else:
                self._flying[0] = (first_ms + self.duration_ms(arrived), data[arrived:])
        return taken

    def _put(self, first_ms: int, data: bytes) -> None:
        if self._flying:
            # The line is one after the other's.
            last_ms, before = self._flying[-1]
            first_ms = max(first_ms, last_ms + self.duration_ms(len(before)))
        self._flying.append((first_ms, data))


class Meter:
    """Counts the energy that flows; `set_fault` makes it fail.

    Args:
        start_mwh: the register at the beginning, in mWh.
        step_mwh: the step of the register, in mWh.
        gain_ppm: the error of the energy that it counts, in millionths.
        model: which of MAPS it has.
        damage: returns a frame as it arrives during the fault "damaged".
        refresh_ms: the time between two refreshes of all figures; 0: they are always new.
        line: how its bytes travel; None: at once.
        smooth_ms: the time constant with which its power figure follows the power; 0: at once.
        lag_ms: by how much its register is late; its power figure is not.
        unit: its address; None answers to all of them.
        least_gap_ms: a request that comes sooner after the one before makes it start anew.

    Attributes:
        power_mw: the power that flows, which it shows unless it smooths its figure.
        voltage_mv: the voltage that it shows; None for one that never rests.
        fault: the name of the present fault, or "".
        held: power and energy at the beginning of the present fault.
        earlier_mwh: during the fault "late", the energy at the newest calls of `advance`.
        answers: how many times it refreshed its figures.
        exception: the code with which it refuses every request; 0: it answers.
        phases: so many phases share the power evenly.
        has_identity: whether it has the registers that name its model.
        restarts: how often it started anew.
        now_ms: the time that it has run.
    """

    def __init__(
        self,
        start_mwh: int = 5_000_000,
        step_mwh: int = MWH_PER_WH,
        gain_ppm: int = 0,
        model: str = "sdm120",
        damage: "Callable[[bytes], bytes]" = flip_last_byte,
        refresh_ms: int = 0,
        line: "Line | None" = None,
        smooth_ms: int = 0,
        lag_ms: int = 0,
        unit: "int | None" = None,
        least_gap_ms: int = 0,
    ) -> None:
        self.unit = unit
        self.phases = 1
        self.least_gap_ms = least_gap_ms
        self.restarts = 0
        self.exception = 0
        self.has_identity = True
        self._asked_ms: int | None = None
        self._up_ms = 0  # silent before this time

        self.smooth_ms = smooth_ms
        self.lag_ms = lag_ms
        self._smooth_mw = 0
        self._history: list[tuple[int, int]] = []  # (tick, power times time) within the lag
        self.start_mwh = start_mwh
        self.step_mwh = step_mwh
        self.gain_ppm = gain_ppm
        self.damage = damage
        self.refresh_ms = refresh_ms
        self.line = line
        self.now_ms = 0
        self.power_mw = 0
        self.voltage_mv: int | None = None
        self.fault = ""
        self.held = (0, 0)
        self.earlier_mwh = [0]
        self.answers = 0
        _, self._functions, self._first, self._most, self._ranges, figures = MAPS[model]
        self._figures = [
            (name, number - self._first, form, struct.calcsize(">" + form[-1]), digits(unit))
            for name, number, form, unit in figures
        ]
        self._identity: Any = IDENTITIES.get(model)
        self._flowed_mw_ms = 0
        self._returned_mw_ms = 0
        self._received = b""
        self._shown: tuple[Any, ...] | None = None  # the figures of the last refresh

    @property
    def energy_mwh(self) -> int:
        """The energy that it counted since the beginning, free of all its faults."""
        flowed_mw_ms = self._history[0][1] if self._history else self._flowed_mw_ms
        return flowed_mw_ms * (_MILLION + self.gain_ppm) // (_MILLION * MS_PER_HOUR)

    def advance(self, power_mw: int, elapsed_ms: int) -> None:
        """Let `power_mw` flow for `elapsed_ms`, and show it from now on."""
        before_ms = self.now_ms
        self.now_ms += elapsed_ms
        self.power_mw = power_mw
        self._flowed_mw_ms += power_mw * elapsed_ms
        if power_mw < 0:
            self._returned_mw_ms -= power_mw * elapsed_ms
        if self.smooth_ms:
            part_ms = min(elapsed_ms, self.smooth_ms)
            self._smooth_mw += (power_mw - self._smooth_mw) * part_ms // self.smooth_ms
        if self.lag_ms:
            self._history.append((self.now_ms, self._flowed_mw_ms))
            while self._history[0][0] < self.now_ms - self.lag_ms:
                del self._history[0]
        refresh_ms = self.refresh_ms
        if refresh_ms and before_ms // refresh_ms != self.now_ms // refresh_ms:
            self._shown = self._measure()
        if self.fault == "late":
            self.earlier_mwh.append(self.energy_mwh)
            del self.earlier_mwh[:-_LATE_CALLS]

    def set_fault(self, fault: str) -> None:
        """Begin a fault of FIGURE_FAULTS or LINE_FAULTS, or end it with ""."""
        if fault and fault not in FIGURE_FAULTS and fault not in LINE_FAULTS:
            raise ValueError("a meter has no fault '%s'" % fault)
        self.fault = fault
        self.held = (self.power_mw, self.energy_mwh)
        self.earlier_mwh = [self.energy_mwh]

    def values(self) -> "tuple[Any, ...]":
        """Return the figures that the meter shows: voltage in mV, power in mW, energy in mWh."""
        if not self.refresh_ms:
            return self._measure()
        if self._shown is None:
            self._shown = self._measure()
        return self._shown

    def _measure(self) -> "tuple[Any, ...]":
        power_mw: Any = self.power_mw
        energy_mwh = self.energy_mwh
        if self.smooth_ms:
            power_mw = self._smooth_mw
        if self.fault in FIGURE_FAULTS:
            power_mw, energy_mwh = FIGURE_FAULTS[self.fault](self, power_mw, energy_mwh)
        register_mwh = max(self.start_mwh + energy_mwh, 0)
        if self.restarts and self.now_ms < self._up_ms + _ZERO_MS:
            register_mwh = 0
        register_mwh -= register_mwh % self.step_mwh
        self.answers += 1
        voltage_mv = self.voltage_mv
        if self.fault == "repeating":
            voltage_mv = _REPEATED_VOLTAGE_MV
        elif voltage_mv is None:
            voltage_mv = _VOLTAGE_MV + self.answers * _VOLTAGE_STEP % 100 * 10
        return voltage_mv, power_mw, register_mwh, self._returned_mw_ms

    def _figure(self, name: str, shown: "tuple[Any, ...]") -> "Any":
        """Return a figure of a register map, in mV, mA, mW, mHz or mWh."""
        voltage_mv, power_mw, register_mwh, returned_mw_ms = shown
        if name == "V":
            return voltage_mv
        if name == "W":
            return power_mw
        if name == "import":
            return register_mwh
        if name == "export":
            returned_mwh = returned_mw_ms // MS_PER_HOUR
            return returned_mwh - returned_mwh % self.step_mwh
        if name == "Hz":
            return _FREQUENCY_MHZ
        is_number = power_mw == power_mw
        return abs(power_mw) * 1_000 // voltage_mv // self.phases if is_number else power_mw

    def registers(self, first: int, count: int) -> bytearray:
        """Return the bytes of `count` registers from the 0-based `first` on."""
        data = bytearray(2 * count)
        if self._names_itself(first, count):
            struct.pack_into(">%dH" % count, data, 0, *self._identity[2])
            return data
        shown = self.values()
        for name, register, form, size, digit in self._figures:
            at = 2 * (register - first)
            if 0 <= at <= 2 * count - size:
                value = self._figure(name, shown)
                if form == "f":
                    struct.pack_into(">f", data, at, value / digit)
                else:
                    data[at : at + size] = _registers_of(value, form, size, digit)
        return data

    @property
    def last_register(self) -> int:
        """The highest register of the model, from 0 on."""
        last = max([last for _, last in self._ranges]) - self._first
        if self._identity is None:
            return last
        return max(last, self._identity[1] + len(self._identity[2]) - 1)

    def _names_itself(self, first: int, count: int) -> bool:
        """Return whether a request is for the registers that name the model, and no others."""
        identity = self._identity
        if identity is None or not self.has_identity:
            return False
        return bool((first, count) == (identity[1], len(identity[2])))

    def refusal(self, function: int, first: int, count: int) -> int:
        """Return the code of the exception that answers a request, or 0."""
        if self._names_itself(first, count) and function in self._identity[0]:
            return 0
        if function not in self._functions:
            return _ILLEGAL_FUNCTION
        for start, last in self._ranges:
            if start - self._first <= first and first + count - 1 <= last - self._first:
                return _ILLEGAL_ADDRESS if count > self._most else 0
        return _ILLEGAL_ADDRESS

    def answer(self, request: bytes) -> bytes:
        """Return the bytes that arrive in answer to a request for registers."""
        first, count = struct.unpack(">HH", request[2:6])
        if self.unit not in (None, request[0]) or self.is_down():
            return b""
        code = self.exception or self.refusal(request[1], first, count)
        if code:
            frame = bytes((request[0], request[1] | _EXCEPTION, code))
        else:
            frame = bytes((request[0], request[1], 2 * count))
            frame += bytes(self.registers(first, count))
        return self.transmit(frame + crc16(frame, len(frame), 0).to_bytes(2, "little"))

    def is_down(self) -> bool:
        """Return whether it is silent, as after a request that came too soon."""
        before_ms, self._asked_ms = self._asked_ms, self.now_ms
        is_down = self.now_ms < self._up_ms
        if before_ms is not None and self.now_ms - before_ms < self.least_gap_ms:
            self.restarts += 1
            self._up_ms = self.now_ms + _START_MS
            return True
        return is_down

    def transmit(self, frame: bytes) -> bytes:
        """Return the bytes that arrive if the meter sends `frame`."""
        fault = LINE_FAULTS.get(self.fault)
        return frame if fault is None else fault(self, frame)

    # The UART

    def write(self, request: "bytes | bytearray | memoryview") -> int:
        """Take a request; on an ideal line the answer can be read at once."""
        request = bytes(request)
        answer = self.answer(request)
        if self.line is None:
            self._received = answer
        else:
            self.line.carry(request, answer, self.now_ms)
        return len(request)

    def readinto(self, buffer: bytearray) -> int:
        """Move the bytes that have arrived into `buffer`; return their number."""
        if self.line is not None:
            taken = self.line.take(len(buffer), self.now_ms)
            buffer[: len(taken)] = taken
            return len(taken)
        size = min(len(buffer), len(self._received))
        buffer[:size] = self._received[:size]
        self._received = self._received[size:]
        return size
