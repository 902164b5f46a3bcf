"""Writes the table of all liars into docs/security.md.

    python -m joulestream.host_tools.adversaries.document [--check]

With --check the page stays as it is, and the exit status is 1 if its table is out of date.
"""

import sys
from pathlib import Path

from joulestream.host_tools.adversaries.registry import LIARS
from joulestream.host_tools.documents import keep_written, write_between_marks
from joulestream.host_tools.layout import ROOT

DOCUMENT = ROOT / "docs" / "security.md"
MARK = "liars"


def table() -> str:
    """Return all liars as a Markdown table, with the reasons for gains above one packet."""
    lines = [
        "| liar | side | lie | answer of the honest side | gains at most, packets |",
        "| --- | --- | --- | --- | --- |",
    ]
    notes: list[str] = []
    for liar in LIARS:
        gain = f"{liar.max_gain:.2f}"
        if liar.reason:
            notes.append(f"{len(notes) + 1}. The {liar.role} that {liar.name}: {liar.reason}.")
            gain += f" ({len(notes)})"
        lines.append(f"| {liar.name} | {liar.role} | {liar.lie} | {liar.answer} | {gain} |")
    return "\n".join([*lines, "", "Reasons for gains above one packet:", "", *notes])


def write(page: Path = DOCUMENT) -> None:
    """Write the table into the document."""
    write_between_marks(page, table(), MARK)


if __name__ == "__main__":
    sys.exit(keep_written([DOCUMENT], write, sys.argv[1:], Path(__file__).name))
