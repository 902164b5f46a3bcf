"""The parts of a simulated world: a wire, meters and boards. Each can fail."""

from collections.abc import Callable
from random import Random
from typing import Any

from joulestream.boards import contract
from joulestream.runtime.pilot import PILOT_A, PILOT_C
from joulestream.testkit.flash import NorFlash
from joulestream.testkit.meter import Meter

TICKS_MASK = (1 << 30) - 1
HOLD_MS = 500


class FlashRandom:
    """random.Random as NorFlash asks for it."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def below(self, limit: int) -> int:
        return self._rng.randrange(limit)


class Wire:
    """Carries frames both ways between the pole and the vehicle that is plugged in.

    `trouble` holds the bad stretches that are on now: (probabilities, random numbers).
    """

    def __init__(self) -> None:
        self.cut = False
        self.trouble: list[tuple[dict[str, float], Random]] = []
        self.flying: list[tuple[int, int, str, bytes]] = []
        self._count = 0

    def send(self, sender: str, frame: bytes, now_ms: int) -> None:
        """Let a frame set off from `sender`; it may come late, damaged, twice or never."""
        if self.cut:
            return
        copies = [(now_ms, frame)]
        for odds, rng in self.trouble:
            copies = [copy for old in copies for copy in self._suffer(old, odds, rng)]
        for arrives_ms, data in copies:
            self._count += 1
            self.flying.append((arrives_ms, self._count, sender, data))

    def _suffer(
        self, copy: tuple[int, bytes], odds: dict[str, float], rng: Random
    ) -> list[tuple[int, bytes]]:
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

    def arrived(self, now_ms: int) -> list[tuple[str, bytes]]:
        """Take the frames that have arrived by now, as (sender, data)."""
        if not self.flying:
            return []
        here = sorted(item for item in self.flying if item[0] <= now_ms)
        self.flying = [item for item in self.flying if item[0] > now_ms]
        return [(sender, data) for _, _, sender, data in here]


class LinkUart:
    """One board's end of the wire."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._received = bytearray()

    def restarted(self) -> "LinkUart":
        """Return this end after a loss of power: the same wire, and nothing received."""
        return LinkUart(self._send)

    def put(self, data: bytes) -> None:
        """Let `data` come in; bytes that the buffer has no room for are lost."""
        self._received += data[: 4096 - len(self._received)]

    def write(self, data: bytes | memoryview) -> None:
        self._send(bytes(data))

    def readinto(self, buffer: bytearray) -> int:
        size = min(len(buffer), len(self._received))
        if size:
            buffer[:size] = self._received[:size]
            del self._received[:size]
        return size


def damaging(rng: Random) -> Callable[[bytes], bytes]:
    """Return how a bad line damages a meter's frame: 7 of 10 get a flipped bit and end early."""

    def damage(frame: bytes) -> bytes:
        if rng.random() >= 0.7:
            return frame
        damaged = bytearray(frame)
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        return bytes(damaged[: rng.randrange(1, len(damaged) + 1)])

    return damage


class CrashError(Exception):
    """An exception of a driver that no firmware expects."""


class Board(contract.Board):
    """The board of one firmware (see boards/contract.py).

    Its tick runs `drift_ppm` too fast from `start_ms` on, and wraps. `crash` makes its next
    operation on the link raise; `unix_s` is the time of its real-time clock, or None. The
    contactor's driver is a one-shot: it opens when it is not told again within HOLD_MS.
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
        self.is_plugged = False
        self.crash = False
        self.unix_s: int | None = None
        self.fed = 0
        self._start_ms = start_ms
        self._drift_ppm = drift_ppm
        self._rng = rng
        self._now_ms = start_ms

    def set_time(self, now_ms: int) -> int:
        """Let the world's time be `now_ms`; return the board's tick."""
        self.world_ms = now_ms
        ticks = self._start_ms + now_ms + now_ms * self._drift_ppm // 1_000_000
        self._now_ms = ticks & TICKS_MASK
        return self._now_ms

    # The board contract

    def uart(self, name: str) -> Any:
        if name not in ("link", "meter"):
            raise ValueError(f"the simulated board has no UART '{name}'")
        return self if name == "link" else self.meter

    def write(self, data: bytes | memoryview) -> None:
        self._perhaps_crash()
        self.link.write(data)

    def readinto(self, buffer: bytearray) -> int:
        self._perhaps_crash()
        return self.link.readinto(buffer)

    def contactor(self, closed: bool) -> None:
        self.contactor_closed = closed
        self.contactor_told_ms = self.world_ms

    def pilot_state(self) -> str:
        return PILOT_C if self.is_plugged else PILOT_A

    def storage(self) -> NorFlash:
        return self.flash

    def random(self, size: int) -> bytes:
        return self._rng.randbytes(size)

    def now_ms(self) -> int:
        return self._now_ms

    def time_s(self) -> int | None:
        return self.unix_s

    def clock_quality(self) -> int:
        return contract.CLOCK_UNKNOWN if self.unix_s is None else contract.CLOCK_RTC

    def wait(self, most_ms: int) -> bool:
        """Return True at once: the world moves its time on by itself."""
        return True

    def feed_watchdog(self) -> None:
        self.fed += 1

    def reset(self) -> None:
        raise CrashError("the firmware asked for a reset")

    def _perhaps_crash(self) -> None:
        if self.crash:
            self.crash = False
            raise CrashError("a driver failed")
