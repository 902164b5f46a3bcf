"""One sentence on what a firmware waits for, from its status.

Each role has a table of rows `(condition, sentence)`; the first row whose condition holds counts.
Conditions and sentences get the status. {link} and {meter} in a sentence are the ports' paths,
{pilot} is the pilot state, any other name a field of the status.
"""

from collections.abc import Callable
from typing import Any

from joulestream.runtime.pilot import is_connected, wants_power

_Status = dict[str, Any]
_Rows = tuple[tuple[Callable[[_Status], Any], str], ...]


def _is_restarting(status: _Status) -> bool:
    return bool(status["state"] == "restarting")


def _state(*names: str) -> Callable[[_Status], bool]:
    return lambda status: status["state"] in names


def _ended(status: _Status) -> bool:
    return status["state"] in ("idle", "closed") and bool(status["last_stop"])


_BACKWARD = (
    "power flows back on {meter}, or its register went back: is the meter wired backwards? Swap"
    " its line and load side, or turn the current transformer round ({why})"
)

_POLE: _Rows = (
    (_is_restarting, "restarting after {last_fault}"),
    (
        lambda status: status["contactor_alarm"],
        "waiting for a person: current through the open contactor, alarm {contactor_alarm}",
    ),
    (
        lambda status: status.get("hazard") == "DESK_LIMIT",
        "desk mode: no gate identifies itself, and the meter shows more than 60 V or 10 A, or no"
        " voltage",
    ),
    (lambda status: status.get("hazard"), "waiting until it is safe: {hazard}"),
    (
        lambda status: status["charging"] and status.get("desk_mode"),
        "charging in desk mode, at most 60 V and 10 A: {packets} packets, {energy}, {paid} paid",
    ),
    (lambda status: status["charging"], "charging: {packets} packets, {energy}, {paid} paid"),
    (_state("stopping", "receipted"), "ending the session: {last_stop}"),
    (lambda status: not is_connected(status["pilot"]), "waiting for a vehicle (pilot {pilot})"),
    (lambda status: status["meter"] == "METER_BACKWARD", _BACKWARD),
    (lambda status: status["meter"] != "GOOD", "waiting for the meter on {meter}: {why}"),
    (_ended, "waiting for a vehicle on {link}; the last session ended: {last_stop}"),
    (_state("idle", "closed"), "waiting for a vehicle on {link}"),
    (_state("greeted", "offered"), "waiting for the vehicle to accept the offer"),
    (
        lambda status: not wants_power(status["pilot"]),
        "waiting for the vehicle to want power (pilot {pilot})",
    ),
    (lambda status: True, "waiting for payment: {packets} packets, {paid} paid"),
)

_VEHICLE: _Rows = (
    (_is_restarting, "restarting after {last_fault}"),
    (_state("stopping", "receipted"), "ending the session: {last_stop}"),
    (lambda status: not is_connected(status["pilot"]), "waiting for a pole (pilot {pilot})"),
    (_ended, "waiting for a pole on {link}; the last session ended: {last_stop}"),
    (
        lambda status: status["why"] == "METER_BACKWARD",
        _BACKWARD,
    ),
    (
        lambda status: status["why"].startswith("METER_"),
        "waiting for the meter on {meter}: {why}",
    ),
    (_state("idle", "closed", "greeted"), "waiting for a pole on {link}"),
    (_state("offered", "accepted"), "waiting for the first invoice"),
    (lambda status: True, "charging: {packets} packets, {energy}, {signed} signed"),
)

_TABLES = {"pole": _POLE, "vehicle": _VEHICLE}


def describe(role: str, status: _Status, ports: dict[str, str], pilot: str) -> str:
    """Return what the firmware does or waits for now.

    Args:
        role: "pole" or "vehicle".
        status: the firmware's status; empty before the first.
        ports: the paths of its ports by name.
        pilot: the pilot state that it is given.
    """
    if not status:
        return "starting"
    known = {"packets": 0, "paid": 0, "signed": 0, **status, "pilot": pilot}
    known["energy"] = f"{known.get('energy_mwh', 0) / 1_000_000:.3f} kWh"
    sentence = next(text for holds, text in _TABLES[role] if holds(known))
    names = {"link": ports.get("link", "-"), "meter": ports.get("meter", "-")}
    # The pole's status has a field `meter` too: its judgement, which sentences show as {why}.
    return sentence.format(**{**known, **names, "why": _reason(role, known)})


def _reason(role: str, status: _Status) -> Any:
    return status["meter"] if role == "pole" else status["why"]
