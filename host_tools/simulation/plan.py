"""The plan of a world: all that a seed decides before the world starts.

A plan has two parts. The parameters are fixed for the world's life: prices, limits, meters,
clocks. The events are faults and acts of people, each with its time. Both are drawn from one
random generator, so a change of the order of the draws changes every seed's plan.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from joulestream.meter.config import check_meter

START_S = 1_790_000_000
DAY_S = 86_400
# A board's tick counts milliseconds and wraps here, as MicroPython's does.
TICKS_PERIOD = 1 << 30
# At the end no fault happens for this time, and a vehicle must be able to charge.
CALM_MS = 8_000
VEHICLES = 3
_LONGEST_PACKET_MS = 1_040
# The energy of a meter that is late by less is within the steps that an audit tolerates.
_QUICK_MS = 300
# No driver declares a shorter refresh.
_LEAST_REFRESH_MS = 200
# Shorter than the defaults, so that a fault and the recovery from it fit into a minute.
_METER = {"model": "sdm120", "turnaround_ms": 45, "recover_ms": 1_000}
_FROZEN_MS = 1_500
_BAUD = 9_600
# A budget or a capacity that no history reaches.
_UNLIMITED = 1 << 40


@dataclass(frozen=True)
class Event:
    """A fault, or an act of a person, in a world.

    Attributes:
        kind: a key of KINDS.
        at_ms: virtual time of its beginning.
        for_ms: how long it lasts; 0 for a single moment.
        values: its details by name. `side` is "pole" or "vehicle".
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
class MeterKind:
    """What a meter and its line are.

    Attributes:
        step_mwh: the step of its register.
        refresh_ms: the time between two refreshes of its figures; 0: they are always new.
        is_declared: whether the configuration says so; if not, the driver's figures hold.
        baud: the speed of its line; 0: all bytes arrive at once.
        turnaround_ms: the time until it begins to answer.
        echoes: whether the adapter echoes each request.
        before, behind: stray bytes around each answer.
        smooth_ms: the time constant of its power figure; 0: it is never late.
        lag_ms: by how much its register is late, and its power figure is not.
    """

    step_mwh: int
    refresh_ms: int = 0
    is_declared: bool = True
    baud: int = 0
    turnaround_ms: int = 0
    echoes: bool = False
    before: bytes = b""
    behind: bytes = b""
    smooth_ms: int = 0
    lag_ms: int = 0

    def section(self, interval_ms: int) -> dict[str, Any]:
        """Return the section `meter` of a configuration for it."""
        values: dict[str, Any] = {
            **_METER,
            "interval_ms": interval_ms,
            "baud": self.baud or _BAUD,
            "frozen_ms": max(_FROZEN_MS, 3 * self.refresh_ms),
        }
        if self.baud in (0, _BAUD):
            # Shorter than the default, so that a fault and the recovery from it fit into a minute.
            values["timeout_ms"] = 600
        if self.is_declared:
            values["step_mwh"] = max(self.step_mwh, 1_000)
            values["refresh_ms"] = max(self.refresh_ms, _LEAST_REFRESH_MS)
        return values


@dataclass(frozen=True)
class Parameters:
    """The figures of a world that stay fixed.

    Lists have one entry for each vehicle, in their order. `gains_ppm`, `drifts_ppm`, `starts_ms`
    and `registers_mwh` have the pole's entry first.

    Attributes:
        prices: the pole's price list, as its configuration holds it.
        packet_mwh, packet_ms: energy and time at which a packet ends.
        credit: the most that the pole delivers unpaid, in claim units.
        pole_prepay: the prepayment that the pole asks for, in claim units.
        vehicle_prepay: the most that a vehicle pays ahead, in claim units.
        max_power_w: the most power that the pole delivers.
        pole_timeout_ms, vehicle_timeout_ms: a link that is silent for so long ends a session.
        retry_ms: time after which a message is sent again.
        meter_ms: time between two readings of a meter.
        meters: the pole's meter and line, then each vehicle's.
        pause_ms: time until a vehicle that is asked to pause draws no current and shows pilot
            state B.
        contactor_delay_ms: time until the contact follows the pole's contactor output.
        budgets: the most that each vehicle may spend, in claim units.
        capacities: the most that each channel can pay, in claim units.
        gains_ppm: the error of each meter.
        drifts_ppm: how much too fast each board's clock runs.
        starts_ms: each board's tick at the start.
        registers_mwh: each meter's register at the start.
        expires_s: the end of each first certificate, after the start.
        renewed_s: time at which each vehicle finds a longer certificate; 0: never.
        blocks: blocks of each flash.
        max_channels: channels that the pole's journal holds.
        parked_days: so long nobody charges before the end of the history.
        max_price_per_kwh: the highest price that the vehicles' owners allow.
    """

    prices: list[dict[str, int]]
    packet_mwh: int
    packet_ms: int
    credit: int
    pole_prepay: int
    vehicle_prepay: int
    max_power_w: int
    pole_timeout_ms: int
    vehicle_timeout_ms: int
    retry_ms: int
    meter_ms: int
    meters: list[MeterKind]
    pause_ms: int
    contactor_delay_ms: int
    budgets: list[int]
    capacities: list[int]
    gains_ppm: list[int]
    drifts_ppm: list[int]
    starts_ms: list[int]
    registers_mwh: list[int]
    expires_s: int
    renewed_s: int
    blocks: int
    max_channels: int
    parked_days: int
    max_price_per_kwh: int


@dataclass(frozen=True)
class Plan:
    """All that decides a history: a second play of a plan gives the same history.

    Attributes:
        seed: the seed of the plan, and of the random numbers in its world.
        length_ms: virtual time until the calm at the end.
        step_ms: virtual time of one step.
        parameters: the figures that stay fixed.
        events: the events in the order of their times.
        stays_plugged: whether the plug stays in at the end: a trouble that passes ends no visit.
    """

    seed: int
    length_ms: int
    step_ms: int
    parameters: Parameters
    events: tuple[Event, ...]
    stays_plugged: bool = False


# The duration of an event in ms, and its values.
_Details = tuple[int, dict[str, Any]]


def _side(rng: Random) -> str:
    return rng.choice(("pole", "vehicle"))


def _frames(rng: Random) -> _Details:
    """Draw a bad stretch of the wire: it loses, doubles, damages or delays frames."""
    values: dict[str, Any] = {}
    for name, highest in (("loss", 0.4), ("double", 0.4), ("flip", 0.3), ("late", 0.5)):
        if rng.random() < 0.5:
            values[name] = round(rng.random() * highest, 2)
    return rng.randrange(500, 8_000), values or {"loss": 0.2}


def _cut(rng: Random) -> _Details:
    """Draw a time in which the wire carries nothing."""
    return rng.randrange(50, 5_000), {}


def _chatter(rng: Random) -> _Details:
    """Draw a time in which the line is never silent: often the whole history."""
    return rng.choice((5_000, 60_000)), {}


def _replug(rng: Random) -> _Details:
    """Draw the unplugging of a vehicle, and the vehicle that is plugged in next."""
    return rng.randrange(300, 1_500), {"next": rng.randrange(VEHICLES)}


def _power(rng: Random) -> _Details:
    """Draw a loss of one side's power."""
    return rng.randrange(200, 4_000), {"side": _side(rng)}


def _flash_cut(rng: Random) -> _Details:
    """Draw a loss of power in the middle of one of the next 12 operations of a flash."""
    return rng.randrange(200, 3_000), {
        "side": _side(rng),
        "operations": rng.randrange(12),
        "torn": rng.choice((0, 0.2, 0.5, 0.9, 0.999)),
    }


def _flash_error(rng: Random) -> _Details:
    """Draw one of the next six operations of a flash, which fails."""
    return 0, {
        "side": _side(rng),
        "operations": rng.randrange(6),
        "torn": rng.choice((0, 0.5, 0.999)),
    }


def _meter(rng: Random) -> _Details:
    """Draw a fault of a meter (testkit/meter.py)."""
    fault = rng.choice(
        (
            "silent",
            "late",
            "damaged",
            "frozen",
            "repeating",
            "jump",
            "backward",
            "reset",
            "glitch",
            "huge",
            "absurd",
            "nan",
            "reversed",
        )
    )
    return rng.randrange(300, 4_000), {"side": _side(rng), "fault": fault}


def _clock(rng: Random) -> _Details:
    """Draw a time in which the pole's clock is wrong, in a session or from a restart on."""
    return rng.randrange(500, 6_000), {
        "shows": rng.choice(("nothing", "build date", "1970", "2036", "slow", "fast")),
        "off_ms": rng.choice((0, rng.randrange(200, 2_000))),
    }


def _crash(rng: Random) -> _Details:
    """Draw a driver that raises an exception of its own kind."""
    return 0, {"side": _side(rng)}


def _stop(rng: Random) -> _Details:
    """Draw an owner's order to stop the session."""
    return 0, {"side": _side(rng)}


def _deaf(rng: Random) -> _Details:
    """Draw a time in which one side's UART takes few bytes or none: nobody reads them."""
    return rng.randrange(500, 6_000), {"side": _side(rng), "room": rng.choice((0, 5, 50, 1_000))}


def _weld(rng: Random) -> _Details:
    """Draw contacts that do not open, until a person has repaired them."""
    return rng.choice((300, 1_000, 4_000, 9_000)), {}


def _home(rng: Random) -> _Details:
    """Draw a time in which a vehicle charges at home, where no pole counts."""
    return rng.randrange(2_000, 9_000), {"vehicle": rng.randrange(VEHICLES)}


def _rekey(rng: Random) -> _Details:
    """Draw a replugging, after which the pole has its other key and that key's flash."""
    return _replug(rng)


def _restore(rng: Random) -> _Details:
    """Draw the time between a copy of a vehicle's flash and its restoring."""
    return rng.randrange(1_000, 20_000), {"vehicle": rng.randrange(VEHICLES)}


def _wipe(rng: Random) -> _Details:
    """Draw a vehicle that loses its whole flash."""
    return 0, {"vehicle": rng.randrange(VEHICLES)}


def _pole_copy(rng: Random) -> _Details:
    """Draw the time between a copy of the pole's flash and its restoring.

    `collects`: whether the ledger pays all claims before, so that certificates say so.
    """
    return rng.randrange(1_000, 20_000), {"collects": rng.random() < 0.7}


def _pole_wipe(rng: Random) -> _Details:
    """Draw a pole that loses its whole flash."""
    return 0, {"collects": rng.random() < 0.7}


def _pilot(rng: Random) -> _Details:
    """Draw a pilot state that the pole alone reads, for a step or for a while."""
    return rng.choice((1, 1, 300)), {"state": rng.choice("AEF")}


def _stall(rng: Random) -> _Details:
    """Draw a time in which one side's loop does not run."""
    return rng.randrange(100, 1_500), {"side": _side(rng)}


# kind of event: (its weight among all kinds, a function that draws its details)
KINDS: dict[str, tuple[int, Callable[[Random], _Details]]] = {
    "frames": (6, _frames),
    "cut": (3, _cut),
    "chatter": (3, _chatter),
    "replug": (7, _replug),
    "power": (3, _power),
    "flash_cut": (4, _flash_cut),
    "flash_error": (2, _flash_error),
    "meter": (3, _meter),
    "clock": (3, _clock),
    "crash": (1, _crash),
    "stop": (2, _stop),
    "stall": (2, _stall),
    "deaf": (2, _deaf),
    "weld": (1, _weld),
    "home": (3, _home),
    "rekey": (1, _rekey),
    "restore": (1, _restore),
    "wipe": (1, _wipe),
    "pole_copy": (1, _pole_copy),
    "pole_wipe": (1, _pole_wipe),
}
# Troubles that pass while the plug stays in. A generator of its own draws these events.
PASSING: dict[str, tuple[int, Callable[[Random], _Details]]] = {"pilot": (1, _pilot)}


def _prices(rng: Random, length_ms: int) -> list[dict[str, int]]:
    """Return one price, and in four worlds of ten up to four changes of it.

    The first price is from a tiny one to a usual one, with and without rounding of each packet.
    """
    price = rng.choice((17, 99_991, 320_000, 333_333, 450_001))
    rows = [{"from_s": 0, "price_per_kwh": price}]
    if rng.random() < 0.4:
        for _ in range(rng.randrange(1, 5)):
            after_s = rng.randrange(1, max(length_ms // 1_000, 2))
            percent = rng.choice((50, 90, 110, 125))
            rows.append(
                {"from_s": START_S + after_s, "price_per_kwh": max(price * percent // 100, 1)}
            )
    by_time = {row["from_s"]: row for row in rows}
    return [by_time[from_s] for from_s in sorted(by_time)]


def _line(rng: Random) -> dict[str, Any]:
    """Draw the line of a meter, which may be slow, echo, or put stray bytes around answers."""
    if rng.random() < 0.5:
        return {}
    return {
        "baud": rng.choice((2_400, 9_600, 9_600, 19_200)),
        "turnaround_ms": rng.choice((0, 25, 38)),
        "echoes": rng.random() < 0.3,
        "before": rng.choice((b"", b"", b"\0", b"\xff", b"\1\4")),
        "behind": rng.choice((b"", b"", b"\0", b"\xff\xff")),
    }


def _fine(rng: Random) -> MeterKind:
    """Draw a meter whose register moves at once, in steps of 1 Wh at the most."""
    return MeterKind(rng.choice((1, 100, 1_000)), **_line(rng))


def _refreshed(rng: Random) -> MeterKind:
    """Draw a meter that shows new figures now and then."""
    is_declared = rng.random() < 0.7
    return MeterKind(1_000, rng.choice((300, 1_000, 1_000, 2_500)), is_declared, **_line(rng))


def _coarse(rng: Random) -> MeterKind:
    """Draw a meter with long steps."""
    step_mwh = rng.choice((10_000, 10_000, 100_000))
    return MeterKind(step_mwh, rng.choice((0, 1_000)), rng.random() < 0.7, **_line(rng))


# A function that draws a kind of meter: its weight among all kinds.
METERS: dict[Callable[[Random], MeterKind], int] = {_fine: 6, _refreshed: 2, _coarse: 1}


# How late the figures of the pole's meter are: (smooth_ms, lag_ms). Nobody declares it.
_FIGURES = ((0, 0), (0, 0), (0, 0), (200, 0), (700, 0), (0, 1_000))


def _meters(rng: Random) -> list[MeterKind]:
    """Draw the meters of the pole and of the vehicles.

    A vehicle's owner knows the own meter.
    """
    draws = rng.choices(list(METERS), list(METERS.values()), k=VEHICLES + 1)
    pole, *vehicles = [draw(rng) for draw in draws]
    smooth_ms, lag_ms = rng.choice(_FIGURES)
    return [
        replace(pole, smooth_ms=smooth_ms, lag_ms=lag_ms),
        *(replace(kind, is_declared=True) for kind in vehicles),
    ]


def _own_late_ms(kind: MeterKind, meter_ms: int) -> int:
    """Return the time by which a vehicle's meter may show energy late."""
    meter = check_meter(kind.section(meter_ms))
    return meter.refresh_ms + max(meter.interval_ms, meter.reading_ms)


def cover_mwh(packet_mwh: int, max_power_w: int, pole_meter: dict[str, Any]) -> int:
    """Return the energy that the cover of a session pays for (docs/protocol.md, section 7.2)."""
    meter = check_meter(pole_meter)
    between_ms = max(meter.interval_ms, meter.reading_ms)
    paying_mwh, jump_mwh = (
        max_power_w * flows_ms // 3_600 + 1
        for flows_ms in (between_ms + meter.reading_ms + 50, between_ms)
    )
    return max(packet_mwh, 2 * paying_mwh + jump_mwh)


def _parameters(rng: Random, length_ms: int, meters: list[MeterKind]) -> Parameters:
    """Draw the parameters of a world in which at least one packet can be paid for."""
    prices = _prices(rng, length_ms)
    highest_price = max(row["price_per_kwh"] for row in prices)
    # A packet holds a step of the pole's register, and the energy of one of its refreshes.
    max_power_w = rng.choice((7_400, 11_000, 22_000))
    packet_mwh = max(
        rng.choice((1_000, 1_000, 1_377)),
        meters[0].step_mwh,
        max_power_w * max(meters[0].refresh_ms, _LEAST_REFRESH_MS) // 3_600 + 1,
    )
    packet = -(-highest_price * packet_mwh // 1_000_000)
    meter_ms = rng.choice((100, 200))
    # A vehicle refuses a pole that does not wait, or deliver, until its own meter shows energy.
    late_ms = max(_own_late_ms(kind, meter_ms) for kind in meters[1:])
    least_mwh = cover_mwh(packet_mwh, max_power_w, meters[0].section(meter_ms))
    # What flows while packets are paid, and in an orderly stop of six seconds.
    cover, stop = (
        -(-highest_price * energy_mwh // 1_000_000) + 1
        for energy_mwh in (
            max(least_mwh, max_power_w * late_ms // 3_600),
            max_power_w * 6_000 // 3_600,
        )
    )
    # With a coarse claim unit the owner's figures may be a unit too low: the pole asks for more.
    configured = cover - 1 if highest_price < 1_000 else cover
    credit = rng.choice((0, configured, 2 * cover, cover + stop))
    prepay = rng.choice((configured, 2 * cover, cover + stop))
    near_wrap = TICKS_PERIOD - rng.randrange(1, length_ms + 60_000)
    expires_s = rng.choice((DAY_S, DAY_S, DAY_S, length_ms // 2_000 + 3, 5))
    renewed_s = rng.choice((0, 2, expires_s, DAY_S))
    # Ticks wrap in 12 days, and a distance of more than 6 days has no sign.
    parked_days = rng.choice((0,) * 12 + (4, 7, 13))
    if parked_days:
        expires_s, renewed_s = 30 * DAY_S, 0
    return Parameters(
        prices=prices,
        packet_mwh=packet_mwh,
        packet_ms=rng.choice((1_000, _LONGEST_PACKET_MS)),
        credit=credit,
        pole_prepay=rng.choice((0, prepay)) if credit else prepay,
        vehicle_prepay=max(prepay, cover) + (packet if credit == 0 else 0),
        max_power_w=max_power_w,
        pole_timeout_ms=max(
            rng.choice((1_300, 2_000, 3_000, 6_000)),
            late_ms + _LONGEST_PACKET_MS + 1 if late_ms > _QUICK_MS else 0,
        ),
        vehicle_timeout_ms=rng.choice((1_300, 2_000, 3_000)),
        retry_ms=rng.choice((100, 250)),
        meter_ms=meter_ms,
        meters=meters,
        pause_ms=rng.choice((300, 3_000, 9_000)),
        contactor_delay_ms=rng.choice((10, 30, 60)),
        budgets=[
            rng.choice((_UNLIMITED, _UNLIMITED, 60 * cover, 200 * packet + cover))
            for _ in range(VEHICLES)
        ],
        capacities=[
            rng.choice((_UNLIMITED, _UNLIMITED, 80 * cover, 300 * packet + cover))
            for _ in range(VEHICLES)
        ],
        gains_ppm=[rng.randrange(-12_000, 12_000) for _ in range(VEHICLES + 1)],
        drifts_ppm=[rng.randrange(-200, 200) for _ in range(VEHICLES + 1)],
        starts_ms=[
            rng.choice((1_000, near_wrap, rng.randrange(TICKS_PERIOD)))
            for _ in range(VEHICLES + 1)
        ],
        registers_mwh=[
            rng.choice((0, 7_000, (1 << 30) + rng.randrange(1 << 20))) for _ in range(VEHICLES + 1)
        ],
        expires_s=expires_s,
        renewed_s=renewed_s,
        blocks=rng.choice((8, 12, 16)),
        max_channels=rng.choice((2, 4, 4, 4, 4, 4)),
        parked_days=parked_days,
        max_price_per_kwh=_UNLIMITED,
    )


def _dear(rng: Random, length_ms: int, parameters: Parameters) -> Parameters:
    """Return the parameters with a time in which the price is above the owners' limit."""
    highest = max(row["price_per_kwh"] for row in parameters.prices)
    begins_s = START_S + rng.randrange(length_ms // 1_000 - 20)
    ends_s = begins_s + rng.randrange(1, 20)
    rows = [row for row in parameters.prices if not begins_s <= row["from_s"] <= ends_s]
    after = [row for row in parameters.prices if row["from_s"] <= ends_s][-1]
    rows.append({"from_s": begins_s, "price_per_kwh": highest + 1})
    rows.append({"from_s": ends_s, "price_per_kwh": after["price_per_kwh"]})
    rows.sort(key=lambda row: row["from_s"])
    return replace(parameters, prices=rows, max_price_per_kwh=highest)


def make_plan(seed: int) -> Plan:
    """Return the plan of `seed`."""
    rng = Random(seed)
    length_ms = rng.randrange(60_000, 100_000)
    # A generator of their own: the rest of a plan does not depend on them.
    meters = _meters(Random(f"meters {seed}"))
    parameters = _parameters(rng, length_ms, meters)
    kinds = list(KINDS)
    weights = [weight for weight, _ in KINDS.values()]
    events = []
    # One world in eight has no event: an error that needs no fault must show too.
    for _ in range(rng.choice((0, 4, 6, 8, 10, 12, 14, 18))):
        kind = rng.choices(kinds, weights)[0]
        for_ms, values = KINDS[kind][1](rng)
        events.append(Event(kind, rng.randrange(length_ms), for_ms, values))
    step_ms = rng.choice((25, 40, 50))
    # A generator of their own, as for the meters.
    passing = Random(f"passing {seed}")
    for kind, (_, draw) in PASSING.items():
        for _ in range(passing.choice((0, 0, 1, 2))):
            for_ms, values = draw(passing)
            events.append(Event(kind, passing.randrange(length_ms), for_ms, values))
    if passing.random() < 0.2 and not parameters.parked_days:
        parameters = _dear(passing, length_ms, parameters)
    stays_plugged = passing.random() < 0.5
    events.sort(key=lambda event: event.at_ms)
    return Plan(seed, length_ms, step_ms, parameters, tuple(events), stays_plugged)
