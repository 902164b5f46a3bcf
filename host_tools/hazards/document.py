"""Writes the table of the charger's states into docs/charging.md.

    python -m joulestream.host_tools.hazards.document [--check]

With --check the page stays as it is, and the exit status is 1 if its table is out of date.
"""

import sys
from pathlib import Path

from joulestream.host_tools.documents import keep_written, write_between_marks
from joulestream.host_tools.layout import ROOT
from joulestream.pole import charger

DOCUMENT = ROOT / "docs" / "charging.md"
MARK = "states"
_PILOTS = {charger.STEADY: "100 %", charger.DUTY: "duty", charger.OFF: "-12 V"}
_WORDS = {
    charger.FAULT: "fault",
    charger.AWAY: "away",
    charger.PLUG: "vehicle",
    charger.CALM: "calm",
    charger.WANTS: "wants power",
    charger.UNPAID: "unpaid",
    charger.PAID: "paid",
    charger.PAUSE: "pause",
    charger.DUE: "test due",
    charger.DONE: "tested",
    charger.MAY: "may close",
    charger.OVER: "time over",
}


def table() -> str:
    """Return the states as a Markdown table."""
    lines = ["| state | pilot | coil | next state |", "| --- | --- | --- | --- |"]
    for state, name in enumerate(charger.STATE_NAMES):
        rows = []
        for bits, following in charger.TRANSITIONS[state]:
            words = " and ".join(word for bit, word in _WORDS.items() if bits & bit)
            rows.append(f"{words}: {charger.STATE_NAMES[following]}")
        coil = "driven" if charger.COILS[state] else "-"
        pilot = _PILOTS[charger.PILOTS[state]]
        lines.append(f"| {name} | {pilot} | {coil} | {'; '.join(rows)} |")
    return "\n".join(lines)


def write(page: Path = DOCUMENT) -> None:
    """Write the table into the document."""
    write_between_marks(page, table(), MARK)


if __name__ == "__main__":
    sys.exit(keep_written([DOCUMENT], write, sys.argv[1:], Path(__file__).name))
