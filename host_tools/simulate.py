"""`joulestream simulate`: both firmwares through lost frames, power cuts and failing parts."""

import json as json_module
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from joulestream.host_tools.simulation.campaign import (
    Outcome,
    Totals,
    load_totals,
    play,
    run_campaign,
    save_totals,
    shorten,
)
from joulestream.host_tools.simulation.plan import make_plan

_REPORT_EVERY_S = 10.0


def _numbers(text: str) -> frozenset[int]:
    try:
        return frozenset(int(word) for word in text.split(",") if word)
    except ValueError:
        raise typer.BadParameter("give numbers of events, separated by commas") from None


def _tell(outcome: Outcome, console: Console) -> None:
    """Print a history: the events that made it, and its last lines."""
    events = make_plan(outcome.seed).events
    console.print(
        f"Seed {outcome.seed}, {len(outcome.kept)} of {len(events)} events:", markup=False
    )
    for number in outcome.kept:
        console.print(f"{number:4} {events[number]}", markup=False, highlight=False)
    for line in outcome.history:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print(outcome.failure or "Nothing was violated.", markup=False)


def _tell_failure(seed: int, console: Console) -> None:
    """Print the shortest history of a seed that fails, and how to see it again."""
    console.print(f"Seed {seed} fails; looking for the shortest history.", markup=False)
    shortest = shorten(play(seed))
    _tell(shortest, console)
    only = ",".join(map(str, shortest.kept)) or ","
    console.print(
        f"Again: joulestream simulate --seed {seed} --only {only}", markup=False, soft_wrap=True
    )


def simulate(
    seed: Annotated[int, typer.Option(help="The first seed.", min=0)] = 1,
    sessions: Annotated[
        int, typer.Option(help="How many sessions at least; 0: this seed alone.", min=0)
    ] = 0,
    only: Annotated[
        str | None, typer.Option(help="Of the seed's events only these numbers; ',' for none.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="File with the totals so far; goes on from there.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Processes; 0: one a core.", min=0)] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Simulate charging sessions in which everything goes wrong, and check every step.

    Both real firmwares run in virtual time; a seed decides everything, so a history can be seen
    again. Without --sessions the history of one seed is shown. Exit status 1 when a promise was
    broken.
    """
    console = Console(file=sys.stderr if json else sys.stdout)
    if only is not None or not sessions:
        outcome = play(seed, None if only is None else _numbers(only))
        if json:
            print(json_module.dumps(vars(outcome), indent=2))
        else:
            _tell(outcome, console)
        sys.exit(1 if outcome.failure else 0)
    totals = Totals(next_seed=seed) if resume is None else load_totals(resume)
    told_s = time.monotonic()

    def report(so_far: Totals) -> None:
        nonlocal told_s
        if resume is not None:
            save_totals(so_far, resume)
        if time.monotonic() - told_s >= _REPORT_EVERY_S:
            told_s = time.monotonic()
            console.print(_sentence(so_far), markup=False, highlight=False)

    run_campaign(totals, sessions, jobs or None, report)
    if json:
        print(json_module.dumps(vars(totals), indent=2))
    else:
        console.print(_sentence(totals), markup=False, highlight=False)
    if totals.failures:
        _tell_failure(totals.failures[0][0], console)
        sys.exit(1)


def _sentence(totals: Totals) -> str:
    return (
        f"{totals.sessions} sessions with {totals.packets} packets in {totals.worlds} worlds: "
        f"{len(totals.failures)} violations"
    )
