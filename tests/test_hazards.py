"""Every fault and every pair of faults ends the heartbeat in time, and has a name.

`joulestream benchmark --only hazards` plays each pair in every order, this file in one of them.
"""

import pytest

from joulestream.host_tools.hazards.faults import FAULTS, Fault
from joulestream.host_tools.hazards.plant import GATE_MS, Bench
from joulestream.host_tools.hazards.play import LIMIT_MS, pairs, play, schedules
from joulestream.pole import charger
from joulestream.pole.contactor import ORDERLY_STOP_MS

PARTS = 4
PAIRS = list(enumerate(pairs()))


@pytest.mark.parametrize("part", range(PARTS))
def test_every_pair_of_faults_ends_the_heartbeat_in_time_and_is_named(part):
    for number, pair in PAIRS[part::PARTS]:
        orders = schedules(*pair)
        schedule = orders[number % len(orders)]
        outcome = play(schedule)
        told = [(fault.name, at_ms) for fault, at_ms in schedule]
        assert not outcome.why, (told, outcome)
        assert outcome.heartbeat_ms <= LIMIT_MS, (told, outcome)


def test_all_pairs_of_all_faults_are_there():
    names = [fault.name for fault in FAULTS]
    assert len(names) == len(set(names)) >= 40
    played = {frozenset((one.name, other.name)) for _, (one, other) in PAIRS}
    for one in FAULTS:
        for other in FAULTS:
            same_part = set(one.part.split()) & set(other.part.split())
            there = frozenset((one.name, other.name)) in played
            assert there == (one is other or not same_part), (one.name, other.name)
        assert all(name in names for name in one.hides), one.name


def test_a_fault_that_nothing_ends_is_noticed():
    """A fault that is none leaves the heartbeat on, and the play says so."""
    harmless = Fault("nothing", lambda bench: None, ("PILOT_FAULTY",))
    outcome = play(((harmless, 0),))
    assert "the heartbeat went on" in outcome.why


def test_no_static_level_and_no_stale_edge_holds_the_contactor():
    bench = Bench()
    bench.charge(1)
    bench.step_ms = 5
    bench.hangs = True
    bench.plant.line = True
    for _ in range(2 * GATE_MS // 5):
        bench.step()
    assert not bench.plant.contact


# In the other states a fault keeps the contactor open, or opens it.


def waiting(bench):
    """A vehicle in state B that has not paid."""
    bench.run(lambda: bench.loop.charger.state == charger.PLUGGED and not bench.counter.reason)


def in_test(bench):
    bench.run(lambda: bench.loop.charger.state == charger.TESTING and not bench.counter.reason)


def invited(bench):
    """A vehicle that has paid and does not answer the duty."""
    bench.plant.follows_duty = False
    waiting(bench)
    bench.greet()
    bench.accept()
    bench.run(lambda: bench.loop.charger.state == charger.INVITED)


def waking(bench):
    invited(bench)
    bench.run(lambda: bench.loop.charger.state == charger.WAKING, 40_000)


def suspended(bench):
    bench.charge(1)
    bench.plant.follows_duty, bench.plant.vehicle = False, "B"
    bench.run(lambda: bench.loop.charger.state == charger.SUSPENDED)


def pausing(bench):
    bench.plant.follows_duty = False
    waiting(bench)
    bench.plant.vehicle = "C"
    bench.charge(1)
    bench.run_ms(2_000)
    bench.plant.grid = 0
    bench.run(lambda: bench.loop.charger.state == charger.PAUSING)
    bench.plant.grid = None


def resting(bench):
    bench.charge(1)
    bench.plant.emergency = True
    bench.run(lambda: bench.loop.charger.state == charger.RESTING)
    bench.plant.emergency = False


STATES = (in_test, waiting, invited, waking, suspended, pausing, resting)
# Faults that leave a vehicle its current: it is not there yet, or takes less of it.
HARMLESS = ("vehicle ignores a limit", "no more payments", "over-current", "vehicle in state B")
# An auxiliary contact shows this fault only when the contactor has closed.
SEEN_WHEN_CLOSED = ("feedback stuck open",)


@pytest.mark.parametrize("reach", STATES, ids=lambda reach: reach.__name__)
def test_with_a_fault_nothing_closes_in_any_state(reach):
    for fault in FAULTS:
        if not fault.ends or fault.name in HARMLESS + SEEN_WHEN_CLOSED:
            continue
        bench = Bench()
        reach(bench)
        fault.happen(bench)
        # At a duty of 100 %, in an orderly stop, nobody can look for the diode.
        bench.run_ms(min(fault.shows_ms, 8_000) + ORDERLY_STOP_MS + LIMIT_MS + GATE_MS)
        assert not bench.plant.contact, fault.name
        if bench.plant.vehicle == "B":
            # It asks for power now, for as long as the rest after a fault takes.
            bench.plant.follows_duty, bench.plant.vehicle = False, "C"
        for _ in range(2_000):
            bench.step()
            assert not bench.plant.contact, fault.name
