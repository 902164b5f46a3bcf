"""`joulestream simulate`: both firmwares through lost frames, power cuts and failing parts."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from joulestream.host_tools.terminal import JsonOption, print_json, progress_console

if TYPE_CHECKING:
    from joulestream.host_tools.simulation.campaign import Totals

app = typer.Typer(add_completion=False)

_REPORT_EVERY_S = 10.0


def _numbers(text: str) -> frozenset[int]:
    try:
        return frozenset(int(word) for word in text.split(",") if word)
    except ValueError:
        raise typer.BadParameter("give numbers of events, separated by commas") from None


@app.command()
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
    json: JsonOption = False,
) -> None:
    """Simulate charging sessions in which everything goes wrong.

    Both real firmwares run in virtual time, and every step is checked. A seed decides everything,
    so a history can be seen again. Without --sessions the history of one seed is shown. Exit
    status 1 when a promise was broken.
    """
    from joulestream.host_tools.simulation import campaign
    from joulestream.host_tools.simulation.report import (
        print_history,
        print_shortest_failure,
        summary,
    )

    console = progress_console(json)
    if only is not None or not sessions:
        outcome = campaign.play(seed, None if only is None else _numbers(only))
        if json:
            print_json(vars(outcome))
        else:
            print_history(outcome, console)
        raise typer.Exit(1 if outcome.failure else 0)
    if resume is None:
        totals = campaign.Totals(next_seed=seed)
    else:
        totals = campaign.load_totals(resume)
    reported_s = time.monotonic()

    def report(so_far: "Totals") -> None:
        nonlocal reported_s
        if resume is not None:
            campaign.save_totals(so_far, resume)
        if time.monotonic() - reported_s >= _REPORT_EVERY_S:
            reported_s = time.monotonic()
            console.print(summary(so_far), markup=False, highlight=False)

    campaign.run_campaign(totals, sessions, jobs or None, report)
    if json:
        print_json(vars(totals))
    else:
        console.print(summary(totals), markup=False, highlight=False)
    if totals.failures:
        print_shortest_failure(totals.failures[0][0], console)
        raise typer.Exit(1)
