"""The unix port as a board: terminals are its UARTs, files its flash and its secret.

The pins of a real board are lines on stdin and stdout here. A line in sets the inputs:

    <now_ms> <time_s, or -1> <pilot state> <status wanted> <bytes that came on each UART>...

A line out shows the outputs:

    <contactor> <bytes sent on each UART>... <status as JSON, or ->

With the clock "wall" the contactor is a process of its own (gate.py), which prints lines of its
own on the same stdout. The first word is "-" then.

UARTs are in the order of their names. The status wanted is 0 for none, 1 for one, 2 for one after
a collection of garbage. With the clock "bench" the firmware does one step a line, at its `now_ms`.
With the clock "wall" the firmware runs on the machine's clock and takes lines as they come. Where
stdin ends, the firmware ends.
"""

import gc
import json
import os
import select
import sys
from binascii import hexlify

from joulestream.boards import contract
from joulestream.boards.file_flash import FileFlash
from joulestream.boards.gate import DRIVE, HEARTBEAT, RELEASE, time_ms
from joulestream.compat import const
from joulestream.device.config import (
    REQUIRED,
    check_table,
    mapping,
    one_of,
    text,
    whole,
)
from joulestream.device.keystore import SOURCE_PASSPHRASE
from joulestream.parts.device_secret import read_device_secret
from joulestream.runtime.pilot import PILOT_A
from joulestream.units import Timer

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_RX_SIZE = 4096
_UNKNOWN_TIME = -1
_AFTER_COLLECTION = 2
_REPORT_MS = 50
_GATE_NAME_SIZE = 8
_PASSPHRASE_VARIABLE = "JOULESTREAM_PASSPHRASE"

TABLE = (
    ("clock", one_of("bench", "wall"), "wall"),
    ("uarts", mapping, REQUIRED),
    ("storage", text, REQUIRED),
    ("storage_blocks", whole(6, 4096), 64),
    ("storage_block_size", whole(256, 65536), 4096),
    ("device_secret", text, None),
    # Longer than the pole's own (pole/main.py): the pole notices a late step first.
    ("contactor_hold_ms", whole(20, 10_000), 600),
)


class Uart:
    """The terminal at `path`, which the caller has set to raw."""

    def __init__(self, path: str) -> None:
        self.file = open(path, "r+b", buffering=0)
        _never_block(self.file.fileno())
        self.sent = 0
        self._rx = bytearray(_RX_SIZE)
        self._count = 0

    def write(self, data: bytes) -> int:
        """Send as much of `data` as there is room for; return the number of bytes."""
        size = self.file.write(data) or 0
        self.sent += size
        return size

    def readinto(self, buffer: bytearray) -> int:
        """Move the bytes that came into `buffer`; return their number."""
        if not self._count:
            return self.file.readinto(buffer) or 0
        count = min(self._count, len(buffer))
        buffer[:count] = self._rx[:count]
        self._rx[: self._count - count] = self._rx[count : self._count]
        self._count -= count
        return count

    def await_bytes(self, count: int) -> None:
        """Take in exactly `count` more bytes, which are on their way."""
        view = memoryview(self._rx)
        end = self._count + count
        while self._count < end:
            self._count += self.file.readinto(view[self._count : end]) or 0


class Board(contract.Board):
    """Pins and peripherals of one firmware process; see the module's docstring."""

    def __init__(self, config: "dict[str, object]") -> None:
        self._config = check_table(TABLE, config)
        self._stepped = self._config.clock == "bench"
        paths = self._config.uarts
        self._names = sorted(paths)
        self._uarts = {name: Uart(paths[name]) for name in self._names}
        self._storage: FileFlash | None = None
        self._contactor = False
        self._gate: Any = None  # the way to the gate's process, once there is one
        self._pilot = PILOT_A
        self._now_ms = 0
        self._time_s = _UNKNOWN_TIME
        self._status_wanted = 0
        self._pause = Timer()
        self._poller: Any = None
        self._read_pins()

    def uart(self, name: str) -> "Uart | None":
        """Return the terminal called `name`."""
        if name not in self._uarts:
            if name == "service":
                return None
            raise ValueError("the board has no UART '%s'; name it in 'board.uarts'" % name)
        return self._uarts[name]

    def storage(self) -> FileFlash:
        """Return the flash in the file of the configuration."""
        config = self._config
        if self._storage is None:
            try:
                self._storage = FileFlash(
                    config.storage, config.storage_blocks, config.storage_block_size
                )
            except OSError as error:
                raise ValueError(
                    "the storage %s cannot be opened or made: %s; correct 'board.storage', or "
                    "make room on the disk" % (config.storage, error)
                )
        return self._storage

    def storage_shape(self) -> "tuple[int, int]":
        """Return blocks and bytes of one as configured. It makes no file."""
        return self._config.storage_blocks, self._config.storage_block_size

    def secret(self, source: int) -> bytes:
        """Return the passphrase in the environment, or the device secret in its file."""
        if source == SOURCE_PASSPHRASE:
            return _passphrase()
        return read_device_secret(self._config.device_secret)

    def random(self, size: int) -> bytes:
        """Return `size` bytes of the system's random generator."""
        return os.urandom(size)

    def contactor(self, closed: bool) -> None:
        """Drive the contactor. On the wall clock its own process has the last word.

        Raises OSError when that process does not take the order to close.
        """
        if closed == self._contactor:
            return
        self._contactor = closed
        if self._stepped:
            return
        if closed and self._gate is None:
            self._gate = self._start_gate()
        if not self._tell_gate(DRIVE if closed else RELEASE) and closed:
            self._contactor = False
            raise OSError("the contactor's process has ended")

    def feed_watchdog(self) -> None:
        """Tell the contactor's process that a step completed."""
        if self._contactor and not self._stepped:
            self._tell_gate(HEARTBEAT)

    def gate(self) -> "str | None":
        """Return the kind of gate: the bench's own, or a process."""
        return "bench" if self._stepped else "process"

    def gate_ms(self) -> "int | None":
        """Return the hold time of the gate's process."""
        return None if self._stepped else self._config.contactor_hold_ms

    def _start_gate(self) -> "Any":
        """Start the gate's process; return the pipe to it. Raises OSError."""
        # A new name each time: a start that is killed here leaves its FIFO behind.
        name = "joulestream-gate-" + hexlify(os.urandom(_GATE_NAME_SIZE)).decode()
        path = "%s/%s" % (os.getenv("TMPDIR") or "/tmp", name)
        # The shell reads the pipe before Python starts, so opening it here waits for no import.
        command = "mkfifo -m 600 %s && { %s -m joulestream.boards.gate %d <%s & }" % (
            _quoted(path),
            _quoted(sys.executable),
            self._config.contactor_hold_ms,
            _quoted(path),
        )
        system: Any = os
        if system.system(command):
            raise OSError("the contactor's process cannot be started")
        gate = open(path, "wb", buffering=0)
        os.remove(path)
        _never_block(gate.fileno())
        return gate

    def _tell_gate(self, command: bytes) -> bool:
        """Send one byte to the gate; return whether it took the byte."""
        if self._gate is None:
            return False
        try:
            if self._gate.write(command):
                return True
        except OSError:
            pass
        # It has ended, with the contactor open, or it hangs and gets no heartbeat any more.
        self._gate.close()
        self._gate = None
        return False

    def pilot_state(self) -> str:
        """Return the pilot state of the last line in."""
        return self._pilot

    def now_ms(self) -> int:
        """Return the tick of the last line in, or of the machine's clock."""
        return self._now_ms if self._stepped else time_ms()

    def clock(self) -> "tuple[int, int]":
        """Return the unix time of the last line in, as of a real-time clock."""
        if self._time_s == _UNKNOWN_TIME:
            return contract.NO_CLOCK
        return self._time_s, contract.CLOCK_RTC

    def reset(self) -> None:
        """End the process."""
        sys.exit("the firmware asked for a reset")

    def show(self, status: "Callable[[], dict[str, Any]]") -> None:
        """Write a line out: after every step of the bench, on the wall clock every 50 ms."""
        if not self._stepped:
            now_ms = time_ms()
            if not self._pause.is_over(now_ms):
                return
            self._pause.start(now_ms, _REPORT_MS)
        self._write_pins(json.dumps(self._with_heap(status())) if self._status_wanted else "-")

    def wait(self, most_ms: int) -> bool:
        """Wait for the next line in, or for bytes. Raises SystemExit at the end of stdin."""
        if self._stepped:
            # Virtual time stands still between two lines, so slow work delays nothing.
            self._read_pins_or_exit()
            return True
        if self._poller is None:
            self._poller = self._open_poller()
        ready = self._poller.poll(most_ms)
        for item in ready:
            if item[0] is sys.stdin:
                self._read_pins_or_exit()
        return not ready

    def _open_poller(self) -> "Any":
        poller = select.poll()
        poller.register(sys.stdin, select.POLLIN)
        for uart in self._uarts.values():
            poller.register(uart.file, select.POLLIN)
        return poller

    def _read_pins_or_exit(self) -> None:
        if not self._read_pins():
            raise SystemExit

    def _read_pins(self) -> bool:
        """Take one line in; return False at the end of stdin."""
        line = sys.stdin.readline()
        if not line:
            return False
        pins = line.split()
        self._now_ms = int(pins[0])
        self._time_s = int(pins[1])
        self._pilot = pins[2]
        self._status_wanted = int(pins[3])
        for name, count in zip(self._names, pins[4:]):
            if count != "0":
                self._uarts[name].await_bytes(int(count))
        return True

    def _write_pins(self, status: str) -> None:
        words = [("1" if self._contactor else "0") if self._stepped else "-"]
        for name in self._names:
            words.append(str(self._uarts[name].sent))
        words.append(status)
        sys.stdout.write(" ".join(words) + "\n")
        if hasattr(sys.stdout, "flush"):
            sys.stdout.flush()

    def _with_heap(self, status: "dict[str, Any]") -> "dict[str, Any]":
        if hasattr(gc, "mem_free"):
            if self._status_wanted == _AFTER_COLLECTION:
                gc.collect()
            status["heap_free_bytes"] = gc.mem_free()
        return status


def _passphrase() -> bytes:
    """Return the passphrase in the environment, which stands for a keypad."""
    passphrase = os.getenv(_PASSPHRASE_VARIABLE)
    if not passphrase:
        raise ValueError("the key needs its passphrase; set %s" % _PASSPHRASE_VARIABLE)
    return passphrase.encode()


def _quoted(word: str) -> str:
    """Return `word` as the shell takes it."""
    return "'" + word.replace("'", "'\\''") + "'"


def _never_block(descriptor: int) -> None:
    """Let no call on the open file `descriptor` block. Raises ValueError."""
    if hasattr(os, "set_blocking"):  # CPython
        os.set_blocking(descriptor, False)
        return
    # MicroPython has no fcntl. The flag belongs to the open file, which a child shares, and dd
    # sets it on its own output without writing anything.
    system: Any = os
    if system.system("dd oflag=nonblock count=0 status=none </dev/null >&%d" % descriptor):
        raise ValueError("the board's terminals cannot be opened; install dd of GNU coreutils")
