"""The emulated Raspberry Pi Pico: MicroPython's rp2 port, with its real drivers, under rp2040js.

build/pico.py builds its firmware and fetches rp2040js; pico/emulator.js runs the chip. Everything
outside the chip is here: this process holds the other end of each UART and pin, and the chips on
its SPI buses are Python objects. The Pico's time passes only while `run` waits for it, so a test
is the clock of the board and of everything around it. `serving` lets it pass by itself, for
mpremote and for people.
"""

import os
import select
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from copy import copy
from pathlib import Path
from typing import Protocol

from joulestream.host_tools.bench.ports import Port
from joulestream.host_tools.build.pico import SOURCE
from joulestream.host_tools.build.shell import ToolchainError
from joulestream.host_tools.mpremote import run_mpremote

FLASH_SIZE = 2 * 1024 * 1024
_HEAD = struct.Struct("<cI")
_DONE = struct.Struct("<ddBII")
_PWM = struct.Struct("<BBII")
_SLEEPS, _NO_POWER, _WAS_RESET = 1, 2, 4
# Steps on an I2C bus; the last one is a stop.
_CALL_TO_WRITE, _CALL_TO_READ, _WRITE, _READ = range(4)
# Each chip takes this address; the next byte tells which one is meant (NXP UM10204, 3.1.17).
_DEVICE_ID = 0x7C
_NO_POWER_LEFT = "the emulated Pico has no power"
_NS_PER_MS = 1_000_000
# While the board serves somebody, its answers leave it this often.
_SLICE_MS = 5
LOW, HIGH, NO_OUTPUT = 0, 1, 2


class SpiDevice(Protocol):
    """A chip on an SPI bus, as a model of its registers."""

    def select(self, level: bool) -> None:
        """Take an edge of its select line, which is low while the chip is selected."""

    def exchange(self, byte: int) -> int:
        """Take a byte and return the byte that the chip sends at the same time."""


class I2cDevice(Protocol):
    """A chip on an I2C bus, as a model of its registers."""

    def write(self, address: int, data: bytes) -> bool:
        """Take the bytes that the master sends to `address`; return whether it acknowledges."""

    def read(self, address: int, size: int) -> "bytes | None":
        """Return the bytes that the master reads from `address`, None without acknowledge."""


class I2cBus:
    """Joins the steps of an emulated I2C bus to the transfers that its chips understand.

    A chip learns of a transfer when it ends. Until then, copies of the chip answer, which share
    its memory but move no pointer of it.
    """

    def __init__(self) -> None:
        self.devices: list[I2cDevice] = []
        self._address = 0
        self._written = bytearray()
        self._read = 0

    def step(self, step: int, value: int) -> int:
        """Take a step of emulator.js; return the answer to it."""
        if step == _WRITE:
            self._written.append(value)
            return self._address != _DEVICE_ID or self._any_takes(bytes(self._written))
        if step == _READ:
            self._read += 1
            return self._byte(self._read - 1)
        self._end()
        self._address = value
        if step == _CALL_TO_WRITE:
            return value == _DEVICE_ID or self._any_takes(b"")
        return any([copy(device).read(value, 1) is not None for device in self.devices])

    def _any_takes(self, written: bytes) -> bool:
        return any([copy(device).write(self._address, written) for device in self.devices])

    def _byte(self, at: int) -> int:
        for device in self.devices:
            data = copy(device).read(self._address, at + 1)
            if data is not None:
                return data[at]
        return 0xFF  # nothing drives the line

    def _end(self) -> None:
        for device in self.devices:
            if self._written:
                device.write(self._address, bytes(self._written))
            if self._read:
                device.read(self._address, self._read)
        self._written.clear()
        self._read = 0


class EmulatedPico:
    """A running emulated Pico. Use it as a context manager, or call `stop`.

    Args:
        firmware: the image, as build() returns it.
        modules: the directory of rp2040js, as emulator_modules() returns it.
        flash: the file of its flash; one that is missing is made, erased. It stays.
        seed: begins the series that stands for the noise of its ring oscillator.
        runner: "fast", or "plain" for rp2040js alone, which takes five times as long.

    Attributes:
        now_ns: the time since the start, through all resets.
        idle_ns: how much of it the processor slept.
        port: path of the pseudo-terminal of its USB serial port, while it serves.
        usb: bytes from its USB serial port that nobody has taken yet.
        uarts: the same for UART 0 and UART 1.
        levels: the level of each output pin that has changed: LOW, HIGH or NO_OUTPUT.
        on_level: called with pin and level at each change, if it is set.
        has_power: False after a power cut.
        resets: how often the program or the watchdog has reset it.
        lost: how many bytes each UART has lost since the last reset, its FIFO being full.

    Raises:
        ToolchainError: it cannot be started.
    """

    def __init__(
        self, firmware: Path, modules: Path, flash: Path, seed: int = 1, runner: str = "fast"
    ) -> None:
        self.now_ns = 0.0
        self.idle_ns = 0.0
        self.usb = bytearray()
        self.uarts = (bytearray(), bytearray())
        self.levels: dict[int, int] = {}
        self.on_level: Callable[[int, int], None] | None = None
        self.has_power = True
        self.resets = 0
        self.lost = (0, 0)
        self.port = ""
        self._sleeps = False
        self._pwm = (0, 0, 0)
        # By bus: the select pins of its chips, and the chips.
        self._spi: dict[int, dict[int, SpiDevice]] = {}
        self._i2c = (I2cBus(), I2cBus())
        self._interrupts: list[tuple[int, Callable[[], bool]]] = []
        if not flash.exists():
            flash.write_bytes(b"\xff" * FLASH_SIZE)
        with ExitStack() as ends:
            self._process = self._start(ends, [modules, firmware, flash, seed, runner])
            self._ends = ends.pop_all()

    def _start(self, ends: ExitStack, words: list[object]) -> "subprocess.Popen[bytes]":
        their_in, our_out = os.pipe()
        our_in, their_out = os.pipe()
        self._to = ends.enter_context(os.fdopen(our_out, "wb", 0))
        self._from = ends.enter_context(os.fdopen(our_in, "rb"))
        words = [*words, their_in, their_out]
        try:
            process = subprocess.Popen(
                ["node", str(SOURCE / "emulator.js"), *map(str, words)],
                stdin=subprocess.DEVNULL,
                pass_fds=(their_in, their_out),
            )
        finally:
            os.close(their_in)
            os.close(their_out)
        ends.callback(process.wait)
        ends.callback(process.kill)
        return process

    def __enter__(self) -> "EmulatedPico":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process that emulates the chip."""
        return self._process.pid

    def stop(self) -> None:
        """End it. Its flash stays as it is."""
        self._ends.close()

    def wait(self) -> None:
        """Wait until it ends by itself."""
        self._process.wait()

    # Time

    def run(self, most_ms: float) -> None:
        """Let time pass for the Pico.

        Raises:
            ToolchainError: the emulator has ended.
        """
        self._send(b"R", struct.pack("<d", most_ms * _NS_PER_MS))
        self._take_until(b"d")

    def run_until(self, reached: Callable[[], bool], step_ms: float = _SLICE_MS) -> None:
        """Let time pass until `reached` returns True.

        Raises:
            ToolchainError: nothing can happen any more, or the power is cut before.
        """
        while not reached():
            self.run(step_ms)
            if not self.has_power:
                raise ToolchainError(_NO_POWER_LEFT)
            if self._sleeps and not reached():
                said = self.usb.decode(errors="replace")
                raise ToolchainError(f"the emulated Pico waits for nothing; it said:\n{said}")

    # Wires

    def write_usb(self, data: bytes) -> None:
        """Send bytes to its USB serial port."""
        self._send(b"U", data)

    def write_uart(self, number: int, data: bytes) -> None:
        """Send bytes to a UART. They arrive one by one, at the speed that the program has set."""
        self._send((b"A", b"B")[number], data)

    def take_uart(self, number: int) -> bytes:
        """Return what a UART has sent since the last call."""
        data = bytes(self.uarts[number])
        self.uarts[number].clear()
        return data

    def set_level(self, pin: int, level: bool) -> None:
        """Drive an input pin."""
        self._send(b"G", bytes((pin, level)))

    def set_reading(self, channel: int, value: int) -> None:
        """Set the reading of analogue input 0 to 4: 0 to 4095."""
        self._send(b"V", struct.pack("<BH", channel, value))

    def duty(self, pin: int) -> "float | None":
        """Return the share of time for which a pin's PWM is high; None: it is off."""
        self._send(b"P", bytes((pin,)))
        self._take_until(b"p")
        is_on, high, period = self._pwm
        return min(high / period, 1.0) if is_on else None

    def attach_spi(self, bus: int, select_pin: int, device: SpiDevice) -> None:
        """Connect a chip to SPI bus 0 or 1, with its select line on a pin."""
        self._spi.setdefault(bus, {})[select_pin] = device

    def attach_i2c(self, bus: int, device: I2cDevice) -> None:
        """Connect a chip to I2C bus 0 or 1."""
        self._i2c[bus].devices.append(device)

    def attach_interrupt(self, pin: int, level: Callable[[], bool]) -> None:
        """Connect a chip's interrupt line, whose level `level` tells, to a pin."""
        self._interrupts.append((pin, level))
        self.show_interrupts()

    # Power

    def cut_power_at(self, count: int) -> None:
        """Cut the power when `count` more bytes have been programmed into the flash.

        An erase counts as one byte; where it is cut, half of its sector is erased.
        """
        self._send(b"C", struct.pack("<i", count))

    def restart(self) -> None:
        """Switch the power off and on, and let it stay on. Only the flash keeps its contents."""
        self._send(b"C", struct.pack("<i", -1))
        self._send(b"X")
        self.has_power = True
        self.usb.clear()
        for uart in self.uarts:
            uart.clear()

    # mpremote, and people

    @contextmanager
    def serving(
        self, uarts: "Sequence[tuple[int, Port]]" = (), paced: bool = False
    ) -> Iterator[str]:
        """Let time pass by itself; the value is the port of the REPL, which mpremote takes.

        Args:
            uarts: pseudo-terminals for UARTs, with the numbers of these.
            paced: never let the Pico's time overtake the host's.

        Raises:
            ToolchainError: the board ended or lost its power. This stands before an error of the
                caller, whose peer went away with the board.
        """
        repl = Port()
        wake_read, wake_write = os.pipe()
        self.port = repl.path
        failures: list[Exception] = []

        def serve() -> None:
            try:
                while self._serve(repl, uarts, paced, wake_read):
                    pass
            except Exception as error:
                failures.append(error)
                repl.close()  # nobody shall wait for an answer

        thread = threading.Thread(target=serve, name="the emulated Pico")
        thread.start()
        try:
            yield repl.path
        finally:
            os.close(wake_write)  # it can be read now: the thread ends
            thread.join()
            os.close(wake_read)
            self.port = ""
            if failures:
                raise failures[0]
            repl.close()

    def _serve(
        self, repl: Port, uarts: "Sequence[tuple[int, Port]]", paced: bool, wake: int
    ) -> bool:
        """Serve for one slice, or until there is something to do; return whether to go on."""
        self.run(_SLICE_MS)
        if not self.has_power:
            raise ToolchainError(_NO_POWER_LEFT)
        if self.usb:
            repl.write(bytes(self.usb))
            self.usb.clear()
        for number, port in uarts:
            if self.uarts[number]:
                port.write(self.take_uart(number))
        slept = self.idle_ns / 1e9 if paced else 0
        wait_s = None if self._sleeps else slept
        watched: list[int | Port] = [wake, repl, *(port for _, port in uarts)]
        ready = select.select(watched, [], [], wait_s)[0]
        if repl in ready:
            self.write_usb(repl.read())
        for number, port in uarts:
            if port in ready:
                self.write_uart(number, port.read())
        return wake not in ready

    def mpremote(self, *arguments: str) -> str:
        """Run the real mpremote on this board and return its output.

        Args:
            arguments: commands of mpremote and their arguments. The state of the board stays, as
                after mpremote's command `resume`.

        Raises:
            ToolchainError: it fails, which a script with an uncaught exception also means, or it
                hangs: the board computes long without a word (see progress.py).
        """
        with self.serving() as port:
            words = ["resume", *arguments]
            return run_mpremote(port, words, "the emulated Pico", self._process.pid)

    # Messages

    def _send(self, letter: bytes, rest: bytes = b"") -> None:
        try:
            self._to.write(_HEAD.pack(letter, len(rest)) + rest)
        except BrokenPipeError:
            raise ToolchainError("the emulated Pico has ended") from None

    def _take_until(self, last: bytes) -> None:
        """Take messages up to one with the letter `last`."""
        letter = b""
        while letter != last:
            head = self._from.read(_HEAD.size)
            if len(head) < _HEAD.size:
                raise ToolchainError("the emulated Pico has ended")
            letter, size = _HEAD.unpack(head)
            self._take(letter, self._from.read(size))

    def _take(self, letter: bytes, rest: bytes) -> None:
        if letter == b"d":
            self.now_ns, idle_ns, flags, *lost = _DONE.unpack(rest)
            self.idle_ns = idle_ns
            self._sleeps = bool(flags & _SLEEPS)
            self.has_power = not flags & _NO_POWER
            self.resets += bool(flags & _WAS_RESET)
            self.lost = (lost[0], lost[1])
        elif letter == b"u":
            self.usb += rest
        elif letter in b"ab":
            self.uarts[b"ab".index(letter)].extend(rest)
        elif letter == b"g":
            self._take_level(*rest)
        elif letter == b"s":
            self._exchange(*rest)
        elif letter == b"i":
            bus, step, value = rest
            self._send(b"M", bytes((int(self._i2c[bus].step(step, value)),)))
        elif letter == b"p":
            _, *pwm = _PWM.unpack(rest)
            self._pwm = (pwm[0], pwm[1], pwm[2])

    def _take_level(self, pin: int, level: int) -> None:
        self.levels[pin] = level
        for devices in self._spi.values():
            if pin in devices:
                devices[pin].select(level != LOW)
                self.show_interrupts()
        if self.on_level is not None:
            self.on_level(pin, level)

    def _exchange(self, bus: int, byte: int) -> None:
        answer = 0xFF  # nothing drives the line
        for pin, device in self._spi.get(bus, {}).items():
            if self.levels.get(pin) == LOW:
                answer &= device.exchange(byte)
        self.show_interrupts()
        self._send(b"M", bytes((answer,)))

    def show_interrupts(self) -> None:
        """Take over the levels of the interrupt lines, which may change while no bus is used."""
        for pin, level in self._interrupts:
            self.set_level(pin, level())
