"""Finds a Modbus meter on a line: its speed, its parity, its address, and its model.

The order is made for speed. Address 1 is tried at all usual settings first, which takes seconds;
then every other address at each of them, which takes half a minute a setting. One question that
every meter answers, be it with an exception, shows that speed, parity and address are right. Only
then the model is looked for, with a pause before each question: an SDM72D that is asked more than
twice a second starts anew.
"""

import struct
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.meter_identities import (
    EASTRONS,
    IDENTITIES,
    PZEM_ADDRESS,
    PZEMS,
    LookAlikes,
)
from joulestream.meter.modbus import line_ms
from joulestream.native import crc16

# Speed and line, the makers' settings first. Two stop bits are heard as one.
SETTINGS = (
    (9_600, "8N1"),
    (2_400, "8N1"),
    (19_200, "8E1"),
    (9_600, "8E1"),
    (19_200, "8N1"),
    (4_800, "8N1"),
    (38_400, "8N1"),
    (38_400, "8E1"),
    (2_400, "8E1"),
    (4_800, "8E1"),
    (1_200, "8N1"),
    (57_600, "8N1"),
    (115_200, "8N1"),
    (115_200, "8E1"),
    (9_600, "8O1"),
    (19_200, "8O1"),
)
UNITS = tuple(range(1, 248))
# Every meter answers this one, an Eastron with its energy and others with figures or an exception.
# An SDM72D of version 1 has none of the registers before it but the power.
_PRESENCE = (4, 0x0048, 2)
# Meters that answered at all took 40 to 100 ms as a rule; Carlo Gavazzi allows 500.
_FIRST_MS = 500
_SWEEP_MS = 120
_PAUSE_MS = 600
_DAMAGED_LOOKS = 3
_LEAST_MV, _MOST_MV = 5_000, 500_000
_EXCEPTION_BIT = 0x80
_EXCEPTION_SIZE = 5


class Wire(Protocol):
    """A line to meters."""

    def configure(self, baud: int, line: str) -> None:
        """Set speed, parity and stop bits."""

    def exchange(self, request: bytes, size: int, most_ms: int) -> bytes:
        """Send a request; return the bytes that came until there were `size`, or `most_ms`."""

    def pause(self, ms: int) -> None:
        """Let time pass."""


class Found(NamedTuple):
    """A meter that was found.

    Attributes:
        baud, line, unit: how to talk to it.
        models: the models that it may be, the likeliest one first; none: an unknown meter.
        known_by: what told the model.
    """

    baud: int
    line: str
    unit: int
    models: tuple[str, ...]
    known_by: str


class Probe:
    """Looks for one meter.

    Args:
        wire: the line.
        tell: called with a sentence on the setting that is tried now.
        settings: the speeds and lines to try.
        units: the addresses to try.
    """

    def __init__(
        self,
        wire: Wire,
        tell: Callable[[str], None],
        settings: Iterable[tuple[int, str]] = SETTINGS,
        units: Iterable[int] = UNITS,
    ) -> None:
        self._wire = wire
        self._tell = tell
        self._settings = tuple(settings)
        self._units = tuple(units)
        self._baud = 0
        self._damaged: tuple[int, int] | None = None  # speed and address

    def find(self) -> Found:
        """Return the first meter.

        Raises:
            CommandError: there is none, or only damaged answers came.
        """
        first = self._units[0]
        for most_ms, units in ((_FIRST_MS, (first,)), (_SWEEP_MS, self._units[1:])):
            for baud, line in self._settings if units else ():
                self._tell(f"{baud} baud {line}: address {_span(units)}")
                self._wire.configure(baud, line)
                self._baud = baud
                for unit in units:
                    if self._is_there(unit, most_ms):
                        return self._identify(baud, line, unit)
            if self._damaged is not None:
                raise self._damage(*self._damaged)
        raise CommandError(
            f"no meter answers on this line at {len(self._settings)} settings and"
            f" {len(self._units)} addresses; check its supply, swap A and B, and end other"
            " programs that use the line"
        )

    def _is_there(self, unit: int, most_ms: int) -> bool:
        """Return whether a unit answers; note a setting at which only damaged bytes come."""
        for _ in range(_DAMAGED_LOOKS):
            answer, came = self._ask(unit, _PRESENCE, most_ms)
            if answer is not None:
                return True
            if not came:
                return False
            self._wire.pause(_PAUSE_MS)
        self._damaged = self._damaged or (self._baud, unit)
        return False

    def _damage(self, baud: int, unit: int) -> CommandError:
        return CommandError(
            f"address {unit} answers at {baud} baud, but every answer is damaged: connect one"
            " meter alone, for two may have this address; else check the termination of the line"
            " and its common ground"
        )

    def _ask(
        self, unit: int, question: tuple[int, int, int], most_ms: int
    ) -> tuple[bytes | None, bool]:
        """Return the registers of an answer, none for an exception, None without any of both.

        The second value tells whether bytes came that are no echo.
        """
        function, first, count = question
        body = struct.pack(">BBHH", unit, function, first, count)
        request = body + crc16(body, len(body), 0).to_bytes(2, "little")
        size = 5 + 2 * count
        came = self._wire.exchange(request, size, line_ms(count, self._baud) + most_ms)
        head = bytes((unit, function, 2 * count))
        found = _frame(came, head, size)
        if found is not None:
            return found[3:-2], True
        if _frame(came, bytes((unit, function | _EXCEPTION_BIT)), _EXCEPTION_SIZE) is not None:
            return b"", True
        return None, bool(came.replace(request, b"").strip(b"\0\xff"))

    def _read(self, unit: int, question: tuple[int, int, int]) -> bytes:
        """Return the registers that a unit answers with; none if it does not."""
        for _ in range(2):
            self._wire.pause(_PAUSE_MS)
            answer, _ = self._ask(unit, question, _FIRST_MS)
            if answer is not None:
                return answer
        return b""

    def _identify(self, baud: int, line: str, unit: int) -> Found:
        """Find the model of a unit that answers."""
        self._tell(f"address {unit} answers at {baud} baud {line}; looking for its model")
        for maker, function, first, registers, models in IDENTITIES:
            data = self._read(unit, (function, first, registers))
            for value, names in models.items() if data else ():
                if isinstance(value, str):
                    is_it = data.strip(b"\0 ").startswith(value.encode())
                else:
                    is_it = int.from_bytes(data, "big") == value
                if is_it:
                    return Found(baud, line, unit, names, f"{maker}'s register {first:#06x}")
        if self._read(unit, PZEM_ADDRESS) == unit.to_bytes(2, "big"):
            for row in PZEMS:
                if self._looks_like(unit, row):
                    return Found(baud, line, unit, row.models, "Peacefair's registers")
        for row in EASTRONS:
            if self._looks_like(unit, row):
                return Found(baud, line, unit, row.models, "Eastron's registers")
        return Found(baud, line, unit, (), "nothing that is known")

    def _looks_like(self, unit: int, row: LookAlikes) -> bool:
        for question in row.voltages:
            data = self._read(unit, question)
            if not data:
                return False
            (value,) = struct.unpack_from(">" + row.form, data)
            if not _LEAST_MV <= value * row.digit_mv <= _MOST_MV:
                return False
        has_all = all(self._read(unit, question) for question in row.answers)
        return has_all and not any(self._read(unit, question) for question in row.refuses)


def _span(units: tuple[int, ...]) -> str:
    return f"{units[0]}" if len(units) == 1 else f"{units[0]} to {units[-1]}"


def _frame(data: bytes, head: bytes, size: int) -> bytes | None:
    """Return the frame of `size` bytes in `data` that begins with `head` and has a right CRC."""
    at = data.find(head)
    while at >= 0:
        frame = data[at : at + size]
        if len(frame) == size:
            crc: Any = crc16(frame, size - 2, 0)
            if crc.to_bytes(2, "little") == frame[-2:]:
                return frame
        at = data.find(head, at + 1)
    return None
