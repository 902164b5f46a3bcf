"""Many seeds, one after the other, on all cores; the shortest history of a seed that fails."""

import json
import os
import re
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from joulestream.host_tools.simulation.invariants import Invariants, Violation
from joulestream.host_tools.simulation.plan import make_plan
from joulestream.host_tools.simulation.settlement import Bank
from joulestream.host_tools.simulation.world import World
from joulestream.testkit.flash import FlashMisused

# Seeds that one process plays between two reports.
_BATCH = 20


@dataclass
class Outcome:
    """The outcome of one seed's world.

    Attributes:
        seed: the seed.
        sessions: sessions that were opened.
        packets: packets that were paid and stored.
        failure: a sentence that names the broken promise, or "".
        history: the history's last lines.
        kept: numbers of the plan's events that happened.
    """

    seed: int
    sessions: int
    packets: int
    failure: str
    history: list[str]
    kept: list[int]


@dataclass
class Totals:
    """The sum of a campaign so far; `failures` are (seed, failure)."""

    next_seed: int = 1
    worlds: int = 0
    sessions: int = 0
    packets: int = 0
    failures: list[tuple[int, str]] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Add the outcome of the next seed."""
        self.next_seed = outcome.seed + 1
        self.worlds += 1
        self.sessions += outcome.sessions
        self.packets += outcome.packets
        if outcome.failure:
            self.failures.append((outcome.seed, outcome.failure))


def play(seed: int, keep: frozenset[int] | None = None, bank: Bank | None = None) -> Outcome:
    """Play a seed's world; the same again whenever it is asked.

    Args:
        seed: the seed.
        keep: numbers of the events that happen; by default all.
        bank: where it is settled, if not on a ledger of its own; once a seed.
    """
    plan = make_plan(seed)
    numbers = range(len(plan.events))
    kept = [number for number in numbers if keep is None or number in keep]
    failure = ""
    world = World(plan, Invariants(), keep)
    try:
        world.run()
        if bank is not None:
            bank.settle(world)
        else:
            with closing(Bank()) as own:
                own.settle(world)
                own.check()
    except (Violation, FlashMisused) as error:
        failure = str(error)
    except Exception as error:  # whatever escapes a firmware or the ledger is a failure too
        failure = f"{type(error).__name__}: {error}"
    return Outcome(seed, world.sessions, world.packets, failure, world.tell(), kept)


def shorten(outcome: Outcome) -> Outcome:
    """Return a failure of the same kind with as few of the plan's events as can be found."""
    kind = _kind(outcome)
    best = outcome
    again = True
    while again:
        again = False
        for number in reversed(best.kept):
            fewer = play(best.seed, frozenset(best.kept) - {number})
            if fewer.failure and _kind(fewer) == kind:
                best = fewer
                again = True
    return best


def _kind(outcome: Outcome) -> str:
    """Return a failure's sentence without its figures."""
    return re.sub(r"[0-9a-f]*[0-9][0-9a-f]*", "#", outcome.failure)


def _play_batch(first: int) -> list[Outcome]:
    with closing(Bank()) as bank:
        outcomes = [play(seed, bank=bank) for seed in range(first, first + _BATCH)]
        bank.check()
    return outcomes


def run_campaign(
    totals: Totals,
    sessions: int,
    jobs: int | None = None,
    report: Callable[[Totals], None] | None = None,
) -> Totals:
    """Play seeds from `totals.next_seed` on until there were that many sessions in all.

    Args:
        totals: where to go on; changed as the campaign goes.
        sessions: how many sessions to simulate at least, those in `totals` included.
        jobs: how many processes; by default one a core, and 1 is this one.
        report: called after every batch of seeds, in their order.

    Returns `totals`. The outcomes do not depend on `jobs`.
    """
    workers = jobs or os.cpu_count() or 1
    with closing(_batches(totals.next_seed, workers)) as batches:
        while totals.sessions < sessions:
            for outcome in next(batches):
                totals.add(outcome)
            if report is not None:
                report(totals)
    return totals


def _batches(first: int, workers: int) -> Generator[list[Outcome], None, None]:
    """Yield the outcomes of one batch of seeds after the other, without end."""
    if workers == 1:
        while True:
            yield _play_batch(first)
            first += _BATCH
    with ProcessPoolExecutor(workers) as pool:
        pending: deque[Future[list[Outcome]]] = deque()
        try:
            while True:
                while len(pending) < 2 * workers:
                    pending.append(pool.submit(_play_batch, first))
                    first += _BATCH
                yield pending.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def load_totals(path: Path) -> Totals:
    """Return the totals in a file, new ones if there is none."""
    if not path.is_file():
        return Totals()
    values = json.loads(path.read_text())
    values["failures"] = [(seed, failure) for seed, failure in values["failures"]]
    return Totals(**values)


def save_totals(totals: Totals, path: Path) -> None:
    """Write the totals to a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".new")
    scratch.write_text(json.dumps(vars(totals), indent=1) + "\n")
    scratch.replace(path)
