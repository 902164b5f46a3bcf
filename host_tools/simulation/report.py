"""Prints results of the simulator on a terminal: a history, a failing seed, the totals."""

from rich.console import Console

from joulestream.host_tools.simulation.campaign import Outcome, Totals, play, shorten
from joulestream.host_tools.simulation.plan import make_plan


def print_history(outcome: Outcome, console: Console) -> None:
    """Print a history: its events, its newest lines, and the promise that was broken."""
    events = make_plan(outcome.seed).events
    console.print(
        f"Seed {outcome.seed}, {len(outcome.kept)} of {len(events)} events:", markup=False
    )
    for number in outcome.kept:
        console.print(f"{number:4} {events[number]}", markup=False, highlight=False)
    for line in outcome.history:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print(outcome.failure or "Nothing was violated.", markup=False)


def print_shortest_failure(seed: int, console: Console) -> None:
    """Print the shortest history of a seed that fails, and the command that repeats it."""
    console.print(f"Seed {seed} fails; looking for the shortest history.", markup=False)
    shortest = shorten(play(seed))
    print_history(shortest, console)
    only = ",".join(map(str, shortest.kept)) or ","
    console.print(
        f"Again: joulestream simulate --seed {seed} --only {only}", markup=False, soft_wrap=True
    )


def summary(totals: Totals) -> str:
    """Return the totals as one sentence."""
    return (
        f"{totals.sessions} sessions with {totals.packets} packets in {totals.worlds} worlds: "
        f"{len(totals.failures)} violations"
    )
