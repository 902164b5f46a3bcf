"""A firmware on the emulated Pico, for the bench: the same face as firmware.Firmware.

The wires around the board are here: the gate of the contactor's coil, its auxiliary contact, the
pilot's peak detector, and a real-time clock. The bench's pseudo-terminals are the Pico's UARTs.
"""

import json
import os
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from joulestream.host_tools.bench.firmware import FirmwareError
from joulestream.host_tools.build.pico import SOURCE, build, build_library, emulator_modules
from joulestream.host_tools.build.romfs import library_files, role_image
from joulestream.host_tools.pico_emulator import LOW, EmulatedPico
from joulestream.host_tools.pico_flash import JOURNAL_AT, write_flash
from joulestream.parts.gate_identity import identity
from joulestream.testkit.ds3231 import STATUS, Ds3231Registers
from joulestream.testkit.gate_eeprom import GateEeprom
from joulestream.testkit.mcp2515 import Mcp2515
from joulestream.units import ticks_diff

_UARTS = {"link": 0, "meter": 1}
# As in firmware/boards/rp2040.py.
_CONTACTOR, _HEARTBEAT, _FEEDBACK, PILOT_CHANNEL, _CLOCK_BUS = 10, 11, 12, 0, 1
_CAN_BUS, _CAN_SELECT, _CAN_INTERRUPT = 0, 17, 20
_PILOT_PIN = 14
_GATE_NS = 600_000_000
_PILOT_MV = {"A": 12_000, "B": 9_000, "C": 6_000, "D": 3_000}
_PILOT_DIVIDER, _ADC_FULL_MV, _ADC_FULL = 5, 3_300, 4_095
_MAIN = "from joulestream.%s.main import main\nmain('%s.json')\n"
_BCD_FIELDS = ("second", "minute", "hour", "isoweekday", "day", "month", "year")


class PicoFirmware:
    """A running firmware on an emulated Pico; see firmware.Firmware for the attributes.

    Args:
        role: "pole" or "vehicle".
        config: its configuration, with the unix board's section `board`, of which the names of
            the UARTs' terminals are taken.
        directory: where its flash is kept; that of an earlier run goes on.
        can: the CAN controller on its SPI bus, if there is one.
        romfs: whether the packages are in a ROMFS; otherwise they are ordinary files.

    Attributes:
        board: the emulated board.

    Raises:
        ToolchainError: something that the build needs is missing.
    """

    def __init__(
        self,
        role: str,
        config: dict[str, Any],
        directory: Path,
        can: Mcp2515 | None = None,
        romfs: bool = False,
    ) -> None:
        self.role = role
        self.status: dict[str, Any] = {}
        paths = config["board"]["uarts"]
        self._terminals = {name: os.open(paths[name], os.O_RDWR | os.O_NOCTTY) for name in paths}
        self.sent = dict.fromkeys(paths, 0)
        self._taken = dict.fromkeys(paths, 0)
        self._line = b""
        self._request = b""  # the part of a meter's request that has come so far
        self._now_ms: int | None = None
        self._run_to_ms = 0
        self._clock = Ds3231Registers()
        self._edge_ns = -1.0
        self._is_interrupted = False
        self._flash = flash = directory / f"{role}-pico.bin"
        is_new = not flash.is_file()
        parts = build(), emulator_modules()
        if is_new:
            library = build_library()
            if romfs:
                write_flash(flash, [], role_image(library_files(library), role))
            else:
                write_flash(flash, [library])
        self.board = EmulatedPico(*parts, flash)
        try:
            if can is not None:
                self.board.attach_spi(_CAN_BUS, _CAN_SELECT, can)
                self.board.attach_interrupt(_CAN_INTERRUPT, lambda: can.interrupt)
            self.board.attach_i2c(_CLOCK_BUS, self._clock)
            if role == "pole":
                # The bench's gate, of which no further part is modelled.
                self.board.attach_i2c(_CLOCK_BUS, GateEeprom(identity("bench", 0)))
            self.board.on_level = self._see_level
            self.board.set_level(_FEEDBACK, True)
            if is_new:
                self._install(config, directory)
        except BaseException:
            self.kill()
            raise

    def _install(self, config: dict[str, Any], directory: Path) -> None:
        """Bring the firmware's files onto the board, as a person does."""
        role = self.role
        board = {
            "kind": "bench_board",
            "side": role,
            "clock": "ds3231",
            "device_secret": f"{role}.device",
            "current_ma": 32_000,
        }
        values = {**config, "board": board, "seed_file": f"{role}.seed"}
        if "certificates" in config:
            values["certificates"] = [Path(path).name for path in config["certificates"]]
        with tempfile.TemporaryDirectory(prefix="joulestream-") as name:
            staging = Path(name)
            for path in config.get("certificates", ()):
                shutil.copy2(path, staging)
            (staging / f"{role}.json").write_text(json.dumps(values), encoding="utf-8")
            (staging / "main.py").write_text(_MAIN % (role, role), encoding="utf-8")
            for ending in ("seed", "device"):
                shutil.copy2(directory / f"{role}.{ending}", staging)
            shutil.copy2(SOURCE / "bench_board.py", staging)
            self.board.mpremote("fs", "cp", *sorted(map(str, staging.iterdir())), ":")
        self.board.restart()

    @property
    def contactor(self) -> bool:
        """Whether the gate holds the coil: the line is high, and edges of the heartbeat come."""
        levels = self.board.levels
        is_fresh = 0 <= self._edge_ns > self.board.now_ns - _GATE_NS
        return self.board.has_power and levels.get(_CONTACTOR) == 1 and is_fresh

    def _see_level(self, pin: int, level: int) -> None:
        if pin == _HEARTBEAT:
            self._edge_ns = self.board.now_ns
        elif pin == _CONTACTOR and level == LOW:
            self._edge_ns = -1.0

    def set_pins(
        self, now_ms: int, time_s: int, pilot: str, wants_status: int, came: dict[str, int]
    ) -> None:
        """Set what the board sees; `came` tells how many bytes were put on each UART."""
        self._run_to_ms = now_ms
        reading = pilot_reading(_PILOT_MV[pilot])
        board = self.board
        if self.role == "pole" and board.has_power and not board.duty(_PILOT_PIN):
            reading = 0  # the pole drives -12 V
        self.board.set_reading(PILOT_CHANNEL, reading)
        self.board.set_level(_FEEDBACK, not self.contactor)
        self.board.show_interrupts()
        self._set_clock(time_s)
        for name, count in came.items():
            data = b""
            while len(data) < count:
                data += os.read(self._terminals[name], count - len(data))
            self.board.write_uart(_UARTS[name], data)

    def await_report(self) -> None:
        """Let time pass up to that of the last `set_pins`.

        Raises:
            FirmwareError: the firmware has ended, or the power is cut.
        """
        if self._now_ms is not None:
            self.board.run(ticks_diff(self._run_to_ms, self._now_ms))
        self._now_ms = self._run_to_ms
        self._deliver("link", self.board.take_uart(_UARTS["link"]))
        # A meter takes a request when the line has been silent after it (Modbus RTU, 3.5 bytes).
        if part := self.board.take_uart(_UARTS["meter"]):
            self._request += part
        else:
            self._deliver("meter", self._request)
            self._request = b""
        self._line += bytes(self.board.usb)
        self.board.usb.clear()
        *lines, self._line = self._line.split(b"\n")
        for line in lines:
            if line.startswith(b"{"):
                self.status = json.loads(line)
            elif not self._is_interrupted and _is_fault(line):
                raise FirmwareError(f"the emulated Pico: {line.decode(errors='replace').strip()}")

    def _deliver(self, name: str, data: bytes) -> None:
        self.sent[name] += len(data)
        while data:
            data = data[os.write(self._terminals[name], data) :]

    def interrupt(self) -> None:
        """Send the key Ctrl-C, as mpremote does: the firmware ends with an exception."""
        self._is_interrupted = True
        self.board.write_usb(b"\x03")

    def fileno(self) -> int:
        """Refuse: on the wall clock the bench waits for a firmware's reports."""
        raise FirmwareError("an emulated Pico is slower than the wall clock")

    def poll_reports(self) -> None:
        """Do nothing: see `fileno`."""

    def take_sent(self, name: str) -> int:
        """Return the number of bytes sent on UART `name` since the last call."""
        size = self.sent[name] - self._taken[name]
        self._taken[name] += size
        return size

    def save_storage(self) -> None:
        """Write the journal's part of the flash to ROLE.flash, where host tools look for it."""
        data = self._flash.read_bytes()[JOURNAL_AT:]
        (self._flash.parent / f"{self.role}.flash").write_bytes(data)

    def kill(self) -> None:
        """Cut its power."""
        for terminal in self._terminals.values():
            os.close(terminal)
        self.board.stop()
        self.save_storage()

    def _set_clock(self, time_s: int) -> None:
        """Let the real-time clock show a unix time."""
        if time_s < 0:
            self._clock.powered = False
            return
        moment = datetime.fromtimestamp(time_s, UTC)
        for at, field in enumerate(_BCD_FIELDS):
            value = moment.isoweekday() if field == "isoweekday" else getattr(moment, field) % 100
            self._clock.registers[at] = value // 10 << 4 | value % 10
        self._clock.registers[STATUS] = 0


def pilot_reading(peak_mv: int) -> int:
    """Return the reading of the analogue input behind the pilot's peak detector."""
    return peak_mv * _ADC_FULL // (_PILOT_DIVIDER * _ADC_FULL_MV)


def _is_fault(line: bytes) -> bool:
    """Return whether a line tells of an exception, or of a fault for which the contactor opens."""
    return line.strip().startswith(b"Traceback") or b"; the contactor" in line
