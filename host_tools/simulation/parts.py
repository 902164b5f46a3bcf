"""The parts of a simulated world that can fail: the wire, and the board of each firmware.

The wire carries whole frames; a bad stretch loses, doubles, damages or delays them by chance. A
board gives a firmware everything that a real one has: ends of the wire and of the meter's line, a
flash, a contactor output and clocks that drift. Meters and flashes are those of the test kit.
"""

from collections.abc import Callable
from random import Random
from typing import Any

from joulestream.boards import contract
from joulestream.host_tools.simulation.plan import MeterKind
from joulestream.runtime.pilot import PILOT_A, PILOT_B, PILOT_C
from joulestream.testkit.flash import NorFlash
from joulestream.testkit.meter import Line, Meter

TICKS_MASK = (1 << 30) - 1
# The contactor's one-shot driver opens so long after its last trigger.
HOLD_MS = 500
# The receive buffer of a board's UART.
_RECEIVE_BYTES = 4_096


class FlashRandom:
    """Gives a NorFlash its random numbers from a random.Random."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def below(self, limit: int) -> int:
        """Return a random number from 0 to `limit` - 1."""
        return self._rng.randrange(limit)


class Wire:
    """Carries frames both ways between the pole and the vehicle that is plugged in.

    Attributes:
        cut: whether the wire carries nothing.
        chatters: whether the line is never silent: noise comes between the frames.
        trouble: the bad stretches of now: (probabilities, their random numbers). A probability is
            named "loss", "double", "flip" or "late".
        flying: frames on their way: (time of arrival, number, sender, bytes). The number keeps
            the order of frames that arrive at the same time.
    """

    def __init__(self) -> None:
        self.cut = False
        self.chatters = False
        self.trouble: list[tuple[dict[str, float], Random]] = []
        self.flying: list[tuple[int, int, str, bytes]] = []
        self._count = 0

    def send(self, sender: str, frame: bytes, now_ms: int) -> None:
        """Send a frame from `sender`; it may come late, damaged, twice or never."""
        if self.cut:
            return
        copies = [(now_ms, frame)]
        for odds, rng in self.trouble:
            copies = [copy for old in copies for copy in self._disturbed(old, odds, rng)]
        for arrives_ms, data in copies:
            self._count += 1
            self.flying.append((arrives_ms, self._count, sender, data))

    def _disturbed(
        self, copy: tuple[int, bytes], odds: dict[str, float], rng: Random
    ) -> list[tuple[int, bytes]]:
        """Return the copies of one frame, (time of arrival, bytes), behind a bad stretch."""
        arrives_ms, data = copy
        if rng.random() < odds.get("loss", 0):
            return []
        if rng.random() < odds.get("flip", 0):
            damaged = bytearray(data)
            for _ in range(rng.randrange(1, 4)):
                damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
            data = bytes(damaged)
        if rng.random() < odds.get("late", 0):
            arrives_ms += rng.randrange(1, 400)
        copies = [(arrives_ms, data)]
        if rng.random() < odds.get("double", 0):
            copies.append((arrives_ms + rng.randrange(0, 300), data))
        return copies

    def take_arrived(self, now_ms: int) -> list[tuple[str, bytes]]:
        """Remove the frames that have arrived; return them as (sender, bytes) in their order."""
        if not self.flying:
            return []
        here = sorted(item for item in self.flying if item[0] <= now_ms)
        self.flying = [item for item in self.flying if item[0] > now_ms]
        return [(sender, data) for _, _, sender, data in here]


class LinkUart:
    """One board's end of the wire.

    Attributes:
        room: how many bytes it takes while the other side does not read; None: it reads.
    """

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self.room: int | None = None
        self._send = send
        self._received = bytearray()

    def restarted(self) -> "LinkUart":
        """Return the end after a loss of power: the same wire, an empty receive buffer."""
        return LinkUart(self._send)

    def put(self, data: bytes) -> None:
        """Receive `data`. Bytes beyond the buffer's size are lost."""
        self._received += data[: _RECEIVE_BYTES - len(self._received)]

    def write(self, data: bytes | memoryview) -> int:
        """Send as much of `data` as there is room for; return the number of bytes."""
        if self.room is not None:
            data = data[: self.room]
            self.room -= len(data)
        if data:
            self._send(bytes(data))
        return len(data)

    def readinto(self, buffer: bytearray) -> int:
        """Move received bytes into `buffer`; return their number."""
        size = min(len(buffer), len(self._received))
        if size:
            buffer[:size] = self._received[:size]
            del self._received[:size]
        return size


def damaging(rng: Random) -> Callable[[bytes], bytes]:
    """Return a function that damages a meter's frames like a bad line.

    It flips a bit in 7 of 10 frames and cuts them short. The other frames pass as they are.
    """

    def damage(frame: bytes) -> bytes:
        if rng.random() >= 0.7:
            return frame
        damaged = bytearray(frame)
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        return bytes(damaged[: rng.randrange(1, len(damaged) + 1)])

    return damage


def meter_line(kind: MeterKind) -> Line | None:
    """Return the line of a kind of meter; None for an ideal one."""
    if not kind.baud:
        return None
    return Line(
        kind.baud,
        kind.turnaround_ms,
        echoes=kind.echoes,
        before=kind.before,
        behind=kind.behind,
    )


class CrashError(Exception):
    """An exception of a driver. No firmware knows its type."""


class Board(contract.Board):
    """The board of one firmware (see boards/contract.py).

    Its tick starts at `start_ms`, runs `drift_ppm` too fast, and wraps. The contactor's driver is
    a one-shot: it opens if it is not triggered again within HOLD_MS.

    Attributes:
        link: its end of the wire.
        meter: the meter, which is also the UART to the meter.
        flash: the flash of the journal.
        contactor_closed: the contactor output.
        contactor_told_ms: the world's time of the last trigger.
        paused_ms: the world's time since which it asks the vehicle to pause; None: it does not.
        is_paused: whether the vehicle that is plugged in draws nothing, since it was asked.
        is_plugged: whether its end of the cable is plugged in.
        misread_pilot: the pilot state that it reads in place of the true one; "": it does not.
        crash: whether its next operation on the link raises CrashError.
        hears_chatter: whether noise comes in on the link in every round.
        unix_s: the time of its clock in s; None: the clock does not know it.
        quality: the quality of that time.
        fed: how often the watchdog was fed.
    """

    def __init__(
        self,
        name: str,
        link: LinkUart,
        meter: Meter,
        flash: NorFlash,
        start_ms: int,
        drift_ppm: int,
        rng: Random,
    ) -> None:
        self.name = name
        self.link = link
        self.meter = meter
        self.flash = flash
        self.contactor_closed = False
        self.contactor_told_ms = 0
        self.world_ms = 0
        self.paused_ms: int | None = None
        self.is_paused = False
        self.is_plugged = False
        self.misread_pilot = ""
        self.crash = False
        self.hears_chatter = False
        self.unix_s: int | None = None
        self.quality = contract.CLOCK_RTC
        self.fed = 0
        self._start_ms = start_ms
        self._drift_ppm = drift_ppm
        self._rng = rng
        self._now_ms = start_ms

    def set_time(self, now_ms: int) -> int:
        """Set the world's time to `now_ms`; return the board's tick."""
        self.world_ms = now_ms
        ticks = self._start_ms + now_ms + now_ms * self._drift_ppm // 1_000_000
        self._now_ms = ticks & TICKS_MASK
        return self._now_ms

    # The board contract. The link is the board itself, so that a driver of it can crash.

    def uart(self, name: str) -> Any:
        if name == "service":
            return None
        if name not in ("link", "meter"):
            raise ValueError(f"the simulated board has no UART '{name}'")
        return self if name == "link" else self.meter

    def write(self, data: bytes | memoryview) -> int:
        self._crash_if_told()
        return self.link.write(data)

    def readinto(self, buffer: bytearray) -> int:
        self._crash_if_told()
        return self.link.readinto(buffer)

    def contactor(self, closed: bool) -> None:
        self.contactor_closed = closed
        self.contactor_told_ms = self.world_ms

    def pilot_state(self) -> str:
        if self.misread_pilot:
            return self.misread_pilot
        if not self.is_plugged:
            return PILOT_A
        return PILOT_B if self.is_paused else PILOT_C

    def pause(self, paused: bool) -> None:
        self.paused_ms = self.world_ms if paused else None

    def storage(self) -> NorFlash:
        return self.flash

    def random(self, size: int) -> bytes:
        return self._rng.randbytes(size)

    def now_ms(self) -> int:
        return self._now_ms

    def clock(self) -> tuple[int, int]:
        return contract.NO_CLOCK if self.unix_s is None else (self.unix_s, self.quality)

    def wait(self, most_ms: int) -> bool:
        """Return at once, since the world alone moves the time on: True while the line is silent.

        On a line that chatters, bytes come in every round.
        """
        return not self.hears_chatter

    def feed_watchdog(self) -> None:
        self.fed += 1

    def reset(self) -> None:
        raise CrashError("the firmware asked for a reset")

    def _crash_if_told(self) -> None:
        if self.crash:
            self.crash = False
            raise CrashError("a driver failed")
