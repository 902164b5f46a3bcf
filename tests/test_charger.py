"""The charger's table, and its behaviour at the plug: pilot, contactor, limits, tests."""

from itertools import pairwise, product

import pytest

from joulestream import errors
from joulestream.host_tools.hazards import document
from joulestream.host_tools.hazards.plant import Bench
from joulestream.parts.pilot import FULL_DUTY, NO_DUTY, duty_of
from joulestream.pole import charger as table
from joulestream.pole.charger import (
    AWAY,
    CALM,
    CHAIN,
    CHARGING,
    CLEAR,
    COILS,
    DONE,
    DUE,
    FAULT,
    FAULTED,
    INVITED,
    MAY,
    OVER,
    PAID,
    PAUSE,
    PAUSED,
    PAUSING,
    PILOTS,
    PLUG,
    PLUGGED,
    RESTING,
    STATE_NAMES,
    SUSPENDED,
    TESTING,
    TRANSITIONS,
    UNPAID,
    VACANT,
    WAKING,
    WANTS,
    next_state,
)

STATES = range(len(TRANSITIONS))
# All that can be true in one step. A test that is due asks for a pause.
BITS = [
    sum(parts)
    for parts in product(
        (FAULT, CLEAR),
        (AWAY, PLUG | CALM, PLUG | WANTS),
        (UNPAID, UNPAID | PAUSE, PAID, PAUSE),
        (DUE, DONE),
        (MAY, 0),
        (OVER, 0),
    )
    if not (sum(parts) & PAID and sum(parts) & DUE)
]


def end_of(state, bits):
    """Return the states that a step passes through, the first one included."""
    passed = [state]
    for _ in range(CHAIN):
        state = next_state(passed[-1], bits)
        if state < 0:
            break
        passed.append(state)
        if passed[-1] == passed[-2]:
            break
    return passed


# The table


def test_no_row_of_the_table_is_dead():
    taken = set()
    for state, bits in product(STATES, BITS):
        for row in TRANSITIONS[state]:
            if bits & row[0] == row[0]:
                taken.add((state, row))
                break
    every = {(state, row) for state in STATES for row in TRANSITIONS[state]}
    assert taken == every, every - taken


def test_every_state_has_its_outputs_and_its_name():
    assert len(PILOTS) == len(COILS) == len(STATE_NAMES) == len(TRANSITIONS)
    assert [state for state in STATES if COILS[state]] == [CHARGING, PAUSING]


@pytest.mark.parametrize("state", STATES, ids=STATE_NAMES)
def test_whatever_is_true_no_state_drives_the_coil_without_all_that_it_needs(state):
    for bits in BITS:
        after = end_of(state, bits)[-1]
        if not COILS[after]:
            continue
        assert bits & CLEAR and bits & WANTS and not bits & UNPAID, (state, bits)
        if not COILS[state]:
            assert bits & MAY and bits & PAID and bits & DONE, (state, bits)


@pytest.mark.parametrize("state", STATES, ids=STATE_NAMES)
def test_a_step_ends_in_a_state_that_stays(state):
    for bits in BITS:
        # A state that is entered anew has its whole time before it.
        passed = end_of(state, bits & ~OVER)
        assert len(passed) <= CHAIN
        assert next_state(passed[-1], bits & ~OVER) in (-1, passed[-1]), (state, bits)


# At the plug


def plugged(**pole):
    """Return a bench with a vehicle in state B that has not paid."""
    bench = Bench(**pole)
    bench.run(lambda: bench.loop.charger.state == PLUGGED)
    return bench


def test_the_duty_is_full_until_a_claim_is_stored_and_then_asks_for_state_c():
    bench = Bench()
    bench.paying = False
    bench.run(lambda: bench.loop.charger.state == PLUGGED and not bench.counter.reason)
    bench.greet()
    bench.accept()
    bench.run_ms(500)
    assert bench.plant.pilot_part.duty == FULL_DUTY
    bench.plant.follows_duty, bench.plant.vehicle = False, "C"  # it does not wait
    bench.run_ms(500)
    assert bench.payee.charging.packets == 0 and not bench.plant.contact
    bench = Bench()
    bench.charge()
    assert bench.plant.pilot_part.duty == duty_of(16_666)
    # The channel has earned credit. The next session begins with a claim too.
    bench.payee.stop(errors.OWNER_STOP, bench.at_ms)
    bench.run(lambda: bench.payee.charging is None)
    bench.paying = False
    bench.run_ms(10_000)
    bench.greet()
    bench.accept()
    bench.run_ms(500)
    assert bench.payee.charging.credit > bench.payee.charging.unpaid
    assert bench.payee.charging.packets == 0 and not bench.plant.contact
    assert bench.plant.pilot_part.duty == FULL_DUTY


def test_power_comes_within_3_s_of_state_c():
    bench = Bench()
    bench.charge(1)
    bench.plant.follows_duty, bench.plant.vehicle = False, "B"
    bench.run_ms(10_000)
    assert bench.loop.charger.state == SUSPENDED and not bench.plant.contact
    bench.plant.vehicle = "C"
    bench.run_ms(200)
    assert bench.plant.contact


def test_the_contactor_closes_again_5_s_after_it_opened_for_state_b():
    bench = Bench()
    bench.charge(1)
    bench.plant.follows_duty, bench.plant.vehicle = False, "B"
    bench.run(lambda: not bench.plant.line)
    opened_ms = bench.at_ms
    bench.plant.vehicle = "C"
    bench.run(lambda: bench.plant.line)
    assert 5_000 <= bench.at_ms - opened_ms <= 5_100


def test_after_a_fault_the_pilot_shows_state_f_once_and_rests_for_30_s():
    bench = Bench()
    bench.charge(1)
    bench.plant.emergency = True
    bench.run(lambda: not bench.plant.line)
    stopped_ms = bench.at_ms
    assert bench.plant.pilot_part.duty == NO_DUTY
    bench.run_ms(4_100)
    assert bench.plant.pilot_part.duty == FULL_DUTY
    bench.run_ms(60_000)
    assert bench.loop.charger.state == RESTING, "the fault lasts"
    assert bench.plant.pilot_part.duty == FULL_DUTY
    assert bench.loop.status()["hazard"] == "EMERGENCY_STOP"
    bench.plant.emergency = False
    cleared_ms = bench.at_ms
    bench.run(lambda: bench.loop.charger.state != RESTING, 40_000)
    assert 29_900 <= bench.at_ms - cleared_ms <= 30_200
    assert bench.at_ms - stopped_ms > 90_000


def test_a_pole_with_a_hazard_offers_nothing_and_names_it():
    bench = plugged()
    bench.plant.emergency = True
    bench.run_ms(200)
    bench.send_hello()
    bench.run_ms(500)
    assert bench.stops == [errors.EMERGENCY_STOP]


def test_a_vehicle_that_sleeps_is_woken_once():
    bench = Bench()
    bench.plant.follows_duty = False
    bench.run(lambda: not bench.counter.reason and bench.loop.charger.state == PLUGGED)
    bench.greet()
    bench.accept()
    bench.run(lambda: bench.loop.charger.state == INVITED)
    invited_ms = bench.at_ms
    bench.run(lambda: bench.loop.charger.state == WAKING, 40_000)
    assert 29_900 <= bench.at_ms - invited_ms <= 30_100
    assert bench.loop.status()["why"] == "WAKING_VEHICLE"
    bench.run(lambda: bench.loop.charger.state == SUSPENDED)
    assert bench.payee.charging is not None, "it was not taken for unplugged"
    bench.run_ms(60_000)
    assert bench.loop.charger.state == SUSPENDED, "it is not woken again"
    bench.plant.vehicle = "C"
    bench.run(lambda: bench.plant.contact)


def test_a_vehicle_without_state_b_is_told_10_a():
    bench = Bench()
    bench.plant.follows_duty, bench.plant.vehicle = False, "A"
    bench.run(lambda: bench.loop.charger.state == VACANT and not bench.counter.reason)
    bench.plant.vehicle = "C"
    bench.greet()
    bench.accept()
    bench.run(lambda: bench.loop.charger.state == CHARGING)
    bench.run_ms(6_000)
    status = bench.loop.status()
    assert status["current_limit_ma"] == 10_000 and status["power_limit_reason"] == "VEHICLE"
    assert bench.plant.pilot_part.duty == duty_of(10_000)


# The residual-current device


def test_the_device_is_tested_before_the_first_vehicle_and_after_each():
    bench = Bench()
    bench.plant.follows_duty, bench.plant.vehicle = False, "A"
    assert bench.loop.status()["residual_test"] == "NONE"
    bench.run(lambda: bench.loop.charger.state == TESTING)
    bench.run(lambda: bench.loop.charger.state == VACANT)
    assert bench.loop.status()["residual_test"] == "PASSED"
    bench.plant.vehicle = "B"
    bench.run(lambda: bench.loop.charger.state == PLUGGED)
    bench.plant.vehicle = "A"
    bench.run(lambda: bench.loop.charger.state == TESTING)
    bench.run(lambda: bench.loop.charger.state == VACANT)


def test_without_a_passed_test_nothing_closes_and_it_is_tried_again():
    bench = Bench()
    bench.plant.residual_dead = True
    bench.run(lambda: bench.loop.charger.state == FAULTED, 20_000)
    assert bench.loop.status()["residual_test"] == "FAILED"
    assert bench.loop.status()["hazard"] == "RESIDUAL_TEST_FAILED"
    bench.send_hello()
    bench.run_ms(1_000)
    assert bench.stops == [errors.RESIDUAL_TEST_FAILED]
    bench.plant.residual_dead = False
    bench.run(lambda: bench.loop.status()["residual_test"] == "PASSED", 60_000)
    bench.charge(1)


def test_a_test_that_never_ends_fails():
    bench = Bench()
    bench.run(lambda: bench.loop.charger.state == TESTING)
    bench.run_ms(40)
    bench.plant.trip = True  # it trips, and stays so
    bench.run(lambda: bench.loop.charger.state == FAULTED, 20_000)
    assert bench.loop.status()["residual_test"] == "FAILED"


def test_a_session_of_a_day_is_paused_for_a_test():
    bench = Bench()
    bench.charge(1)
    bench.loop.charger.test.is_due = True
    bench.run(lambda: bench.loop.charger.state == PAUSING)
    bench.run(lambda: not bench.plant.line)
    assert bench.plant.vehicle == "B", "current had ended before the contacts opened"
    bench.run(lambda: bench.loop.charger.state == TESTING)
    assert bench.payee.charging is not None
    bench.run(lambda: bench.plant.contact)
    assert bench.loop.status()["residual_test"] == "PASSED"


# Limits


def test_the_smallest_limit_is_told_and_the_duty_changes_once_in_5_s():
    bench = Bench()
    bench.charge(1)
    duties = []
    set_duty = bench.plant.pilot_part.follow

    def follow(now_ms):
        set_duty(now_ms)
        if not duties or duties[-1][1] != bench.plant.pilot_part.duty:
            duties.append((now_ms, bench.plant.pilot_part.duty))

    bench.plant.pilot_part.follow = follow
    bench.outlet.power_mw = 4_000_000
    for grid_ma in (8_000, 12_000, 7_000, 16_000):
        bench.plant.grid = grid_ma
        bench.run_ms(1_000)
    bench.run_ms(10_000)
    changes = [at_ms for at_ms, _ in duties[1:]]
    assert all(later - earlier >= 5_000 for earlier, later in pairwise(changes))
    assert duties[-1][1] == duty_of(16_000)
    status = bench.loop.status()
    assert (status["current_limit_ma"], status["power_limit_reason"]) == (16_000, "GRID_OPERATOR")
    bench.plant.cable = 13_000
    bench.run_ms(10_000)
    assert bench.plant.pilot_part.duty == duty_of(13_000)
    assert bench.loop.status()["power_limit_reason"] == "CABLE"


def test_heat_lowers_the_current_before_it_opens_the_contactor():
    told = []
    for celsius in (60, 65, 70, 72):
        bench = Bench()
        bench.outlet.power_mw = 3_000_000
        bench.plant.celsius = celsius
        bench.charge(1)
        status = bench.loop.status()
        told.append(status["current_limit_ma"])
        assert status["power_limit_reason"] == (
            "TEMPERATURE" if celsius > 60 else "CONFIGURED_MAXIMUM"
        )
    assert told == [16_666, 12_500, 8_333, 6_666]


def test_a_pole_that_was_too_hot_waits_until_it_is_cool():
    bench = Bench()
    bench.charge(1)
    bench.plant.celsius = 85
    bench.run(lambda: not bench.plant.line)
    bench.plant.celsius = 76
    bench.run_ms(40_000)
    assert bench.loop.status()["hazard"] == "OVER_TEMPERATURE"
    bench.plant.celsius = 74
    bench.run(lambda: bench.loop.status()["hazard"] is None)


def test_a_limit_below_6_a_is_a_pause_and_the_session_goes_on():
    bench = Bench()
    bench.charge(1)
    bench.run_ms(2_000)
    bench.plant.grid = 5_900
    bench.run(lambda: not bench.plant.line)
    assert bench.plant.vehicle == "B" and bench.plant.pilot_part.duty == FULL_DUTY
    bench.run(lambda: bench.loop.charger.state == PLUGGED)
    assert bench.loop.status()["why"] == "GRID_OPERATOR" and bench.payee.charging is not None
    bench.plant.grid = None
    bench.run(lambda: bench.plant.contact)


def test_an_orderly_stop_for_money_asks_first_and_opens_in_state_b():
    bench = Bench(credit=20_000, link_timeout_ms=60_000)
    bench.charge(1)
    while bench.payee.charging.credit < 20_000:
        bench.step()
    bench.paying = False
    bench.run(lambda: bench.loop.charger.state == PAUSING)
    assert bench.plant.line and bench.plant.pilot_part.duty == FULL_DUTY
    asked_ms = bench.at_ms
    bench.run(lambda: not bench.plant.line)
    assert bench.plant.vehicle == "B" and bench.at_ms - asked_ms <= 300
    assert bench.loop.charger.state == PAUSED


def test_an_offer_tells_the_highest_power_of_the_session():
    bench = Bench()
    bench.plant.grid, bench.plant.celsius = 0, 79
    bench.run(lambda: bench.loop.charger.state == PLUGGED and not bench.counter.reason)
    bench.greet()
    assert bench.offered.max_power_mw == 11_500_000
    bench.accept()
    bench.run_ms(10_000)
    assert not bench.plant.contact
    bench.plant.grid, bench.plant.celsius = None, 25
    bench.run(lambda: bench.plant.contact)


# Contacts


def test_the_opening_time_is_measured():
    bench = Bench()
    bench.charge(1)
    bench.step_ms = 5
    assert bench.loop.status()["opening_ms"] is None
    bench.payee.stop(errors.OWNER_STOP, bench.at_ms)
    bench.run_ms(500)
    assert 20 <= bench.loop.status()["opening_ms"] <= 30


def test_welded_contacts_raise_the_alarm_by_their_feedback_alone():
    bench = Bench()
    bench.outlet.power_mw = 0
    bench.charge(1)
    bench.plant.welded = True
    bench.payee.stop(errors.OWNER_STOP, bench.at_ms)
    bench.run_ms(500)
    assert bench.loop.status()["contactor_alarm"] == 1
    bench.plant.welded = False
    bench.run_ms(60_000)
    assert bench.loop.status()["contactor_alarm"] == 1, "only a person ends it"


# Desk mode


def desk(voltage_mv, power_mw=400_000):
    """Return a bench without a gate, and with this voltage at its meter."""
    bench = Bench(phases=1)
    bench.meter.phases = 1
    bench.plant.gate_name = None
    bench.meter.voltage_mv = voltage_mv
    bench.outlet.power_mw = power_mw
    return bench


def test_without_a_gate_a_pole_switches_the_voltage_of_a_desk():
    bench = desk(48_000)
    bench.charge(1)
    status = bench.loop.status()
    assert status["desk_mode"] and status["gate"] == "NONE" and status["charging"]


def test_without_a_gate_a_pole_refuses_mains_voltage():
    for voltage_mv in (60_100, 230_000):
        bench = desk(voltage_mv)
        bench.run(lambda: not bench.counter.doubt)  # noqa: B023
        bench.run_ms(200)
        bench.send_hello()
        bench.run_ms(500)
        assert bench.stops == [errors.DESK_LIMIT]
        assert bench.loop.status()["why"] == "DESK_LIMIT" and not bench.plant.line


def test_without_a_gate_a_pole_opens_above_10_a_and_when_mains_voltage_appears():
    for change in (
        lambda bench: setattr(bench.outlet, "power_mw", 490_000),
        lambda bench: setattr(bench.meter, "voltage_mv", 61_000),
    ):
        bench = desk(48_000)
        bench.charge(1)
        bench.run_ms(1_000)
        assert bench.plant.line
        change(bench)
        bench.run(lambda: not bench.plant.line, 1_000)  # noqa: B023
        assert bench.payee.last_stop == errors.DESK_LIMIT


def test_without_a_gate_and_without_a_voltage_a_pole_closes_nothing():
    bench = desk(48_000)
    advance = bench.counter.advance

    def blind(closed, now_ms):
        advance(closed, now_ms)
        bench.counter.voltage_mv = None

    bench.counter.advance = blind
    bench.run_ms(3_000)
    assert bench.loop.status()["hazard"] == "DESK_LIMIT"
    bench.send_hello()
    bench.run_ms(500)
    assert bench.stops == [errors.DESK_LIMIT] and not bench.plant.line


def test_the_names_of_the_states_are_those_of_the_constants():
    for state, name in enumerate(STATE_NAMES):
        assert getattr(table, name.upper()) == state


def test_the_document_has_the_table_of_states():
    text = document.DOCUMENT.read_text(encoding="utf-8")
    assert document.table() in text, "run python -m joulestream.host_tools.hazards.document"


def test_contacts_that_fall_open_are_a_fault():
    bench = Bench()
    bench.charge(1)
    bench.run_ms(500)
    bench.plant.coil_broken = True
    bench.run(lambda: not bench.plant.line, 1_000)
    assert bench.payee.last_stop == errors.CONTACTOR_STUCK


def test_a_gate_that_is_gone_opens_the_contactor_at_mains_voltage():
    bench = Bench()
    bench.charge(1)
    bench.plant.gate_name = None
    bench.run(lambda: not bench.plant.line, 1_000)
    assert bench.payee.last_stop == errors.DESK_LIMIT
