"""A port of MicroPython with one chip, on which a board file runs under CPython in virtual time.

    with Port("ESP32S3") as port:
        board = open_board({"kind": "esp32s3"})

While it is entered, the modules `machine`, `esp32`, `rp2`, `network` and `ntptime` are the port's.
Every name that a board uses and every call that it makes is checked against the port's stubs and
argument tables (signatures.py), and is kept in `calls`. An unknown one raises NotInPort.
"""

import importlib
import inspect
import select as real_select
import sys
import tempfile
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from joulestream.boards import KINDS, machine_board, open_board
from joulestream.device.ram_flash import RamFlash
from joulestream.host_tools.hardware import peripherals
from joulestream.host_tools.hardware.chips import CHIPS
from joulestream.host_tools.hardware.signatures import (
    NotInPort,
    Stub,
    check_keywords,
    module_stub,
)
from joulestream.parts import flash as flash_part
from joulestream.parts import network_time
from joulestream.testkit.board_contract import check_board, check_writing
from joulestream.units import TICKS_PERIOD

_MACHINE = ("Pin", "UART", "SPI", "I2C", "ADC", "PWM", "WDT")
_MODULES = ("machine", "esp32", "rp2", "network", "ntptime")
_Y2000_S = 946_684_800
# Bytes that the rp2 port's image of the Pico has behind the program.
_PICO_BLOCKS = 352


def check_kind(kind: str) -> None:
    """Check that a board with a chip keeps the contract, on a model of its port.

    Raises:
        AssertionError: the board breaks a promise.
        NotInPort: it makes a call that the port does not take.
    """
    board = importlib.import_module(KINDS[kind]).Board
    with tempfile.TemporaryDirectory() as folder, Port(board.MCU):
        secret = Path(folder) / "device.secret"
        secret.write_text("5e" * 32, encoding="utf-8")
        opened = open_board({"kind": kind, "device_secret": str(secret)})
        check_board(opened)
        check_writing(opened)


class PartitionRow(NamedTuple):
    """One partition of the table."""

    flash: Any
    type: int = 1
    subtype: int = 0x40
    encrypted: bool = False


class Port:
    """The port and its chip. A test may set any attribute.

    Attributes:
        calls: every call so far, as (class, function, positional arguments, keywords).
        now_us: virtual time.
        edges: every change of an output, as (time in us, pin, level).
        levels, modes, pulls, inputs: of the pins.
        missing: names of `machine` that this port lacks.
        missing_pins, missing_uarts: numbers that this chip lacks.
        spi_devices: devices by their select pins; each has `select(level)` and `exchange(byte)`.
        i2c_devices: devices with `write(address, data)` and `read(address, size)`.
        adc_mv: voltages at pins, or lists of readings.
        pwm, pwm_hz: duty and frequency at pins.
        pulse_us: the length of the next high pulse at pins; without one, none comes.
        partitions, flash: storage of the esp32 and of the rp2 port.
        file_system_bytes: flash that the mounted file system takes.
        radio, wifi, joined: whether the radio is on and a network there; name and password of the
            network that was joined.
        ntp: returns the seconds of `ntptime.time()`, or raises.
        watchdog_ms, fed_us: the watchdog's time, None before it runs, and when it was fed.
    """

    def __init__(self, chip: str) -> None:
        self.chip = CHIPS[chip]
        self.calls: list[tuple[str, str, tuple[Any, ...], dict[str, Any]]] = []
        self.now_us = 1_000_000
        self.edges: list[tuple[int, int, bool]] = []
        self.levels: dict[int, bool] = {}
        self.modes: dict[int, int] = {}
        self.pulls: dict[int, int | None] = {}
        self.inputs: dict[int, int] = {}
        self.handlers: dict[int, Callable[[], None]] = {}
        self.claimed: dict[int, str] = {}
        self.pulse_us: dict[int, int] = {}
        self.missing: set[str] = set()
        self.missing_pins: frozenset[int] = frozenset()
        self.missing_uarts: frozenset[int] = frozenset()
        self.uarts: dict[int, peripherals.UART] = {}
        self.spi_devices: dict[int, Any] = {}
        self.i2c_devices: list[Any] = []
        self.adc_mv: dict[int, Any] = {}
        self.pwm: dict[int, int] = {}
        self.pwm_hz: dict[int, int] = {}
        self.partitions = {
            "vfs": PartitionRow(RamFlash(8, 4_096), 1, 0x81),
            "nvs": PartitionRow(RamFlash(6, 4_096), 1, 2),
            "journal": PartitionRow(RamFlash(64, 4_096)),
        }
        self.flash = RamFlash(_PICO_BLOCKS, 4_096)
        self.file_system_bytes = 288 * 4_096
        self.radio = self.wifi = False
        self.joined: tuple[str, str] | None = None
        self.ntp: Callable[[], int] = self._no_server
        self.watchdog_ms: int | None = None
        self.fed_us = 0
        self._saved: list[tuple[Any, str, Any]] = []
        self._saved_modules: dict[str, Any] = {}

    def __enter__(self) -> "Port":
        for name in _MODULES:
            self._saved_modules[name] = sys.modules.pop(name, None)
        for name in _MODULES:
            module = self._module(name)
            if module is not None:
                sys.modules[name] = module
        clock = types.SimpleNamespace(
            ticks_ms=lambda: self.now_us // 1_000 % TICKS_PERIOD,
            sleep=lambda s: self.advance(int(s * 1_000_000)),
            gmtime=lambda s: (2000 if self.chip.platform == "esp32" else 1970,),
        )
        system = types.SimpleNamespace(
            implementation=types.SimpleNamespace(_machine=self.chip.banner)
        )
        files = types.SimpleNamespace(
            statvfs=lambda path: (4_096, 4_096, self.file_system_bytes // 4_096)
        )
        poll = types.SimpleNamespace(poll=lambda: _Poller(self), POLLIN=real_select.POLLIN)
        self._replace(machine_board, "time", clock)
        self._replace(machine_board, "sys", system)
        self._replace(machine_board, "select", poll)
        self._replace(network_time, "time", clock)
        self._replace(flash_part, "os", files)
        return self

    def __exit__(self, *error: object) -> None:
        for where, name, value in reversed(self._saved):
            setattr(where, name, value)
        for name, module in self._saved_modules.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module

    def _replace(self, where: Any, name: str, value: Any) -> None:
        self._saved.append((where, name, getattr(where, name)))
        setattr(where, name, value)

    def advance(self, us: int) -> None:
        """Let time pass. Raises Reset when the watchdog is not fed in time."""
        self.now_us += us
        if self.watchdog_ms is not None:
            if self.now_us - self.fed_us > self.watchdog_ms * 1_000:
                raise peripherals.Reset("the watchdog")

    def soft_reset(self) -> None:
        """Start Python anew: peripherals are gone, pins keep their levels and modes."""
        self.claimed.clear()
        self.uarts.clear()
        self.pwm.clear()
        self.edges.clear()

    # For the models of peripherals

    def claim(self, pin: int, user: str) -> None:
        """Give a pin to a peripheral. Raises Misused if another one has it."""
        if self.claimed.setdefault(pin, user) != user:
            raise peripherals.Misused(f"GPIO {pin} is {self.claimed[pin]} and {user}")

    def set_level(self, pin: int, level: bool) -> None:
        """Set the level of an output's register."""
        before = self.levels.get(pin)
        self.levels[pin] = level
        if self.modes.get(pin) == peripherals.Pin.OUT and before != level:
            self.drive(pin)

    def drive(self, pin: int) -> None:
        """Bring an output's level onto the line."""
        level = self.levels.setdefault(pin, False)
        self.edges.append((self.now_us, pin, level))
        if pin in self.spi_devices:
            self.spi_devices[pin].select(level)

    def read_pin(self, pin: int) -> int:
        """Return the level of a pin: its own output, or the input, or the pull-up."""
        if self.modes.get(pin) == peripherals.Pin.OUT:
            return int(self.levels[pin])
        has_pull = self.pulls.get(pin) == peripherals.Pin.PULL_UP
        return self.inputs.get(pin, 1 if has_pull and pin not in self.chip.input_only else 0)

    def pulse(self, pin: int) -> None:
        """Let an input fall and rise again; the handler of its interrupt runs."""
        if self.modes.get(pin) == peripherals.Pin.IN and pin in self.handlers:
            self.handlers[pin]()

    def _no_server(self) -> int:
        raise OSError(-202, "the name server does not answer")

    # The modules

    def _module(self, name: str) -> Any:
        """Return the port's module, or None if it has none of that name."""
        platform = self.chip.platform
        try:
            stub = module_stub(platform, name)
        except NotInPort:
            return None
        if name == "network" and platform == "rp2":
            return None  # the Pico without W has no radio
        contents: dict[str, Any] = {}
        if name == "machine":
            contents = {key: getattr(peripherals, key) for key in _MACHINE}
            contents["reset"] = self._reset
            contents["time_pulse_us"] = self._time_pulse_us
        elif name == "esp32":
            contents["Partition"] = peripherals.Partition
        elif name == "rp2":
            contents["Flash"] = peripherals.Flash
        elif name == "network":
            contents["WLAN"] = peripherals.WLAN
        elif name == "ntptime":
            contents = {"time": lambda: self.ntp() - self._epoch_s(), "host": "", "timeout": 0}
        return _Module(self, stub, contents)

    def _epoch_s(self) -> int:
        return _Y2000_S if self.chip.platform == "esp32" else 0

    def _time_pulse_us(self, pin: Any, level: int, timeout_us: int = 1_000_000) -> int:
        us = self.pulse_us.get(pin.number) if level else None
        if us is None or us > timeout_us:
            self.advance(timeout_us)
            return -2 if us is None else -1
        self.advance(us)
        return us

    def _reset(self) -> None:
        raise peripherals.Reset("machine.reset")


class _Poller:
    """select.poll of a port's UARTs."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._watched: list[Any] = []

    def register(self, stream: Any, flags: int) -> None:
        self._watched.append(stream)

    def poll(self, timeout_ms: int) -> list[Any]:
        ready = [(stream, real_select.POLLIN) for stream in self._watched if stream.any()]
        if not ready:
            self._port.advance(timeout_ms * 1_000)
        return ready


class _Module(types.ModuleType):
    """A module of the port: each name must be in its stub."""

    def __init__(self, port: Port, stub: Stub, contents: dict[str, Any]) -> None:
        super().__init__(stub.name)
        self.__dict__["_parts"] = (port, stub, contents)

    def __getattr__(self, name: str) -> Any:
        port, stub, contents = self.__dict__["_parts"]
        if name.startswith("__"):
            raise AttributeError(name)
        if name in port.missing:
            raise AttributeError(f"'module' object has no attribute '{name}'")
        if name in stub.classes:
            if name not in contents:
                raise NotInPort(f"no model of {stub.name}.{name}")
            return _Class(port, stub.child(name), contents[name])
        if name in stub.functions:
            return _function(port, stub, name, contents[name])
        stub.check_value(name)
        return contents[name]

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("__"):
            _, stub, contents = self.__dict__["_parts"]
            stub.check_value(name)
            contents[name] = value


class _Modelled:
    """A model of the port, and the stub that its names must be in."""

    def __init__(self, port: Port, stub: Stub, model: Any) -> None:
        self._port = port
        self._stub = stub
        self._model = model


class _Class(_Modelled):
    """A class of the port: its constants, and calls of its constructor."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self._stub.check_value(name)
        return getattr(self._model, name)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        self._stub.check_call("__init__", len(arguments), set(keywords))
        check_keywords(self._port.chip.platform, self._model.__name__, keywords)
        self._port.calls.append((self._model.__name__, "__init__", arguments, keywords))
        plain = [_plain(value) for value in arguments]
        named = {name: _plain(value) for name, value in keywords.items()}
        _check_model(self._model, (self._port, *plain), named)
        return _Instance(self._port, self._stub, self._model(self._port, *plain, **named))


class _Instance(_Modelled):
    """An object of the port: calls of its methods."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _function(self._port, self._stub, name, getattr(self._model, name, None))

    def __call__(self, *arguments: Any) -> Any:
        self._stub.check_call("__call__", len(arguments), set())
        return self._model(*arguments)


def _function(port: Port, stub: Stub, name: str, model: Any) -> Any:
    """Return a function that checks each call, keeps it and hands it on."""

    def call(*arguments: Any, **keywords: Any) -> Any:
        stub.check_call(name, len(arguments), set(keywords))
        method = f"{stub.name.rpartition('.')[2]}.{name}"
        check_keywords(port.chip.platform, method, keywords)
        if model is None:
            raise NotInPort(f"no model of {stub.name}.{name}")
        port.calls.append((stub.name, name, arguments, keywords))
        plain = [_plain(value) for value in arguments]
        _check_model(model, plain, keywords)
        return model(*plain, **keywords)

    return call


def _check_model(model: Any, arguments: Sequence[Any], keywords: dict[str, Any]) -> None:
    """Raise NotInPort if the port may take these arguments and its model does not."""
    try:
        inspect.signature(model).bind(*arguments, **keywords)
    except TypeError as error:
        raise NotInPort(f"the model of {model.__name__}: {error}") from error


def _plain(value: Any) -> Any:
    """Return the model behind an object of the port, any other value as it is."""
    return value._model if isinstance(value, _Instance) else value
