"""Plays many seeds on all cores, and finds the shortest history of a seed that fails.

Seeds are played in batches, one batch in one process with one ledger. The results are taken in the
order of the seeds, so that they do not depend on the number of processes. A failing seed is
shortened by leaving out its events one by one, as long as the same promise is still broken.
"""

import json
import os
import re
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.files import read_json, write_whole
from joulestream.host_tools.simulation.invariants import Invariants, Violation
from joulestream.host_tools.simulation.plan import make_plan
from joulestream.host_tools.simulation.settlement import Bank
from joulestream.host_tools.simulation.world import World
from joulestream.testkit.flash import FlashMisused

# Seeds of one batch: a ledger is made for each batch, which takes a sixth of a world's time.
_BATCH = 10


@dataclass
class Outcome:
    """The outcome of one seed's world.

    Attributes:
        seed: the seed.
        sessions: sessions that were opened.
        packets: packets that were paid and stored.
        failure: a sentence that names the broken promise; "" if none is broken.
        history: the newest lines of the history.
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
    """The sums of a campaign so far.

    Attributes:
        next_seed: the seed that is played next.
        worlds, sessions, packets: how many were played, opened and paid.
        failures: (seed, failure) of each seed that failed.
    """

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
    """Play a seed's world, and pay its claims. The same arguments give the same outcome.

    Args:
        seed: the seed.
        keep: numbers of the events that happen; None: all.
        bank: a ledger that has not seen this seed yet; None: a new one.
    """
    plan = make_plan(seed)
    numbers = range(len(plan.events))
    kept = [number for number in numbers if keep is None or number in keep]
    failure = ""
    try:
        world = World(plan, Invariants(), keep)
    except Violation as error:  # both keys of the pole are started while the world is made
        return Outcome(seed, 0, 0, str(error), [], kept)
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
    except Exception as error:  # an exception of a firmware or of the ledger is a failure too
        failure = f"{type(error).__name__}: {error}"
    return Outcome(seed, world.sessions, world.packets, failure, world.history_lines(), kept)


def shorten(outcome: Outcome) -> Outcome:
    """Return a failure of the same kind that needs fewer of the plan's events.

    Leaves out one event after the other, until no single event can be left out any more.
    """
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
    """Return a failure's sentence with a # for each figure, to compare it with another one."""
    return re.sub(r"[0-9a-f]*[0-9][0-9a-f]*", "#", outcome.failure)


def _play_batch(first: int) -> list[Outcome]:
    """Play a batch of seeds on one ledger, and check the ledger."""
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
    """Play seeds from `totals.next_seed` on until `totals` has enough sessions.

    Args:
        totals: the sums so far; changed after every batch.
        sessions: the least number of sessions, with those that `totals` has already.
        jobs: the number of processes; None: one for each core; 1: this process alone.
        report: called with `totals` after every batch.

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
    """Yield the outcomes of one batch after the other, in the order of the seeds, without end."""
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
    """Return the totals in a file; new ones if the file does not exist.

    Raises CommandError if the file is anything but totals: it would be written over.
    """
    if not path.exists():
        return Totals()
    values = read_json(path)
    try:
        values["failures"] = [(int(seed), str(failure)) for seed, failure in values["failures"]]
        totals = Totals(**values)
        whole = (totals.next_seed, totals.worlds, totals.sessions, totals.packets)
        if any(type(value) is not int or value < 0 for value in whole):
            raise ValueError
    except (TypeError, ValueError, KeyError):
        raise CommandError(f"{path} holds no totals of a campaign; name another file") from None
    return totals


def save_totals(totals: Totals, path: Path) -> None:
    """Write the totals to a file in one step, so that an interruption leaves the old file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, (json.dumps(vars(totals), indent=1) + "\n").encode())
