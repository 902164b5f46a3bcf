"""The decisions of a seed: the figures of a world, and the events that disturb it."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

START_S = 1_790_000_000
DAY_S = 86_400
TICKS_PERIOD = 1 << 30
# At the end nothing goes wrong any more, and a vehicle must be able to charge.
CALM_MS = 8_000
VEHICLES = 3


@dataclass(frozen=True)
class Event:
    """Something that happens to a world, from `at_ms` on for `for_ms`.

    Attributes:
        kind: a key of KINDS.
        at_ms: virtual time of its beginning.
        for_ms: how long it lasts; 0 for a single moment.
        values: its further details, by name.
    """

    kind: str
    at_ms: int
    for_ms: int = 0
    values: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        lasts = f" for {self.for_ms} ms" if self.for_ms else ""
        values = " ".join(f"{name}={value}" for name, value in self.values.items())
        return f"{self.at_ms / 1000:9.3f} s  {self.kind}{lasts} {values}".rstrip()


@dataclass(frozen=True)
class Plan:
    """All that decides a history: replaying it gives the same history again."""

    seed: int
    length_ms: int
    step_ms: int
    figures: dict[str, Any]
    events: tuple[Event, ...]


# Each takes the random numbers and returns (for_ms, values) of an event of its kind.
def _window(rng: Random, low_ms: int, high_ms: int) -> int:
    return rng.randrange(low_ms, high_ms)


def _frames(rng: Random) -> tuple[int, dict[str, Any]]:
    """A bad stretch of cable."""
    values: dict[str, Any] = {}
    for name, most in (("loss", 0.4), ("double", 0.4), ("flip", 0.3), ("late", 0.5)):
        if rng.random() < 0.5:
            values[name] = round(rng.random() * most, 2)
    return _window(rng, 500, 8_000), values or {"loss": 0.2}


def _cut(rng: Random) -> tuple[int, dict[str, Any]]:
    return _window(rng, 50, 5_000), {}


def _replug(rng: Random) -> tuple[int, dict[str, Any]]:
    return _window(rng, 300, 1_500), {"next": rng.randrange(VEHICLES)}


def _power(rng: Random) -> tuple[int, dict[str, Any]]:
    return _window(rng, 200, 4_000), {"who": rng.choice(("pole", "vehicle"))}


def _flash_cut(rng: Random) -> tuple[int, dict[str, Any]]:
    """The power goes in the middle of an operation of the flash, soon."""
    return _window(rng, 200, 3_000), {
        "who": rng.choice(("pole", "vehicle")),
        "operations": rng.randrange(12),
        "torn": rng.choice((0, 0.2, 0.5, 0.9, 0.999)),
    }


def _flash_error(rng: Random) -> tuple[int, dict[str, Any]]:
    return 0, {
        "who": rng.choice(("pole", "vehicle")),
        "operations": rng.randrange(6),
        "torn": rng.choice((0, 0.5, 0.999)),
    }


def _meter(rng: Random) -> tuple[int, dict[str, Any]]:
    fault = rng.choice(
        ("silent", "late", "damaged", "frozen", "repeating", "jump", "backward", "reset")
    )
    return _window(rng, 300, 4_000), {"who": rng.choice(("pole", "vehicle")), "fault": fault}


def _no_time(rng: Random) -> tuple[int, dict[str, Any]]:
    """The pole reboots and its clock comes back only later."""
    return _window(rng, 200, 2_000), {"unknown_ms": rng.randrange(500, 5_000)}


def _crash(rng: Random) -> tuple[int, dict[str, Any]]:
    """A driver raises something nobody expects."""
    return 0, {"who": rng.choice(("pole", "vehicle"))}


def _stop(rng: Random) -> tuple[int, dict[str, Any]]:
    return 0, {"who": rng.choice(("pole", "vehicle"))}


def _stall(rng: Random) -> tuple[int, dict[str, Any]]:
    """One side's loop does not run for a while."""
    return _window(rng, 100, 1_500), {"who": rng.choice(("pole", "vehicle"))}


KINDS = {
    "frames": _frames,
    "cut": _cut,
    "replug": _replug,
    "power": _power,
    "flash_cut": _flash_cut,
    "flash_error": _flash_error,
    "meter": _meter,
    "no_time": _no_time,
    "crash": _crash,
    "stop": _stop,
    "stall": _stall,
}
_WEIGHTS = {
    "frames": 6,
    "cut": 3,
    "replug": 10,
    "power": 3,
    "flash_cut": 4,
    "flash_error": 2,
    "meter": 3,
    "no_time": 1,
    "crash": 1,
    "stop": 2,
    "stall": 2,
}


def _prices(rng: Random, length_ms: int) -> list[dict[str, int]]:
    price = rng.choice((17, 99_991, 320_000, 333_333, 450_001))
    rows = [{"from_s": 0, "price_per_kwh": price}]
    if rng.random() < 0.4:
        for _ in range(rng.randrange(1, 5)):
            after_s = rng.randrange(1, max(length_ms // 1_000, 2))
            factor = rng.choice((50, 90, 110, 125))
            rows.append(
                {"from_s": START_S + after_s, "price_per_kwh": max(price * factor // 100, 1)}
            )
    by_time = {row["from_s"]: row for row in rows}
    return [by_time[from_s] for from_s in sorted(by_time)]


def _figures(rng: Random, length_ms: int) -> dict[str, Any]:
    prices = _prices(rng, length_ms)
    dearest = max(row["price_per_kwh"] for row in prices)
    packet_mwh = rng.choice((300, 500, 777, 1_000))
    packet = -(-dearest * packet_mwh // 1_000_000)
    credit = rng.choice((0, packet, 2 * packet, 3 * packet))
    prepay = rng.choice((packet, 2 * packet, 4 * packet))
    near_wrap = TICKS_PERIOD - rng.randrange(1, length_ms + 60_000)
    expires_s = rng.choice((DAY_S, DAY_S, DAY_S, length_ms // 2_000 + 3, 5))
    return {
        "prices": prices,
        "packet_mwh": packet_mwh,
        "packet_ms": rng.choice((400, 700)),
        "credit": credit,
        "pole_prepay": rng.choice((0, prepay)) if credit else prepay,
        "vehicle_prepay": prepay + (packet if credit == 0 else 0),
        "max_power_w": rng.choice((7_400, 11_000, 22_000)),
        "link_timeout_ms": rng.choice((1_300, 2_000, 3_000)),
        "retry_ms": rng.choice((100, 250)),
        "meter_ms": rng.choice((100, 200)),
        "register_step_mwh": rng.choice((1, 100, 1_000)),
        "contactor_delay_ms": rng.choice((10, 30, 60)),
        "budgets": [
            rng.choice((1 << 40, 1 << 40, 60 * packet, 200 * packet)) for _ in range(VEHICLES)
        ],
        "capacities": [
            rng.choice((1 << 40, 1 << 40, 80 * packet, 300 * packet)) for _ in range(VEHICLES)
        ],
        "gains_ppm": [rng.randrange(-12_000, 12_000) for _ in range(VEHICLES + 1)],
        "drifts_ppm": [rng.randrange(-200, 200) for _ in range(VEHICLES + 1)],
        "starts_ms": [
            rng.choice((1_000, near_wrap, rng.randrange(TICKS_PERIOD)))
            for _ in range(VEHICLES + 1)
        ],
        "registers_mwh": [
            rng.choice((0, 7_000, (1 << 30) + rng.randrange(1 << 20))) for _ in range(VEHICLES + 1)
        ],
        "expires_s": expires_s,
        "renewed_s": rng.choice((0, 2, expires_s, DAY_S)),
        "blocks": rng.choice((8, 12, 16)),
    }


def make_plan(seed: int) -> Plan:
    """Return the plan of `seed`."""
    rng = Random(seed)
    length_ms = rng.randrange(30_000, 75_000)
    figures = _figures(rng, length_ms)
    kinds, weights = list(_WEIGHTS), list(_WEIGHTS.values())
    events = []
    # One world in eight is quiet, so that faults without a cause show too.
    for _ in range(rng.choice((0, 4, 6, 8, 10, 12, 14, 18))):
        kind = rng.choices(kinds, weights)[0]
        for_ms, values = KINDS[kind](rng)
        events.append(Event(kind, rng.randrange(length_ms), for_ms, values))
    events.sort(key=lambda event: event.at_ms)
    step_ms = rng.choice((25, 40, 50))
    return Plan(seed, length_ms, step_ms, figures, tuple(events))
