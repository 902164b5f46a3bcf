"""The table of docs/troubleshooting.md: each reason of a firmware's status, and the remedy."""

from pathlib import Path

from joulestream.host_tools.documents import write_between_marks
from joulestream.host_tools.layout import ROOT
from joulestream.host_tools.reason_words import WORDS


def table() -> str:
    """Return the table."""
    rows = ["| `why` | meaning | first remedy |", "| --- | --- | --- |"]
    for name, (state, remedy) in WORDS.items():
        rows.append(f"| {name} | {state} | {remedy or '-'} |")
    return "\n".join(rows)


def write(page: Path = ROOT / "docs" / "troubleshooting.md") -> None:
    """Write the table into the document."""
    write_between_marks(page, table(), "reasons")
