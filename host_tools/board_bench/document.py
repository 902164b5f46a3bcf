"""The table of checks in docs/bench.md."""

from pathlib import Path

from joulestream.host_tools.board_bench.checks import CHECKS
from joulestream.host_tools.documents import write_between_marks


def table() -> str:
    """Return the table."""
    rows = [
        f"| `{check.name}` | {check.title} | {check.wiring} | {check.must} ({check.unit}) |"
        for check in CHECKS
    ]
    head = ["| check | subject | wire | must |", "| --- | --- | --- | --- |"]
    return "\n".join(head + rows)


def write(page: Path) -> None:
    """Write the table into the document."""
    write_between_marks(page, table(), "checks")
