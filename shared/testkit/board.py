"""A board in memory, for tests and benchmarks on both runtimes. A test can set any part of it."""

from joulestream.boards import contract
from joulestream.compat import const
from joulestream.runtime.pilot import PILOT_C
from joulestream.testkit.flash import RamFlash

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_RX_SIZE = 1024


class Uart:
    """One end of a cable. Bytes that one end writes, the end `other` reads.

    Bytes that come while the buffer of 1,024 bytes is full are lost, as in a real UART. An end
    without `other` is connected to nothing. `room` is how many bytes it takes before the other
    side stops reading; None: it takes all.
    """

    def __init__(self) -> None:
        self.other: Uart | None = None
        self.room: int | None = None
        self._buffer = bytearray(_RX_SIZE)
        self._size = 0

    def write(self, data: bytes) -> int:
        """Send `data` to the other end as far as there is room; return the number of bytes."""
        if self.room is not None:
            data = data[: self.room]
            self.room -= len(data)
        if self.other is not None:
            self.other.put(data)
        return len(data)

    def put(self, data: bytes) -> None:
        """Append `data` to the bytes that came in."""
        size = self._size
        end = size + len(data)
        if end > _RX_SIZE:
            end = _RX_SIZE
            data = data[: end - size]
        self._buffer[size:end] = data
        self._size = end

    def readinto(self, buffer: bytearray) -> int:
        """Move the bytes that came into `buffer`; return their number."""
        size = min(self._size, len(buffer))
        if size:
            buffer[:size] = memoryview(self._buffer)[:size]
            rest = self._size - size
            self._buffer[:rest] = self._buffer[size : self._size]
            self._size = rest
        return size


def cable() -> "tuple[Uart, Uart]":
    """Return both ends of a new cable."""
    ends = Uart(), Uart()
    ends[0].other, ends[1].other = ends[1], ends[0]
    return ends


class MemoryBoard(contract.Board):
    """A board of objects and attributes in place of UARTs, flash and pins.

    Args:
        uarts: the UARTs by name. Default: none.
        flash: the storage. Default: a RamFlash, made when it is first asked for.

    Attributes:
        uarts: the UARTs by name.
        flash: the storage.
        pilot: the pilot state.
        tick_ms: the tick that `now_ms` returns.
        unix_s: the time of the clock in s, or None.
        quality: the quality of that time.
        closed: how the contactor was driven last.
        on_contactor: called with every `closed`, if it is set.
        fed: how often the watchdog was fed.
        resets: how often the board was reset.
    """

    def __init__(self, uarts: "dict[str, Any] | None" = None, flash: "Any" = None) -> None:
        self.uarts = uarts or {}
        self.flash = flash
        self.pilot = PILOT_C
        self.tick_ms = 0
        self.unix_s: int | None = None
        self.quality = contract.CLOCK_RTC
        self.closed = False
        self.on_contactor: Callable[[bool], None] | None = None
        self.fed = 0
        self.resets = 0
        self._count = 0

    def uart(self, name: str) -> "Any":
        """Return the UART `name`; raise ValueError if the board has no such UART."""
        if name not in self.uarts:
            if name == "service":
                return None
            raise ValueError("the board in memory has no UART '%s'" % name)
        return self.uarts[name]

    def storage(self) -> "Any":
        """Return the storage."""
        if self.flash is None:
            self.flash = RamFlash()
        return self.flash

    def random(self, size: int) -> bytes:
        """Return the next bytes of a series that is the same in every run."""
        self._count += 1
        return bytes((self._count * 151 + at * 7) & 0xFF for at in range(size))

    def contactor(self, closed: bool) -> None:
        """Note how the contactor is driven and call `on_contactor`."""
        self.closed = closed
        if self.on_contactor is not None:
            self.on_contactor(closed)

    def pilot_state(self) -> str:
        """Return the pilot state that the test set."""
        return self.pilot

    def now_ms(self) -> int:
        """Return the tick that the test set."""
        return self.tick_ms

    def wait(self, most_ms: int) -> bool:
        """Return True at once: the test decides when time passes."""
        return True

    def clock(self) -> "tuple[int, int]":
        """Return the time and the quality that the test set."""
        return contract.NO_CLOCK if self.unix_s is None else (self.unix_s, self.quality)

    def feed_watchdog(self) -> None:
        """Count the call in `fed`."""
        self.fed += 1

    def reset(self) -> None:
        """Count the call in `resets`."""
        self.resets += 1
