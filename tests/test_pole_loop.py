"""The pole's loop on a Modbus meter: which faults open the contactor, which energy is billed."""

from joulestream import errors
from joulestream.pole.welding import WeldWatch
from joulestream.runtime.pilot import PILOT_A, PILOT_B, PILOT_C, PILOT_STATES
from joulestream.testkit.certificates import NOW_S, certificate
from joulestream.testkit.pair import METER
from joulestream.testkit.pole_bench import PoleBench


def opened(bench):
    """Return whether the contactor is open, as the board was told last, and its coil."""
    return not bench.contactor_log[-1] and not bench.outlet.coil


def unpaid(bench):
    """Return the amount that was truly delivered and not paid, in claim units."""
    return bench.amount(bench.outlet.energy_mwh) - bench.record.amount


def test_the_contactor_is_told_to_stay_closed_in_every_step():
    bench = PoleBench()
    bench.charge()
    before = len(bench.contactor_log)
    for _ in range(20):
        bench.step()
    assert bench.contactor_log[before:] == [True] * 20


def test_a_step_that_came_too_late_opens_the_contactor_and_stops_the_session():
    bench = PoleBench()
    bench.charge()
    before = len(bench.contactor_log)
    bench.at_ms += 700
    bench.step()
    assert False in bench.contactor_log[before:]
    assert opened(bench)
    assert bench.payee.last_stop == errors.INTERNAL
    bench.run_ms(2_000)
    assert True not in bench.contactor_log[before:]


def test_a_step_that_came_late_but_in_time_keeps_the_contactor_closed():
    bench = PoleBench()
    bench.charge()
    bench.at_ms += 400
    bench.step()
    assert not opened(bench)


def test_any_exception_opens_the_contactor_and_is_raised():
    def fail(*arguments):
        raise RuntimeError("a fault")

    def in_payee(bench):
        bench.payee.step = fail

    def in_plug(bench):
        bench.board.pilot_state = fail

    def in_meter(bench):
        bench.meter.readinto = fail

    def in_link(bench):
        bench.link.readinto = fail

    def in_journal(bench):
        bench.world.pole_journal.erase_step = fail

    def in_clock(bench):
        bench.world.clock.time_s = fail

    def step(bench):
        for _ in range(50):
            bench.step()

    def idle(bench):
        bench.loop.idle()

    cases = (
        (in_payee, step),
        (in_plug, step),
        (in_meter, step),
        (in_link, step),
        (in_journal, idle),
        (in_clock, step),
    )
    for plant_fault, act in cases:
        bench = PoleBench()
        bench.charge()
        assert not opened(bench)
        plant_fault(bench)
        try:
            act(bench)
        except RuntimeError:
            assert opened(bench)
            continue
        raise AssertionError("the exception was swallowed")


def doubt_the_meter(bench, reason):
    """Let the meter be doubted for `reason` from the next step on."""
    follow = bench.counter.advance

    def advance(contactor_closed, now_ms):
        follow(contactor_closed, now_ms)
        bench.counter.reason = reason

    bench.counter.advance = advance


def test_every_doubt_opens_the_contactor_in_the_same_step():
    def unplug(bench):
        bench.board.pilot = PILOT_A

    def expire(bench):
        bench.payee.charging.renew(certificate(expires_at_s=NOW_S))

    def fault(bench):
        doubt_the_meter(bench, errors.METER_STALE)

    def stop(bench):
        bench.payee.stop(errors.OWNER_STOP, bench.at_ms)

    cases = (
        (unplug, errors.UNPLUGGED),
        (expire, errors.CERTIFICATE_EXPIRED),
        (fault, errors.METER_STALE),
        (stop, errors.OWNER_STOP),
    )
    for happen, reason in cases:
        bench = PoleBench()
        bench.charge()
        happen(bench)
        bench.step()
        assert opened(bench), errors.reason_name(reason)
        assert bench.payee.last_stop == reason


def test_the_contactor_closes_only_while_the_pilot_says_that_power_is_wanted():
    for ventilation, wanted in ((0, ("C",)), (1, ("C", "D"))):
        for state in PILOT_STATES:
            bench = PoleBench(ventilation=ventilation)
            bench.charge()
            bench.board.pilot = state
            bench.step()
            assert opened(bench) == (state not in wanted), state


def test_a_vehicle_that_wants_no_power_keeps_its_session():
    bench = PoleBench()
    bench.charge()
    bench.board.pilot = PILOT_B
    bench.run_ms(1_000)
    assert opened(bench) and bench.payee.charging is not None and not bench.payee.last_stop
    bench.board.pilot = PILOT_C
    bench.step()
    assert not opened(bench)


def test_a_pilot_without_a_vehicle_ends_the_session():
    reasons = {"A": errors.UNPLUGGED, "E": errors.PILOT_SHORTED, "F": errors.UNPLUGGED}
    for state, reason in reasons.items():
        bench = PoleBench()
        bench.charge()
        bench.board.pilot = state
        bench.step()
        assert opened(bench) and bench.payee.last_stop == reason, state


def test_the_switch_itself_asks_for_meter_and_plug():
    """No power flows past a bad meter or a pulled plug, even if the session would allow it."""

    def unplug(bench):
        bench.board.pilot = PILOT_A

    def silence(bench):
        doubt_the_meter(bench, errors.METER_SILENT)

    for happen in (unplug, silence):
        bench = PoleBench()
        bench.charge()
        bench.payee.may_energise = lambda: True
        bench.step()
        assert not opened(bench)
        happen(bench)
        bench.step()
        assert opened(bench)


def test_a_silent_meter_opens_the_contactor_within_its_timeout():
    bench = PoleBench()
    bench.charge()
    bench.meter.set_fault("silent")
    meter = bench.world.pole_config.meter
    bench.run_ms(meter.timeout_ms + meter.interval_ms + 100)
    assert opened(bench)
    assert bench.payee.last_stop == errors.METER_SILENT


def test_greeting_again_and_again_draws_no_more_than_the_bound():
    """The vehicle pays some packets, then only greets, accepts, draws a little, and greets."""
    for draw_ms in (60, 180, 400):
        for wait_ms in (0, 300):
            bench = PoleBench()
            bench.charge()
            bench.paying = False
            for _ in range(10):
                bench.greet()
                bench.run_ms(wait_ms)
                bench.accept()
                bench.run_ms(draw_ms)
            bench.greet()
            bench.run_ms(2_000)
            assert unpaid(bench) <= bench.bound(), (draw_ms, wait_ms)
            record = bench.record
            assert record.energy_mwh >= bench.outlet.energy_mwh - 1_000
            assert record.amount_due == bench.amount(record.energy_mwh)


def drawn_without_paying(power_mw, act, cycles=4):
    """Draw `power_mw` in some sessions that pay nothing, through `act`; return the bench."""
    bench = PoleBench()
    bench.charge()
    bench.paying = False
    bench.outlet.power_mw = power_mw
    for _ in range(cycles):
        act(bench)
        # Long enough for a fault to pass and the session to close.
        bench.run_ms(14_000)
        bench.greet()
        bench.accept()
    bench.run_ms(14_000)
    return bench


def test_too_much_power_is_billed_as_the_register_counts_it():
    bench = drawn_without_paying(13_500_000, lambda bench: bench.run_ms(400))
    assert errors.METER_JUMP in bench.stops
    assert unpaid(bench) <= bench.bound()
    assert bench.record.energy_mwh >= bench.outlet.energy_mwh - 1_000


def test_what_flows_while_the_meter_is_silent_is_billed_when_it_speaks_again():
    def fall_silent(bench):
        bench.meter.set_fault("silent")
        bench.run_ms(1_500)
        bench.meter.set_fault("")

    bench = drawn_without_paying(11_000_000, fall_silent)
    assert errors.METER_SILENT in bench.stops
    assert unpaid(bench) <= bench.bound()
    assert bench.record.energy_mwh >= bench.outlet.energy_mwh - 1_000


def test_what_a_meter_made_up_is_never_billed():
    for jump_mwh in (500_000, -50_000):
        bench = PoleBench()
        bench.charge()
        bench.meter.start_mwh += jump_mwh
        bench.run(lambda: bench.payee.last_stop)  # noqa: B023
        assert opened(bench)
        expected = errors.METER_JUMP if jump_mwh > 0 else errors.METER_BACKWARD
        assert bench.payee.last_stop == expected
        bench.run_ms(14_000)
        bench.charge(3)
        bench.payee.stop(errors.OWNER_STOP, bench.at_ms)
        bench.run_ms(5_000)
        billed_mwh = bench.record.energy_mwh
        assert billed_mwh <= bench.outlet.energy_mwh + 1_000


def test_a_register_that_never_moves_gives_less_and_less():
    """The vehicle comes back as soon as it may."""
    for fault, reason in (("frozen", errors.METER_FROZEN), ("reversed", errors.METER_BACKWARD)):
        bench = PoleBench(credit=320 * 100)
        if fault == "frozen":
            bench.charge()
            bench.meter.set_fault(fault)
        else:
            # Its transformer is turned round, so it never moved forward.
            bench.meter.set_fault(fault)
            bench.run(lambda: not bench.counter.reason)  # noqa: B023
            bench.greet()
            bench.accept()
        given = []
        for rest_ms in (10_000, 20_000, 40_000):
            before_mwh = bench.outlet.energy_mwh
            bench.run(lambda: bench.counter.reason)  # noqa: B023
            began_ms = bench.at_ms
            bench.run(lambda: not bench.counter.reason, 2 * rest_ms)  # noqa: B023
            assert bench.payee.last_stop == reason and opened(bench)
            assert rest_ms <= bench.at_ms - began_ms <= rest_ms + 2_000
            given.append(bench.outlet.energy_mwh - before_mwh)
            bench.greet()
            bench.accept()
        assert max(given) <= 6_500


def test_no_energy_flows_for_which_no_invoice_can_be_cut():
    """Much is prepaid, and the flash needs an erase that never comes.

    The contactor opens within one link timeout, and the rest is billed at the end.
    """
    bench = PoleBench(prepay=640, packet_ms=1_000)
    bench.charge()
    bench.loop.idle = lambda: None
    bench.outlet.power_mw = 1_000_000
    journal = bench.world.pole_journal
    number = 0
    while journal.can_put(400):
        journal.put(b"fill", number.to_bytes(4, "big") * 20)
        number += 1
    bench.run(lambda: not bench.payee.can_store() and not bench.payee.is_in_packet())
    began_ms = bench.at_ms
    bench.run(lambda: opened(bench))
    assert bench.at_ms - began_ms <= bench.world.pole_config.link_timeout_ms
    assert bench.payee.last_stop == errors.STORE_FAILED
    bench.run_ms(5_000)
    assert unpaid(bench) <= bench.bound()
    assert bench.record.energy_mwh >= bench.outlet.energy_mwh - 1_000


def welded_bench(stuck_ms, **pole):
    """Charge, then let the contacts stick for `stuck_ms` while the session ends; run on."""
    bench = PoleBench(**pole)
    bench.charge()
    bench.outlet.stuck = True
    bench.payee.stop(errors.OWNER_STOP, bench.at_ms)
    bench.run_ms(stuck_ms)
    bench.outlet.stuck = False
    bench.run_ms(3_000)
    return bench


def test_contacts_that_weld_raise_an_alarm_and_the_last_channel_pays():
    bench = welded_bench(60_000)
    assert bench.outlet.energy_mwh > 180_000
    assert bench.counter.reason == errors.CONTACTOR_WELDED and not bench.counter.doubt
    status = bench.loop.status()
    assert status["contactor_alarm"] == 1 and status["meter"] == "GOOD"
    record = bench.record
    assert -1_000 <= bench.outlet.energy_mwh - record.energy_mwh <= 1_500
    assert record.amount_due == bench.amount(record.energy_mwh)


def test_contacts_that_open_in_time_raise_none_and_late_ones_do():
    for stuck_ms, alarm in ((0, None), (80, None), (2_000, 1)):
        bench = welded_bench(stuck_ms)
        assert bench.loop.status()["contactor_alarm"] == alarm, stuck_ms
        assert bench.record.energy_mwh >= bench.outlet.energy_mwh - 1_500


def test_a_register_that_went_and_comes_back_raises_no_alarm():
    """It moves once, by more than a step, while the contactor is open."""
    bench = PoleBench()
    bench.charge()
    bench.payee.stop(errors.OWNER_STOP, bench.at_ms)
    bench.run_ms(3_000)
    for fault in ("backward", "reset"):
        bench.meter.set_fault(fault)
        bench.run_ms(2 * bench.world.pole_config.meter.recover_ms)
        bench.meter.set_fault("")
        bench.run_ms(2 * bench.world.pole_config.meter.recover_ms)
        assert bench.loop.status()["contactor_alarm"] is None, fault


def test_a_slow_coarse_meter_raises_no_alarm():
    """Its last step comes long after the contactor opened."""
    for refresh_ms in (1_000, 5_000):
        bench = PoleBench(
            meter=dict(METER, step_mwh=10_000, refresh_ms=refresh_ms),
            packet_energy_mwh=20_000,
            prices=[{"from_s": 0, "price_per_kwh": 32_000}],
        )
        bench.meter.step_mwh, bench.meter.refresh_ms = 10_000, refresh_ms
        for _ in range(3):
            bench.charge(0)
            bench.run_ms(7_777)
            bench.payee.stop(errors.OWNER_STOP, bench.at_ms)
            bench.run_ms(12_000)
        assert bench.loop.status()["contactor_alarm"] is None


def test_a_meter_that_smooths_its_power_or_lags_raises_no_alarm():
    for smooth_ms, lag_ms, refresh_ms in (
        (100, 0, 200),
        (300, 0, 200),
        (1_000, 0, 0),
        (2_000, 0, 200),
        (5_000, 0, 200),
        (0, 500, 0),
        (0, 1_000, 200),
        (0, 3_000, 0),
        (0, 5_000, 200),
        (1_000, 2_000, 200),
    ):
        bench = PoleBench(credit=32_000)
        bench.prepay = 32_000
        meter = bench.meter
        meter.smooth_ms, meter.lag_ms, meter.refresh_ms = smooth_ms, lag_ms, refresh_ms
        bench.charge()
        bench.run_ms(5_000)
        assert bench.outlet.contact, "it charges"
        bench.payee.stop(errors.OWNER_STOP, bench.at_ms)
        bench.run_ms(30_000)
        assert bench.loop.status()["contactor_alarm"] is None, (smooth_ms, lag_ms)


def test_welded_contacts_are_found_in_time_behind_such_a_meter():
    """In 1.3 s at a steady power, as docs/security.md says, and by energy behind no power."""
    for smooth_ms, lag_ms, within_ms in (
        (0, 0, 1_300),
        (1_000, 0, 1_300),
        (0, 1_000, 1_300),
        (1 << 30, 0, 8_500),
    ):
        bench = PoleBench(credit=320 * 100)
        bench.prepay = 320 * 100
        bench.meter.smooth_ms, bench.meter.lag_ms = smooth_ms, lag_ms
        bench.charge()
        bench.run_ms(8_000)
        bench.outlet.stuck = True
        bench.payee.stop(errors.OWNER_STOP, bench.at_ms)
        bench.run(lambda: opened(bench))  # noqa: B023
        began_ms = bench.at_ms
        bench.run(lambda: bench.counter.alarm)  # noqa: B023
        assert bench.at_ms - began_ms <= within_ms, (smooth_ms, lag_ms)


def test_welded_contacts_are_found_at_a_power_that_falls_for_minutes():
    """A battery that fills up: each reading is the lowest, and energy tells."""
    bench = PoleBench(credit=320 * 100)
    bench.charge()
    bench.outlet.stuck = True
    bench.payee.stop(errors.OWNER_STOP, bench.at_ms)
    began_ms = bench.at_ms
    while not bench.counter.alarm:
        bench.outlet.power_mw -= 2_000
        bench.step()
        assert bench.at_ms - began_ms < 12_000


def paused_bench(refresh_ms, step_mwh, on_ms, phase_ms, stuck=False):
    """Close the contactor for `on_ms`, `phase_ms` after a refresh that nobody declared; run on."""
    bench = PoleBench(credit=320 * 100)
    bench.prepay = 320 * 50
    bench.meter.refresh_ms, bench.meter.step_mwh = refresh_ms, step_mwh
    bench.run(lambda: not bench.counter.reason)
    bench.board.pilot = PILOT_B
    bench.greet()
    bench.accept()
    bench.run_ms(1_000)
    bench.run(lambda: bench.meter.now_ms % refresh_ms // 20 == phase_ms // 20)
    bench.board.pilot = PILOT_C
    bench.run(lambda: bench.outlet.contact)
    bench.run_ms(on_ms)
    bench.outlet.stuck = stuck
    bench.board.pilot = PILOT_B
    bench.run_ms(1_000)
    return bench


def test_old_figures_of_a_slow_meter_that_nobody_declared_raise_no_alarm():
    """The power of the time before the opening still shows for a refresh after it."""
    for refresh_ms, step_mwh, on_ms, phase_ms in (
        (1_500, 1_000, 300, 1_200),
        (2_000, 10_000, 700, 1_600),
        (3_000, 1_000, 700, 2_400),
        (5_000, 100_000, 1_500, 4_000),
        (5_000, 1_000, 1_500, 0),
    ):
        bench = paused_bench(refresh_ms, step_mwh, on_ms, phase_ms)
        bench.run_ms(2 * refresh_ms)
        assert bench.outlet.energy_mwh > 900 and not bench.outlet.contact
        assert bench.loop.status()["contactor_alarm"] is None, (refresh_ms, step_mwh)


def test_welded_contacts_show_behind_a_slow_meter_that_nobody_declared():
    """Three new figures show the current, after the figures that tell of the opening."""
    for refresh_ms in (200, 1_500, 3_000):
        bench = paused_bench(refresh_ms, 1_000, 700, 0, stuck=True)
        bench.run(lambda: bench.counter.alarm, 4 * refresh_ms)  # noqa: B023
        assert bench.outlet.contact and opened(bench)


def test_the_alarm_outlives_a_restart_until_a_person_names_it():
    bench = welded_bench(5_000)
    journal = bench.world.pole_journal
    for checked, alarm in ((0, errors.CONTACTOR_WELDED), (1, 0)):
        watch = WeldWatch(journal, checked, 11_000_000)
        assert watch.number == 1 and watch.alarm == alarm
    bench.run_ms(2_000)
    bench.send_hello()
    bench.run_ms(2_000)
    assert bench.stops[-1] == errors.CONTACTOR_WELDED


def test_current_through_a_contactor_that_opened_for_money_is_billed():
    bench = PoleBench()
    bench.charge()
    bench.paying = False
    bench.outlet.stuck = True
    bench.run(lambda: bench.counter.alarm)
    assert opened(bench)
    bench.run_ms(30_000)
    record = bench.record
    assert -1_000 <= bench.outlet.energy_mwh - record.energy_mwh <= 1_500
    assert opened(bench) and bench.payee.charging is None
