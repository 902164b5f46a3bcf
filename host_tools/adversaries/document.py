"""The table of all liars, as docs/security.md shows it.

    python -m joulestream.host_tools.adversaries.document [--check]

Writes the table; with --check it only tells whether it is up to date.
"""

import sys
from pathlib import Path

from joulestream.host_tools.adversaries.registry import LIARS
from joulestream.host_tools.documents import write_between_marks
from joulestream.host_tools.layout import ROOT

DOCUMENT = ROOT / "docs" / "security.md"
MARK = "liars"


def table() -> str:
    """Return all liars as a Markdown table, and why some may gain more than a packet."""
    lines = [
        "| liar | who | what it does | what the honest side does | gains at most, packets |",
        "| --- | --- | --- | --- | --- |",
    ]
    notes: list[str] = []
    for liar in LIARS:
        most = f"{liar.most:.2f}"
        if liar.reason:
            notes.append(f"{len(notes) + 1}. The {liar.role} that {liar.name}: {liar.reason}.")
            most += f" ({len(notes)})"
        lines.append(f"| {liar.name} | {liar.role} | {liar.lie} | {liar.answer} | {most} |")
    return "\n".join([*lines, "", "Above one packet, because:", "", *notes])


def main() -> int:
    """Write the table, or check it; return 1 when it is out of date."""
    before = DOCUMENT.read_text()
    write_between_marks(DOCUMENT, table(), MARK)
    if "--check" not in sys.argv[1:] or DOCUMENT.read_text() == before:
        return 0
    DOCUMENT.write_text(before)
    print(f"{DOCUMENT.name} is out of date: run {Path(__file__).name}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
