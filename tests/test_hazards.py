"""Every fault and every pair of faults ends the heartbeat in time, and has a name.

`joulestream benchmark --only hazards` plays each pair in every order, this file in one of them.
"""

import pytest

from joulestream.host_tools.hazards.faults import FAULTS, Fault
from joulestream.host_tools.hazards.plant import GATE_MS, Bench
from joulestream.host_tools.hazards.play import LIMIT_MS, pairs, play, schedules

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
    bench.run_ms(2 * GATE_MS)
    assert not bench.plant.contact
