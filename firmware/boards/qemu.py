"""The emulated board: MicroPython's qemu port on QEMU's `virt` machine, riscv32.

It has one UART, the one of its REPL, and a clock of ticks. Its storage is memory, lost at a reset;
its contactor is a variable. It has no second UART for a meter, no source of random numbers, no
real-time clock and no secret: it holds the firmware's code to a board's memory and instructions,
and no session.
"""

import os
import select
import sys
import time

from joulestream.boards import contract
from joulestream.compat import const
from joulestream.device.config import check_table, one_of, whole
from joulestream.device.ram_flash import RamFlash
from joulestream.runtime.pilot import PILOT_A, PILOT_STATES
from joulestream.units import TICKS_PERIOD

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any


TABLE = (
    ("storage_blocks", whole(6, 4096), 16),
    ("storage_block_size", whole(256, 65536), 4096),
    ("pilot", one_of(*PILOT_STATES), PILOT_A),
)


class ReplUart:
    """The UART of the REPL. While it is open, byte 3 is data and no longer the key Ctrl-C."""

    def __init__(self) -> None:
        import micropython

        micropython.kbd_intr(-1)
        self._poller = select.poll()
        self._poller.register(sys.stdin, select.POLLIN)

    def write(self, data: bytes) -> int:
        """Send `data`; return its size. QEMU takes each byte at once."""
        sys.stdout.buffer.write(data)
        return len(data)

    def readinto(self, buffer: bytearray) -> int:
        """Move the bytes that came into `buffer`; return their number."""
        count = 0
        while count < len(buffer) and not self.is_quiet(0):
            buffer[count] = sys.stdin.buffer.read(1)[0]
            count += 1
        return count

    def is_quiet(self, most_ms: int) -> bool:
        """Return whether no byte comes for `most_ms`."""
        return not self._poller.poll(most_ms)


class Board(contract.Board):
    """Pins and peripherals of the emulated board; see the module's docstring."""

    def __init__(self, config: "dict[str, object]") -> None:
        self._config = check_table(TABLE, config)
        self._uart: ReplUart | None = None
        self._storage: RamFlash | None = None
        self.contactor_closed = False

    def uart(self, name: str) -> "ReplUart | None":
        """Return the REPL's UART, which is the link."""
        if name == "service":
            return None
        if name != "link":
            raise ValueError("the emulated board has no UART '%s', only 'link'" % name)
        if self._uart is None:
            self._uart = ReplUart()
        return self._uart

    def storage(self) -> RamFlash:
        """Return the flash in memory."""
        config = self._config
        if self._storage is None:
            self._storage = RamFlash(config.storage_blocks, config.storage_block_size)
        return self._storage

    def random(self, size: int) -> bytes:
        """Return random bytes where the port has `os.urandom`."""
        if not hasattr(os, "urandom"):
            raise ValueError("the emulated board has no source of random numbers")
        return os.urandom(size)

    def contactor(self, closed: bool) -> None:
        """Keep the contactor's state in `contactor_closed`."""
        self.contactor_closed = closed

    def pilot_state(self) -> str:
        """Return the pilot state of the configuration."""
        state: str = self._config.pilot
        return state

    def now_ms(self) -> int:
        """Return the tick of the machine's timer."""
        ticks: Any = time
        return int(ticks.ticks_ms() & (TICKS_PERIOD - 1))

    def wait(self, most_ms: int) -> bool:
        """Wait for bytes on the UART, if it is open."""
        if self._uart is not None:
            return self._uart.is_quiet(most_ms)
        time.sleep(most_ms / 1000)
        return True

    def reset(self) -> None:
        """Start the board anew, with an empty memory."""
        import machine

        machine.reset()
