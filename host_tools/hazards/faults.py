"""The table of faults: how each is brought about, when it shows, and its name on the pole."""

from collections.abc import Callable
from typing import NamedTuple

from joulestream.host_tools.hazards.plant import Bench
from joulestream.pole.charger import FEEDBACK_MS, OVER_CURRENT_MS
from joulestream.pole.contactor import ORDERLY_STOP_MS

# From a new figure of the meter to the reading that brings it: an interval and an answer.
READING_MS = 300
# The loop reads limits, and whether a gate is there, so often.
LIMITS_MS = 100
_LOOP = ("LOOP_GIVEN_UP",)
# The gate's comparator opens the contacts, and the auxiliary contact shows it.
GATE_OPENS_MS = 40
_INPUT, _VEHICLE, _HEAT, _GRID, _FEEDBACK, _METER = (
    "input",
    "vehicle",
    "heat",
    "grid",
    "feedback",
    "meter",
)
# Only the auxiliary contact tells the board that the coil has fallen off.
_GATE_OPENED = ("coil broken", "pilot input stuck in C, vehicle gone")
# A board that fails in its last act: nobody is left to tell, and the gate opens.
_NOBODY: tuple[str, ...] = ()


class Fault(NamedTuple):
    """One fault.

    Attributes:
        name: a few words.
        happen: brings it about on a bench that charges.
        reasons: the names that the pole shows for it; one of them will do. Empty: none.
        shows_ms: the time until its part tells it: a timeout, a period of grace, an orderly stop.
        ends: whether it ends the heartbeat by itself. Others show only while the contactor opens.
        part: the broken part, in words. Two faults of one part cannot be there at a time. "": a
            part of its own.
        hides: the names of faults that the pole cannot see behind this one.
        hidden_ms: the time until this fault shows behind one that hides it; None: only when the
            contactor opens.
    """

    name: str
    happen: Callable[[Bench], object]
    reasons: tuple[str, ...]
    shows_ms: int = 0
    ends: bool = True
    part: str = ""
    hides: tuple[str, ...] = ()
    hidden_ms: int | None = None


def _set(**values: object) -> Callable[[Bench], None]:
    """Return a function that sets attributes of the plant."""

    def happen(bench: Bench) -> None:
        for name, value in values.items():
            setattr(bench.plant, name, value)

    return happen


def _raise(*names: str) -> Callable[[Bench], None]:
    return lambda bench: bench.plant.raising.update(names)


def _meter(fault: str) -> Callable[[Bench], None]:
    return lambda bench: bench.meter.set_fault(fault)


def _unplug(bench: Bench) -> None:
    bench.plant.follows_duty = False
    bench.plant.vehicle = "A"


def _say(state: str) -> Callable[[Bench], None]:
    """Return a function that lets the vehicle show a state, whatever the duty is."""
    return _set(follows_duty=False, vehicle=state)


def _stick_and_unplug(bench: Bench) -> None:
    """The pilot's input sticks in state C; then the vehicle leaves, and its link with it."""
    bench.plant.stuck_mv = 6_000
    _unplug(bench)
    _cut(bench)


def _cut(bench: Bench) -> None:
    """Cut the link both ways."""
    bench.is_cut = True


def _draw(power_mw: int) -> Callable[[Bench], None]:
    def happen(bench: Bench) -> None:
        bench.outlet.power_mw = power_mw

    return happen


def _ignore_limit(bench: Bench) -> None:
    """The grid operator lowers the current, and the vehicle goes on drawing 15.9 A."""
    bench.plant.grid = 8_000


def _line_fails(name: str) -> Callable[[Bench], None]:
    """Return a function that lets a UART raise."""

    def fail(*arguments: object) -> int:
        raise OSError(5, f"the UART {name} fails")

    def happen(bench: Bench) -> None:
        port = bench.meter if name == "meter" else bench.link
        port.readinto = port.write = fail  # type: ignore[method-assign, assignment]

    return happen


def _flash_fails(bench: Bench) -> None:
    def fail(*arguments: object) -> object:
        raise OSError(5, "the flash fails")

    bench.world.pole_flash.ioctl = fail
    bench.world.pole_flash.writeblocks = fail


def _hang(bench: Bench) -> None:
    bench.hangs = True


def _collect(bench: Bench) -> None:
    bench.plant.stall_ms = 300


def _erase(bench: Bench) -> None:
    bench.idle_stall_ms = 400


def _stop_paying(bench: Bench) -> None:
    bench.paying = False


METER_TIMEOUT_MS = 1_000
LINK_TIMEOUT_MS = 2_000

FAULTS = (
    Fault("pilot shorted to earth", _set(shorted=True), ("PILOT_SHORTED",)),
    Fault("pilot input stuck low", _set(stuck_mv=0), ("PILOT_SHORTED",), part=_INPUT),
    Fault("pilot input stuck high", _set(stuck_mv=15_000), ("PILOT_SHORTED",), part=_INPUT),
    Fault(
        "pilot input stuck in C",
        _set(stuck_mv=6_000),
        ("PILOT_FAULTY", "CONTACTOR_STUCK"),
        ends=False,
        part=_INPUT,
        hides=("state D without ventilation",),
    ),
    Fault(
        "pilot input stuck in C, vehicle gone",
        _stick_and_unplug,
        ("CONTACTOR_STUCK", "PILOT_FAULTY", "LINK_TIMEOUT"),
        GATE_OPENS_MS,
        part=f"{_INPUT} {_VEHICLE}",
        hidden_ms=LINK_TIMEOUT_MS,
    ),
    Fault("diode missing", _set(has_diode=False), ("PILOT_FAULTY",)),
    Fault("vehicle unplugged", _unplug, ("UNPLUGGED",), GATE_OPENS_MS, part=_VEHICLE),
    Fault(
        "vehicle in state B",
        _say("B"),
        ("VEHICLE_NOT_READY",),
        GATE_OPENS_MS,
        part=_VEHICLE,
    ),
    Fault("state D without ventilation", _say("D"), ("VENTILATION_MISSING",), part=_VEHICLE),
    Fault("residual current", _set(trip=True), ("RESIDUAL_CURRENT",)),
    Fault("emergency stop", _set(emergency=True), ("EMERGENCY_STOP",)),
    Fault("too hot", _set(celsius=86), ("OVER_TEMPERATURE",), part=_HEAT),
    Fault("temperature sensor broken", _set(celsius=200), ("OVER_TEMPERATURE",), part=_HEAT),
    Fault(
        "warm: no current allowed",
        _set(celsius=80),
        ("TEMPERATURE",),
        LIMITS_MS + ORDERLY_STOP_MS,
        part=_HEAT,
    ),
    Fault("cable's resistor gone", _set(cable=0), ("CABLE",), LIMITS_MS + ORDERLY_STOP_MS),
    Fault(
        "no current from the grid",
        _set(grid=0),
        ("GRID_OPERATOR",),
        LIMITS_MS + ORDERLY_STOP_MS,
        part=_GRID,
    ),
    Fault(
        "vehicle ignores a limit",
        _ignore_limit,
        ("OVER_CURRENT",),
        LIMITS_MS + OVER_CURRENT_MS,
        part=_GRID,
    ),
    Fault("over-current", _draw(16_000_000), ("OVER_CURRENT", "METER_JUMP"), READING_MS),
    Fault("feedback stuck open", _set(feedback=False), ("CONTACTOR_STUCK",), part=_FEEDBACK),
    Fault(
        "feedback stuck closed",
        _set(feedback=True),
        ("CONTACTOR_WELDED",),
        ends=False,
        part=_FEEDBACK,
        hides=_GATE_OPENED,
    ),
    Fault(
        "contacts welded",
        _set(welded=True),
        ("CONTACTOR_WELDED",),
        ends=False,
        hides=_GATE_OPENED,
    ),
    Fault("coil broken", _set(coil_broken=True), ("CONTACTOR_STUCK",), FEEDBACK_MS),
    Fault("gate no longer identified", _set(gate_name=None), ("DESK_LIMIT",), LIMITS_MS),
    Fault(
        "meter silent",
        _meter("silent"),
        ("METER_SILENT", "METER_STALE"),
        METER_TIMEOUT_MS + READING_MS,
        part=_METER,
        hides=("over-current",),
    ),
    Fault(
        "meter damaged",
        _meter("damaged"),
        ("METER_STALE", "METER_SILENT"),
        METER_TIMEOUT_MS + READING_MS,
        part=_METER,
        hides=("over-current",),
    ),
    Fault("meter backward", _meter("backward"), ("METER_BACKWARD",), READING_MS, part=_METER),
    Fault("meter's UART fails", _line_fails("meter"), _LOOP, READING_MS),
    Fault("link lost", _cut, ("LINK_TIMEOUT", "PAYMENT_TIMEOUT"), LINK_TIMEOUT_MS),
    Fault("link's UART fails", _line_fails("link"), _LOOP),
    Fault(
        "no more payments",
        _stop_paying,
        ("PAYMENT_TIMEOUT", "LINK_TIMEOUT", "WAITING_FOR_PAYMENT"),
        LINK_TIMEOUT_MS + ORDERLY_STOP_MS,
    ),
    Fault("flash fails", _flash_fails, ("STORE_FAILED", *_LOOP), LINK_TIMEOUT_MS),
    Fault("reading the pilot raises", _raise("pilot_state"), _LOOP),
    Fault("reading the hazards raises", _raise("hazard"), _LOOP),
    Fault("reading the feedback raises", _raise("contactor_feedback"), _LOOP),
    Fault("reading the device raises", _raise("residual_tripped"), _LOOP),
    Fault("reading the temperature raises", _raise("temperature_c"), _LOOP),
    Fault("reading the cable raises", _raise("cable_ma"), _LOOP, LIMITS_MS),
    Fault("closing raises", _raise("contactor(True)"), _LOOP),
    Fault("both levels raise", _raise("contactor"), _NOBODY),
    Fault("the watchdog raises", _raise("feed_watchdog"), _NOBODY),
    Fault("pilot's output raises", _raise("pause", "pilot_off"), _LOOP, ends=False),
    Fault("the loop hangs", _hang, _NOBODY),
    Fault("collection of 300 ms", _collect, _NOBODY, ends=False),
    Fault("erase of 400 ms", _erase, _NOBODY, ends=False),
)
