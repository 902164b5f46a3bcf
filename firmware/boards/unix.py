"""The unix port as a board: pseudo-terminals are its UARTs, files its flash and its secret.

What wires are on a real board, lines on stdin and stdout are here. A line in tells the pins:
`<now_ms> <time_s> <plugged> <status wanted> <bytes that came on each UART>...`. A line out
answers it: `<contactor> <bytes sent on each UART>... <status as JSON, or ->`. UARTs are in the order
of their names. The status wanted is 0 for none, 1, or 2 for one after the garbage is collected.
With the clock "bench" every line in is one step at its `now_ms`; with the clock "wall" the loop
runs freely on the machine's clock and takes lines as they come.
"""

import gc
import json
import os
import select
import sys
import time

from joulestream.device.config import (
    REQUIRED,
    check_table,
    hexadecimal,
    mapping,
    one_of,
    text,
    whole,
)
from joulestream.device.keystore import DEVICE_SECRET_SIZE, SOURCE_DEVICE, SOURCE_PASSPHRASE
from joulestream.units import TICKS_PERIOD, ticks_diff

_RX_SIZE = 4096
_UNKNOWN_TIME = -1
_AFTER_COLLECTION = 2
_REPORT_MS = 50
_PASSPHRASE_VARIABLE = "JOULESTREAM_PASSPHRASE"
# Written again and again: a heap that fragments may have no room for a whole block.
_ERASED_PAGE = b"\xff" * 256

_TABLE = (
    ("clock", one_of("bench", "wall"), "wall"),
    ("uarts", mapping, REQUIRED),
    ("storage", text, REQUIRED),
    ("storage_blocks", whole(6, 4096), 64),
    ("storage_block_size", whole(256, 65536), 4096),
    ("device_secret", text, None),
)


class Uart:
    """A pseudo-terminal set to raw with VMIN 0, so that reading never blocks."""

    def __init__(self, path):
        self.file = open(path, "r+b", buffering=0)
        self.sent = 0
        self._rx = bytearray(_RX_SIZE)
        self._count = 0

    def write(self, data):
        """Send `data`."""
        self.sent += len(data)
        self.file.write(data)

    def readinto(self, buffer):
        """Move what has come into `buffer`; return how many bytes."""
        if not self._count:
            return self.file.readinto(buffer) or 0
        count = min(self._count, len(buffer))
        buffer[:count] = self._rx[:count]
        self._rx[: self._count - count] = self._rx[count : self._count]
        self._count -= count
        return count

    def await_bytes(self, count):
        """Take exactly `count` more bytes in, which are on their way."""
        view = memoryview(self._rx)
        end = self._count + count
        while self._count < end:
            self._count += self.file.readinto(view[self._count : end]) or 0


class FileFlash:
    """A file that behaves like NOR flash: erased by block to ones, programming clears bits."""

    def __init__(self, path, blocks, block_size):
        if block_size % len(_ERASED_PAGE):
            raise ValueError("blocks of %d bytes are no multiple of 256" % block_size)
        self._blocks = blocks
        self._size = block_size
        try:
            self._file = open(path, "r+b", buffering=0)
        except OSError:
            with open(path, "wb") as file:
                for _ in range(0, blocks * block_size, len(_ERASED_PAGE)):
                    file.write(_ERASED_PAGE)
            self._file = open(path, "r+b", buffering=0)
        if self._file.seek(0, 2) != blocks * block_size:
            raise ValueError("%s is not a flash of %d blocks" % (path, blocks))

    def readblocks(self, block, buffer, offset=0):
        """Fill `buffer` from `offset` in `block` on."""
        self._file.seek(block * self._size + offset)
        self._file.readinto(buffer)

    def writeblocks(self, block, buffer, offset=0):
        """Program `buffer` from `offset` in `block` on: bits only go from 1 to 0."""
        present = bytearray(len(buffer))
        self.readblocks(block, present, offset)
        for at, byte in enumerate(buffer):
            present[at] &= byte
        self._file.seek(block * self._size + offset)
        self._file.write(present)

    def ioctl(self, operation, argument):
        """Count blocks (4), give their size (5), erase one (6)."""
        if operation == 4:
            return self._blocks
        if operation == 5:
            return self._size
        if operation == 6:
            self._file.seek(argument * self._size)
            for _ in range(0, self._size, len(_ERASED_PAGE)):
                self._file.write(_ERASED_PAGE)
        return 0


class Board:
    """Pins and peripherals of one firmware process; see the module's docstring."""

    def __init__(self, config):
        self._config = check_table(_TABLE, config)
        self._stepped = self._config.clock == "bench"
        paths = self._config.uarts
        self._names = sorted(paths)
        self._uarts = {name: Uart(paths[name]) for name in self._names}
        self._storage = None
        self._contactor = False
        self._plugged = False
        self._now_ms = 0
        self._time_s = _UNKNOWN_TIME
        self._status_wanted = 0
        self._read_pins()

    def uart(self, name):
        """Return the UART called `name`. Raises ValueError when the board has none such."""
        if name not in self._uarts:
            raise ValueError("the board has no UART '%s'; name it in 'board.uarts'" % name)
        return self._uarts[name]

    def storage(self):
        """Return the block device for the journal."""
        config = self._config
        if self._storage is None:
            self._storage = FileFlash(
                config.storage, config.storage_blocks, config.storage_block_size
            )
        return self._storage

    def secret(self, source):
        """Return the secret of `source`, as keystore's SOURCE_... name them, in bytes.

        Raises ValueError, one sentence, when this board was given none.
        """
        return {SOURCE_PASSPHRASE: _passphrase, SOURCE_DEVICE: self._device_secret}[source]()

    def _device_secret(self):
        """Return what a real board has in its eFuses: here, what a file holds."""
        path = self._config.device_secret
        if path is None:
            raise ValueError("the key needs the device secret; name it in 'board.device_secret'")
        try:
            with open(path) as file:
                return hexadecimal(DEVICE_SECRET_SIZE)(file.read().strip())
        except OSError:
            raise ValueError("the device secret in %s cannot be read" % path)
        except ValueError:
            raise ValueError("%s holds no device secret of 64 hexadecimal digits" % path)

    def random(self, size):
        """Return `size` bytes from the system's random generator."""
        return os.urandom(size)

    def contactor(self, closed):
        """Drive the contactor's pin."""
        self._contactor = closed

    def plugged(self):
        """Return whether the control pilot shows a vehicle."""
        return self._plugged

    def now_ms(self):
        """Return the present tick in ms."""
        return self._now_ms if self._stepped else time_ms()

    def feed_watchdog(self):
        """Do nothing: a process has no watchdog."""

    def reset(self):
        """End the process, as a board would start anew."""
        sys.exit("the firmware asked for a reset")

    def time_s(self):
        """Return the unix time of the real-time clock, or None when it was never set."""
        return None if self._time_s == _UNKNOWN_TIME else self._time_s

    def run(self, loop):
        """Call `loop.step(now_ms)` until stdin ends, and `loop.idle()` when nothing waits."""
        if self._stepped:
            self._run_stepped(loop)
        else:
            self._run_freely(loop)

    def _run_stepped(self, loop):
        while True:
            loop.step(self._now_ms)
            loop.idle()
            self._report(loop)
            if not self._read_pins():
                return

    def _run_freely(self, loop):
        poller = select.poll()
        poller.register(sys.stdin, select.POLLIN)
        for uart in self._uarts.values():
            poller.register(uart.file, select.POLLIN)
        shown_ms = time_ms()
        shown = None
        while True:
            now_ms = time_ms()
            loop.step(now_ms)
            if self._contactor != shown or ticks_diff(now_ms, shown_ms) >= _REPORT_MS:
                shown = self._contactor
                shown_ms = now_ms
                self._report(loop)
            ready = poller.poll(1)
            if not ready:
                loop.idle()
            for item in ready:
                if item[0] is sys.stdin and not self._read_pins():
                    return

    def _read_pins(self):
        """Take one line of pins; return False when there are no more."""
        line = sys.stdin.readline()
        if not line:
            return False
        pins = line.split()
        self._now_ms = int(pins[0])
        self._time_s = int(pins[1])
        self._plugged = pins[2] == "1"
        self._status_wanted = int(pins[3])
        for name, count in zip(self._names, pins[4:]):
            if count != "0":
                self._uarts[name].await_bytes(int(count))
        return True

    def _status(self, loop):
        status = loop.status()
        if hasattr(gc, "mem_free"):
            if self._status_wanted == _AFTER_COLLECTION:
                gc.collect()
            status["heap_free_bytes"] = gc.mem_free()
        return status

    def _report(self, loop):
        words = ["1" if self._contactor else "0"]
        for name in self._names:
            words.append(str(self._uarts[name].sent))
        words.append(json.dumps(self._status(loop)) if self._status_wanted else "-")
        sys.stdout.write(" ".join(words) + "\n")
        if hasattr(sys.stdout, "flush"):
            sys.stdout.flush()


def _passphrase():
    """Return what is typed in on a real board: here, what the environment holds."""
    passphrase = os.getenv(_PASSPHRASE_VARIABLE)
    if not passphrase:
        raise ValueError("the key needs its passphrase; set %s" % _PASSPHRASE_VARIABLE)
    return passphrase.encode()


def time_ms():
    """Return the machine's clock in ms, wrapped as `joulestream.units` wants it."""
    if hasattr(time, "ticks_ms"):
        return time.ticks_ms() & (TICKS_PERIOD - 1)
    return time.monotonic_ns() // 1_000_000 & (TICKS_PERIOD - 1)
