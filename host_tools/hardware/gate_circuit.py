"""The figures of the discrete gate: its times and thresholds in every corner of its tolerances.

The values come from docs/bill-of-materials.toml; docs/gate.md shows the circuit and this table.

    HEARTBEAT -R1-C1- Schmitt -+- R2-C2 Schmitt -+- XOR - driver -C3-R3-+-D2-+- C4 R4 -> compared
                               +-----------------+      |              D1   (held)
                                                        +- R7-C5 (rate) ----------------> compared
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from joulestream.host_tools.hardware.materials import gate_parts

# Of a 74HC14 at 3.3 V: the extreme pairs of its rising and its falling threshold in V, at least
# 0.3 V apart. Between the rows for 2.0 V and 4.5 V of Nexperia's datasheet.
LOGIC_V = 3.3
THRESHOLDS_V = ((1.2, 0.6), (1.2, 0.9), (1.8, 1.5), (2.4, 0.6), (2.4, 1.5))
# The supply of driver and comparators; their thresholds are parts of it.
SUPPLY_V = (11.4, 12.6)
# D2, a 1N3595, at the end of a charging pulse, from 70 to -25 degC, in V; its leakage and that of
# the board around it, in A. The diode's own is 1 nA at 25 degC and doubles in 10 degC.
DIODE_V = (0.3, 0.75)
# The voltage of C3 before a pulse: 0 at first; later that of D1, a Schottky diode, or less.
COUPLING_V = (0.0, 0.45)
LEAKAGE_A = (0.0, 1e-7)
# Of a TLC393.
OFFSET_V = (-0.007, 0.007)
# The driver's own resistance, TC4427 at its hottest, in ohm.
DRIVER_OHM = 15.0


@dataclass(frozen=True)
class Corner:
    """One set of values within all tolerances; names as in the drawing, in ohm, farad and volt."""

    r1: float
    c1: float
    r2: float
    c2: float
    r3: float
    r4: float
    c4: float
    c3: float
    hold_ratio: float
    rate_ratio: float
    rising_v: float
    falling_v: float
    supply_v: float
    diode_v: float
    coupling_v: float
    leakage_a: float
    offset_v: float
    driver_ohm: float

    @property
    def full_v(self) -> float:
        """The voltage of C4 after a pulse that follows a pulse."""
        return self.supply_v - self.diode_v - self.coupling_v

    @property
    def hold_v(self) -> float:
        """The voltage of C4 at which the comparator opens."""
        return self.supply_v * self.hold_ratio + self.offset_v

    def pulse_s(self, *, rising: bool) -> float:
        """Return the width of the XOR's pulse after an edge of the heartbeat."""
        start_v, end_v = (LOGIC_V, self.falling_v) if rising else (0.0, self.rising_v)
        goal_v = LOGIC_V - start_v
        return self.r2 * self.c2 * math.log((start_v - goal_v) / (end_v - goal_v))

    def charged_v(self, before_v: float) -> float:
        """Return the voltage of C4 after one pulse, the narrower one, from `before_v` on."""
        pulse_s = min(self.pulse_s(rising=True), self.pulse_s(rising=False))
        # The charge that C4 takes is missing in C3.
        goal_v = (self.full_v + before_v * self.c4 / self.c3) / (1 + self.c4 / self.c3)
        missing = math.exp(-pulse_s / ((self.r3 + self.driver_ohm) * self.c4))
        return goal_v - (goal_v - before_v) * missing

    def hold_s(self, start_v: float) -> float:
        """Return the time from a pulse that left `start_v` until the comparator opens."""
        end_v = -self.leakage_a * self.r4
        return self.r4 * self.c4 * math.log((start_v - end_v) / (self.hold_v - end_v))

    def least_hold_s(self) -> float:
        """Return the hold time after a single pulse that follows a silence of nearly that time."""
        return self.hold_s(self.charged_v(self.hold_v))

    def edge_s(self) -> float:
        """Return the longest time from an edge to the end of its pulse."""
        low_pass_s = (
            self.r1
            * self.c1
            * max(
                math.log(LOGIC_V / (LOGIC_V - self.rising_v)), math.log(LOGIC_V / self.falling_v)
            )
        )
        return low_pass_s + max(self.pulse_s(rising=True), self.pulse_s(rising=False))

    def most_hold_s(self) -> float:
        """Return the time from an edge after many others until the comparator opens."""
        return self.edge_s() + self.hold_s(self.full_v)

    def fastest_hz(self) -> float:
        """Return the number of edges a second above which the rate's comparator opens."""
        mean_s = (self.pulse_s(rising=True) + self.pulse_s(rising=False)) / 2
        return self.rate_ratio / mean_s

    def slowest_half_period_s(self) -> float:
        """Return the half period of the heartbeat that R1 and C1 surely let through."""
        # The level swings to 1 / (1 + exp(-t / RC)) of the supply; it has to pass both thresholds.
        top = max(self.rising_v, LOGIC_V - self.falling_v) / LOGIC_V
        return self.r1 * self.c1 * math.log(top / (1 - top))


def _bounds(*refs: str) -> list[tuple[float, float]]:
    parts = gate_parts()
    return [
        (
            parts[ref].number * (1 - parts[ref].tolerance),
            parts[ref].number * (1 + parts[ref].tolerance),
        )
        for ref in refs
    ]


def _ratio(upper: str, lower: str) -> tuple[float, float]:
    """Return the least and the most of a divider's ratio."""
    (low_u, high_u), (low_l, high_l) = _bounds(upper, lower)
    return low_l / (low_l + high_u), high_l / (high_l + low_u)


def corners() -> Iterator[Corner]:
    """Yield every corner of the values that the hold time and the rate depend on."""
    r1, c1, r2, c2, r3, r4, c4, c3 = _bounds("R1", "C1", "R2", "C2", "R3", "R4", "C4", "C3")
    free = {
        "c2": c2,
        "r4": r4,
        "c4": c4,
        "hold_ratio": _ratio("R5", "R6"),
        "rate_ratio": _ratio("R8", "R9"),
        "supply_v": SUPPLY_V,
        "diode_v": DIODE_V,
        "coupling_v": COUPLING_V,
        "leakage_a": LEAKAGE_A,
        "offset_v": OFFSET_V,
    }
    for rising_v, falling_v in THRESHOLDS_V:
        for values in itertools.product(*free.values()):
            yield Corner(
                r1=r1[1],
                c1=c1[1],
                r2=r2[1],
                r3=r3[1],
                c3=c3[0],
                driver_ohm=DRIVER_OHM,
                rising_v=rising_v,
                falling_v=falling_v,
                **dict(zip(free, values, strict=True)),
            )


@dataclass(frozen=True)
class Figures:
    """The worst cases over all corners."""

    least_hold_ms: int
    most_hold_ms: int
    slowest_refused_hz: int
    fastest_taken_hz: int
    least_half_period_ms: float


def figures() -> Figures:
    """Return the worst cases over all corners, rounded to the unsafe side."""
    found = list(corners())
    return Figures(
        least_hold_ms=math.floor(1_000 * min(corner.least_hold_s() for corner in found)),
        most_hold_ms=math.ceil(1_000 * max(corner.most_hold_s() for corner in found)),
        slowest_refused_hz=math.floor(min(corner.fastest_hz() for corner in found)),
        fastest_taken_hz=math.ceil(max(corner.fastest_hz() for corner in found)),
        least_half_period_ms=round(
            1_000 * max(corner.slowest_half_period_s() for corner in found), 2
        ),
    )


def table() -> str:
    """Return the figures as a Markdown table."""
    found = figures()
    rows = {
        "opens after the last edge, at the earliest, ms": found.least_hold_ms,
        "opens after the last edge, at the latest, ms": found.most_hold_ms,
        "edges a second that are surely taken": found.slowest_refused_hz,
        "edges a second that are surely too many": found.fastest_taken_hz,
        "time between two edges that R1 and C1 surely pass, ms": found.least_half_period_ms,
    }
    lines = ["| figure | worst case |", "| --- | --- |"]
    lines += [f"| {name} | {value} |" for name, value in rows.items()]
    return "\n".join(lines)
