"""Both real firmwares keep their promises in thousands of simulated sessions with faults.

The simulator itself is tested too: a planted bug must break a promise, and the failing history
must become shorter and stay the same at every replay.
"""

import json
import os
import re
import sys
from pathlib import Path

import pytest

from joulestream import errors
from joulestream.host_tools import progress
from joulestream.host_tools.simulation.campaign import (
    Totals,
    load_totals,
    play,
    run_campaign,
    save_totals,
    shorten,
)
from joulestream.host_tools.simulation.invariants import Invariants, Violation
from joulestream.host_tools.simulation.plan import KINDS, PASSING, make_plan
from joulestream.pole import charging_session
from joulestream.pole.loop import PoleLoop
from joulestream.vehicle import visit
from joulestream.vehicle.wallet import Wallet

JOULESTREAM = Path(sys.executable).parent / "joulestream"
# Tests that run side by side, each with seeds of its own.
CHUNKS = 8
SESSIONS = int(os.environ.get("JOULESTREAM_SESSIONS", "5000"))
# More seeds than a chunk can play.
SEEDS_APART = 1_000_000


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_promise_is_broken(chunk):
    totals = Totals(next_seed=1 + chunk * SEEDS_APART)
    run_campaign(totals, -(-SESSIONS // CHUNKS), jobs=1)
    assert totals.failures == []
    assert totals.packets >= 10 * totals.sessions


def test_a_seed_decides_everything():
    for seed in (5, 77):
        first, again = play(seed), play(seed)
        assert vars(first) == vars(again)
        assert first.history and not first.failure


def test_a_promise_broken_while_a_firmware_sends_is_no_fault_of_its_loop(monkeypatch):
    def sent(self, world, sender, message):
        raise Violation("broken")

    monkeypatch.setattr(Invariants, "sent", sent)
    assert play(5).failure == "broken"


def test_a_loop_that_gives_up_for_no_fault_of_its_board_is_a_failure(monkeypatch):
    def step(self, now_ms):
        raise TypeError

    monkeypatch.setattr(PoleLoop, "step", step)
    assert play(5).failure.startswith("pole gave up: TypeError")


def test_the_seeds_reach_every_kind_of_trouble():
    kinds = {event.kind for seed in range(200) for event in make_plan(seed).events}
    assert kinds == set(KINDS) | set(PASSING)
    faults = {
        event.values["fault"]
        for seed in range(1_000)
        for event in make_plan(seed).events
        if event.kind == "meter"
    }
    assert len(faults) == 13


def test_batches_in_processes_are_those_in_this_one():
    alone, together = Totals(), Totals()
    run_campaign(alone, 70, jobs=1)
    run_campaign(together, 70, jobs=2)
    assert alone.worlds > 10, "one batch tells nothing about the order of several"
    assert vars(alone) == vars(together)


def forget_credit(monkeypatch):
    """Plant a bug: the pole delivers without a limit of its credit."""
    monkeypatch.setattr(charging_session, "earned_credit", lambda credit, paid: 1 << 40)


def test_a_broken_promise_is_found_and_its_history_shortened(monkeypatch):
    forget_credit(monkeypatch)
    # The contactor also opens for a late invoice, so that few histories reach the limit.
    totals = run_campaign(Totals(next_seed=341), 20, jobs=1)
    assert totals.failures
    failing = next(
        outcome for outcome in (play(seed) for seed, _ in totals.failures) if len(outcome.kept) > 2
    )
    shortest = shorten(failing)
    assert shortest.failure and len(shortest.kept) < len(failing.kept)
    # The same history is found again, to the letter.
    assert vars(play(shortest.seed, frozenset(shortest.kept))) == vars(shortest)


def test_a_wallet_that_forgets_its_budget_is_found(monkeypatch):
    create = Wallet.__init__

    def forget(self, signer, journal, certificates, budget, period):
        create(self, signer, journal, certificates, budget, period)
        self.budget_left = budget

    monkeypatch.setattr(Wallet, "__init__", forget)
    failures = run_campaign(Totals(), 200, jobs=1).failures
    assert any("budget grew" in failure for _, failure in failures), failures


def test_a_debt_on_trust_makes_no_pole_too_poor_for_a_slow_own_meter():
    """The vehicle's own meter was set back, so it takes energy on trust, and charges on."""
    outcome = play(4591)
    assert not outcome.failure and outcome.packets > 50, vars(outcome)


def test_no_glitch_of_the_pilot_ends_a_visit():
    assert run_campaign(Totals(), 300, jobs=1).failures == []


@pytest.mark.parametrize("reason", (errors.UNPLUGGED, errors.PRICE_TOO_HIGH))
def test_a_visit_that_a_passing_reason_ends_is_found(monkeypatch, reason):
    monkeypatch.setattr(visit, "LASTING", (*visit.LASTING, reason))
    failures = run_campaign(Totals(), 300, jobs=1).failures
    found = f"vehicle-[0-2] {errors.reason_name(reason)}"
    assert any(re.search(found, failure) for _, failure in failures), failures


def test_a_campaign_goes_on_where_it_was_left(tmp_path):
    path = tmp_path / "soak" / "totals.json"
    assert vars(load_totals(path)) == vars(Totals())
    run_campaign(Totals(), 30, jobs=1, report=lambda totals: save_totals(totals, path))
    left = load_totals(path)
    worlds = left.worlds
    resumed = run_campaign(left, 70, jobs=1)
    whole = run_campaign(Totals(), 70, jobs=1)
    assert vars(resumed) == vars(whole)
    assert resumed.worlds > worlds


def command(*arguments):
    return progress.run([str(JOULESTREAM), "simulate", *arguments], "joulestream simulate")


def test_the_command_shows_one_history():
    done = command("--seed", "5")
    assert done.returncode == 0, done.stderr
    assert "Nothing was violated." in done.stdout and "INVOICE" in done.stdout
    alone = json.loads(command("--seed", "5", "--only", "0,2", "--json").stdout)
    assert alone["kept"] == [0, 2] and alone["failure"] == ""
    assert command("--only", "x").returncode == 2


def test_the_command_counts_and_resumes(tmp_path):
    path = tmp_path / "totals.json"
    arguments = ("--resume", str(path), "--jobs", "1", "--json")
    first = json.loads(command("--sessions", "30", *arguments).stdout)
    assert first["sessions"] >= 30 and first["failures"] == []
    second = json.loads(command("--sessions", "80", *arguments).stdout)
    assert second["worlds"] > first["worlds"]
    assert json.loads(path.read_text()) == second
