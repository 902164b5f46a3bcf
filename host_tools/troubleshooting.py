"""The first remedy for each reason code: docs/troubleshooting.md, and the advice of commands.

The reasons are those of `joulestream.errors`; `why` in a status has their names. The meanings
stand in docs/protocol.md, section 9. A row here says where to look first.
"""

import re
from pathlib import Path
from typing import NamedTuple

from joulestream import errors
from joulestream.host_tools.documents import write_between_marks
from joulestream.host_tools.layout import ROOT

_CODES = range(1, 256)


class Remedy(NamedTuple):
    """A remedy.

    Attributes:
        side: the side that acts: "pole", "vehicle", "both" or "nobody".
        do: the first thing to do, as one sentence.
    """

    side: str
    do: str


_RENEW = (
    "Get a new certificate from the issuer, and give it to the vehicle with `joulestream wallet`."
)
_MONEY = "Top the channel up at the ledger, and give the vehicle the new certificate."
_BUG = "Collect both sides' status with `joulestream monitor --json`, and report it."
_METER_LINE = (
    "Check the meter's wires A and B, its supply and the termination; then"
    " `joulestream bench meter --probe` finds baud, parity and unit."
)

# Status words that are no reason codes.
STATES = {
    "CHARGING": Remedy("nobody", "Current flows."),
    "IDLE": Remedy("nobody", "The pole waits for a vehicle."),
    "WAITING_FOR_PAYMENT": Remedy(
        "vehicle", "Look at the vehicle's status: it has not paid the last invoice yet."
    ),
    "CONTACTOR_RESTS": Remedy(
        "nobody", "Wait: the contactor rests after an opening, for up to two minutes."
    ),
    "RESIDUAL_TEST": Remedy("nobody", "Wait: the residual-current device tests itself."),
    "WAKING_VEHICLE": Remedy("nobody", "Wait: the pole wakes a vehicle that sleeps."),
    "RESTING_AFTER_FAULT": Remedy("nobody", "Wait 30 s: the pole rests after a fault."),
    "VENTILATION_MISSING": Remedy(
        "pole", "The vehicle asks for ventilation: configure `ventilation` if there is some."
    ),
    "VEHICLE_NOT_READY": Remedy(
        "vehicle", "The vehicle does not ask for power: unlock it, and look at its own display."
    ),
}

REMEDIES = {
    errors.OWNER_STOP: Remedy("nobody", "Nothing: the owner stopped the session."),
    errors.ENERGY_REACHED: Remedy("nobody", "Nothing: the vehicle has all that it wanted."),
    errors.BUDGET_EXHAUSTED: Remedy(
        "vehicle", "Raise `budget`, or name a new `budget_period`, in the vehicle's configuration."
    ),
    errors.CAPACITY_EXHAUSTED: Remedy("vehicle", _MONEY),
    errors.UNPLUGGED: Remedy("nobody", "Nothing: the plug was pulled; plug it in again."),
    errors.LINK_TIMEOUT: Remedy(
        "both", "Check the link's wires and ground; then `joulestream bench run link`."
    ),
    errors.PAYMENT_TIMEOUT: Remedy(
        "vehicle", "Look at the vehicle's status: its meter, its budget or its storage held it up."
    ),
    errors.RESTARTED: Remedy(
        "both", "Look for `recorded_fault` in the status, and at the supply of the board."
    ),
    errors.UNKNOWN_VERSION: Remedy("both", "Update the older of the two firmwares."),
    errors.UNEXPECTED_MESSAGE: Remedy("both", _BUG),
    errors.BAD_FIELD: Remedy("both", _BUG),
    errors.CERTIFICATE_FORGED: Remedy("vehicle", _RENEW),
    errors.CERTIFICATE_EXPIRED: Remedy("vehicle", _RENEW),
    errors.CERTIFICATE_WINDOW: Remedy("vehicle", _RENEW),
    errors.WRONG_CHANNEL: Remedy("vehicle", _RENEW),
    errors.WRONG_PAYEE: Remedy(
        "vehicle", "Open a channel that pays this pole: its key stands in the pole's status."
    ),
    errors.WRONG_LEDGER: Remedy(
        "both", "Open a channel on a ledger and asset that the pole's `issuers` name."
    ),
    errors.UNTRUSTED_ISSUER: Remedy(
        "pole", "Add the issuer's key to `issuers` in the pole's configuration, if you trust it."
    ),
    errors.ISSUER_LIMIT: Remedy(
        "pole", "Collect and settle the claims of this issuer, or raise its `limit`."
    ),
    errors.BAD_PROOF: Remedy(
        "vehicle", "Check that certificate and key of the vehicle belong together."
    ),
    errors.TIME_UNKNOWN: Remedy(
        "pole", "Give the pole the time: a real-time clock, a network, or `joulestream collect`."
    ),
    errors.BAD_TIME: Remedy("both", "Set the clock of the side that shows a wrong time."),
    errors.PREPAY_TOO_SMALL: Remedy(
        "vehicle", "Raise the vehicle's `prepay`; docs/configuration.md has the figures that fit."
    ),
    errors.CHANNELS_FULL: Remedy("pole", "Collect and settle: paid channels make room."),
    errors.CERTIFICATE_OLD: Remedy("vehicle", _RENEW),
    errors.CAPACITY_TOO_SMALL: Remedy(
        "vehicle", "Open a channel with a larger deposit, or lower the pole's `min_capacity`."
    ),
    errors.BAD_SIGNATURE: Remedy(
        "both", "Run `joulestream bench run signatures`, then check the keys of both sides."
    ),
    errors.AMOUNT_SHRINKS: Remedy(
        "vehicle",
        "Was an old copy of the vehicle restored? Start the session anew; else report it.",
    ),
    errors.OVER_CAPACITY: Remedy("vehicle", _MONEY),
    errors.UNDERPAID: Remedy("both", _BUG),
    errors.PRICE_TOO_HIGH: Remedy(
        "vehicle", "Raise the vehicle's `max_price_per_kwh`, or charge elsewhere."
    ),
    errors.TARIFF_REFUSED: Remedy(
        "vehicle", "The new price was above the vehicle's limit, or came at the link's end."
    ),
    errors.OVERBILLED: Remedy(
        "both", "Compare both meters with `joulestream bench run meter`: one of them is wrong."
    ),
    errors.WRONG_AMOUNT: Remedy("pole", _BUG),
    errors.CARRIED_DEBT: Remedy(
        "vehicle", "Decide on the debt with `joulestream wallet`: pay it or leave it."
    ),
    errors.NO_CHANNEL: Remedy("vehicle", "Open a channel that pays this pole."),
    errors.WALLET_UNABLE: Remedy(
        "vehicle", "Look at the vehicle's storage: `journal_bad_blocks` and `board_fault`."
    ),
    errors.POLE_TOO_COARSE: Remedy(
        "pole", "Raise `packet_energy_mwh` above the meter's step, or take a finer meter."
    ),
    errors.POLE_TOO_SLOW: Remedy(
        "both", "Raise `link_timeout_ms` of both sides, or shorten `packet_ms`."
    ),
    errors.METER_SILENT: Remedy("both", _METER_LINE),
    errors.METER_STALE: Remedy("both", _METER_LINE),
    errors.METER_FROZEN: Remedy(
        "both",
        "Check that the meter is in the circuit that charges, and its declared `refresh_ms`.",
    ),
    errors.METER_BACKWARD: Remedy(
        "both", "Swap the meter's line and load sides: it counts as export what is delivered."
    ),
    errors.METER_JUMP: Remedy(
        "both", "Check the model in `meter.model`, and that no other device has the same unit."
    ),
    errors.METER_OUT_OF_RANGE: Remedy(
        "both", "Check the model in `meter.model` with `joulestream bench meter --probe`."
    ),
    errors.CONTACTOR_WELDED: Remedy(
        "pole",
        "Switch the mains off and test the contacts; then write the alarm's number into"
        " `contactor_checked`.",
    ),
    errors.CONTACTOR_STUCK: Remedy(
        "pole",
        "Check the coil's supply, the gate and FEEDBACK; then `joulestream bench run gate`.",
    ),
    errors.RESIDUAL_CURRENT: Remedy(
        "pole", "Unplug, look for a fault to earth in vehicle and cable, and plug in again."
    ),
    errors.RESIDUAL_TEST_FAILED: Remedy(
        "pole", "Check the test input of the residual-current device; replace it if that is right."
    ),
    errors.PILOT_SHORTED: Remedy("both", "Look for a short circuit of the pilot to earth."),
    errors.PILOT_FAULTY: Remedy(
        "both", "Check the diode behind the pilot, and the pole's pilot driver and input."
    ),
    errors.OVER_CURRENT: Remedy(
        "vehicle", "The vehicle draws more than the pilot allows: limit it, or repair its charger."
    ),
    errors.OVER_TEMPERATURE: Remedy(
        "pole", "Let it cool; check terminals and fan, or lower the limit of the pole."
    ),
    errors.EMERGENCY_STOP: Remedy("pole", "Release the emergency stop when it is safe to do so."),
    errors.DESK_LIMIT: Remedy(
        "pole", "No gate is identified: charge below 60 V and 10 A only, or wire the gate."
    ),
    errors.CONFIGURATION: Remedy("both", "The REPL names the field of the configuration to mend."),
    errors.STORE_FAILED: Remedy(
        "pole", "Look at the pole's storage: `journal_bad_blocks` and `board_fault`."
    ),
    errors.INTERNAL: Remedy("both", _BUG),
    errors.MEMORY_LOW: Remedy(
        "both", "Use a frozen image, or a board with more memory; docs/hardware.md tells which."
    ),
}


def codes() -> list[int]:
    """Return all reason codes that have a name."""
    return [code for code in _CODES if not errors.reason_name(code).startswith("REASON_")]


def advice(name: str) -> str:
    """Return the remedy for the reason or state of this name; "" for an unknown one."""
    if name in STATES:
        return STATES[name].do
    for code in codes():
        if errors.reason_name(code) == name:
            return REMEDIES[code].do
    return ""


def table() -> str:
    """Return the table of docs/troubleshooting.md."""
    meanings = _meanings()
    rows = [
        "| why | meaning | side | first remedy |",
        "| --- | --- | --- | --- |",
        *(f"| {name} | - | {remedy.side} | {remedy.do} |" for name, remedy in STATES.items()),
    ]
    for code in codes():
        remedy = REMEDIES[code]
        name = errors.reason_name(code)
        rows.append(f"| {name} | {meanings[code]} | {remedy.side} | {remedy.do} |")
    return "\n".join(rows)


def _meanings() -> dict[int, str]:
    """Return the meaning of each code, of docs/protocol.md."""
    page = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    section = page.partition("\n## 9. Reasons")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \| [A-Z_]+ \| (.*) \|$", section, re.MULTILINE)
    return {int(code): meaning for code, meaning in rows}


def write(page: Path = ROOT / "docs" / "troubleshooting.md") -> None:
    """Write the table into the document."""
    write_between_marks(page, table(), "reasons")
