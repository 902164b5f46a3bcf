"""Runs checks one after the other."""

from collections.abc import Callable, Iterable

from joulestream.host_tools.board_bench.checks import CHECKS, Bench, Check
from joulestream.host_tools.board_bench.finding import FAILED, Finding
from joulestream.host_tools.errors import CommandError


def chosen(names: Iterable[str]) -> list[Check]:
    """Return the checks of these names, in the table's order; all of them for no name.

    Raises:
        CommandError: there is no such check.
    """
    names = list(names)
    known = [check.name for check in CHECKS]
    for name in names:
        if name not in known:
            raise CommandError(f"there is no check '{name}'; there are {', '.join(known)}")
    return [check for check in CHECKS if not names or check.name in names]


def run(
    bench: Bench, checks: Iterable[Check], tell: Callable[[Check, "Finding | None"], None]
) -> "list[tuple[Check, Finding]]":
    """Run checks; one that fails stops no other.

    Args:
        bench: the board and its surroundings.
        checks: the checks.
        tell: called with None before each check, and with its finding after it.
    """
    findings = []
    for check in checks:
        tell(check, None)
        try:
            finding = check.run(bench)
        except CommandError as error:
            finding = Finding(FAILED, str(error))
        tell(check, finding)
        findings.append((check, finding))
    return findings
