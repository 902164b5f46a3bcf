"""The simulated contactor of the unix board, in a process of its own, as a hardware gate is.

The firmware only asks for it. The contactor opens by itself when no step of the firmware completes
for the hold time: when the firmware hangs, is stopped or has ended. Each byte on stdin is one of
DRIVE, RELEASE and HEARTBEAT. Each change is a line on stdout: `contactor 1` or `contactor 0`. The
process ends at the end of stdin, with the contactor open.

    python -m joulestream.boards.gate HOLD_MS
"""

import select
import sys
import time

from joulestream.compat import const
from joulestream.units import TICKS_PERIOD, Timer

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

DRIVE = b"1"
RELEASE = b"0"
HEARTBEAT = b"."


class Gate:
    """A contactor that is closed while it is driven and its firmware completes steps.

    Args:
        hold_ms: the contactor opens when no heartbeat came for so long.
        changed: called with True or False when the contactor closes or opens.
    """

    def __init__(self, hold_ms: int, changed: "Callable[[bool], None]") -> None:
        self._hold_ms = hold_ms
        self._changed = changed
        self._hold = Timer()
        self.closed = False

    def take(self, command: bytes, now_ms: int) -> None:
        """Take a byte from the firmware at the tick `now_ms`.

        A heartbeat closes nothing: after the hold time the firmware has to drive the contactor
        anew.
        """
        self.follow(now_ms)
        if command == RELEASE:
            self._set(False)
        elif command == DRIVE:
            self._set(True)
        if self.closed:
            self._hold.start(now_ms, self._hold_ms)

    def follow(self, now_ms: int) -> None:
        """Open the contactor if no heartbeat came in time."""
        if self.closed and self._hold.is_over(now_ms):
            self._set(False)

    def _set(self, closed: bool) -> None:
        if closed != self.closed:
            self.closed = closed
            self._changed(closed)


def time_ms() -> int:
    """Return the machine's clock in ms, wrapped at units.TICKS_PERIOD."""
    if hasattr(time, "ticks_ms"):  # MicroPython
        return time.ticks_ms() & (TICKS_PERIOD - 1)
    return time.monotonic_ns() // 1_000_000 & (TICKS_PERIOD - 1)


def report(closed: bool) -> None:
    """Print the contactor's state."""
    sys.stdout.write("contactor %d\n" % closed)
    if hasattr(sys.stdout, "flush"):
        sys.stdout.flush()


def main(hold_ms: int) -> None:
    """Run a Gate between stdin and stdout, on the machine's clock."""
    gate = Gate(hold_ms, report)
    stdin: Any = open(0, "rb", buffering=0)
    poller = select.poll()
    poller.register(stdin, select.POLLIN)
    while True:
        if poller.poll(hold_ms if gate.closed else -1):
            # One byte alone: a longer read may wait for more on MicroPython.
            command = stdin.read(1)
            if not command:
                break
            gate.take(command, time_ms())
        else:
            gate.follow(time_ms())
    gate.take(RELEASE, time_ms())
    # The last words hold whatever a reader has missed.
    report(False)


if __name__ == "__main__":
    main(int(sys.argv[1]))
