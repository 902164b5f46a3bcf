"""Meters and lines as they are in the field: coarse steps, refreshes, speeds, echoes, gateways."""

from joulestream.errors import (
    METER_BACKWARD,
    METER_FROZEN,
    METER_JUMP,
    METER_OUT_OF_RANGE,
    METER_STALE,
)
from joulestream.meter.config import check_meter
from joulestream.meter.counter import open_meter
from joulestream.meter.drivers import open_driver
from joulestream.testkit.board import MemoryBoard
from joulestream.testkit.meter import Line, Meter
from joulestream.testkit.oracle_meter import OracleMeter
from joulestream.testkit.pair import METER as QUICK
from joulestream.testkit.random import Random
from joulestream.units import TICKS_PERIOD, energy_from_power, ticks_add

MAX_POWER_MW = 11_000_000
STEP_MS = 20
NEAR_WRAP = TICKS_PERIOD - 20_000


class World:
    """A meter on its line, the counter that reads it, and the energy through it."""

    def __init__(self, meter, config=QUICK, start_ms=NEAR_WRAP):
        self.meter = meter
        self.config = check_meter(config)
        self.counter = open_meter(self.config, MemoryBoard({"meter": meter}), MAX_POWER_MW)
        self.power_mw = 0
        self.now_ms = start_ms
        self.closed = True
        self.flowed = 0
        self.reasons = set()

    def run(self, ms, condition=None):
        """Let time pass; return the time until `condition` held, or None."""
        for past_ms in range(0, ms, STEP_MS):
            self.meter.advance(self.power_mw, STEP_MS)
            self.flowed += self.power_mw * STEP_MS
            self.now_ms = ticks_add(self.now_ms, STEP_MS)
            self.counter.advance(self.closed, self.now_ms)
            self.reasons.add(self.counter.reason)
            if condition is not None and condition():
                return past_ms
        return None

    def start(self):
        """Run without power until the meter is trusted."""
        assert self.run(20_000, lambda: not self.counter.reason) is not None
        self.run(400)
        self.reasons.clear()

    def flowed_mwh(self):
        return self.flowed // 3_600_000


# (step in mWh, refresh in ms, register at the start in mWh)
METERS = (
    (1, 0, 5_000_000),
    (1_000, 1_000, 5_000_000),
    (1_000, 5_000, 5_000_000),
    (10_000, 0, 5_000_000),
    (10_000, 1_000, 5_004_999),
    (100_000, 0, 5_050_000),
    (100_000, 1_000, 5_000_000),
    (100_000, 5_000, 180_200_000),
    (1_000, 1_000, 40_000_000_000),  # a float32 of kWh steps by 4 Wh there
    (100_000, 1_000, 900_000_000_000),  # and by 62.5 Wh there
)


def test_coarse_and_slow_meters_charge_declared_or_not():
    for step_mwh, refresh_ms, start_mwh in METERS:
        for declared in (True, False):
            for powers_w in ((11_000,), (90,), (1_400,), (1_400, 11_000, 0, 11_000, 300, 7_000)):
                config = dict(QUICK)
                if declared:
                    config["step_mwh"] = max(step_mwh, 1)
                    config["refresh_ms"] = refresh_ms
                meter = Meter(start_mwh, step_mwh, refresh_ms=refresh_ms)
                world = World(meter, config)
                world.start()
                label = (step_mwh, refresh_ms, start_mwh, declared, powers_w)
                most_w = 0
                for power_w in powers_w:
                    world.power_mw = power_w * 1_000
                    most_w = max(most_w, power_w)
                    world.run(60_000)
                    assert world.reasons == {0}, (label, world.reasons, power_w)
                # The estimate is right to the time by which the figures are old.
                late_mwh = energy_from_power(most_w * 1_000, 3 * refresh_ms + 600) + 2
                late_mwh += start_mwh >> 23  # a float32 has so many bits
                late_mwh += 0 if declared else 1_125  # until the step shows that it is longer
                total_mwh, flowed_mwh = world.counter.total_mwh, world.flowed_mwh()
                assert abs(total_mwh - flowed_mwh) <= late_mwh + flowed_mwh // 200, (
                    label,
                    total_mwh,
                    flowed_mwh,
                )
                assert world.counter.step_mwh >= (step_mwh if declared else 1_000), label


def test_what_is_measured_is_told_and_never_less_than_declared():
    for step_mwh, refresh_ms in ((100_000, 0), (10_000, 0), (1_000, 1_000), (1_000, 200)):
        world = World(Meter(5_000_000, step_mwh, refresh_ms=refresh_ms))
        world.start()
        world.power_mw = 11_000_000
        world.run(80_000)
        assert abs(world.counter.step_mwh - step_mwh) <= 1  # a float32's
        assert world.counter.refresh_ms >= max(refresh_ms * 8 // 10 - 200, 200)
        assert world.counter.refresh_ms <= max(refresh_ms, 200)
    # A fine meter that was declared coarse stays coarse.
    world = World(Meter(), dict(QUICK, step_mwh=10_000, refresh_ms=2_000))
    world.start()
    world.power_mw = 11_000_000
    world.run(20_000)
    assert world.counter.step_mwh == 10_000 and world.counter.refresh_ms == 2_000


def test_a_rest_that_does_not_come_again_is_forgotten():
    meter = Meter()
    world = World(meter)
    world.start()
    world.power_mw = 90_000
    world.run(10_000)
    meter.set_fault("repeating")
    world.run(3_000)
    meter.set_fault("")
    world.run(400)
    assert world.counter.refresh_ms >= 2_000
    world.power_mw = 11_000_000
    world.run(20_000)
    assert world.counter.refresh_ms == 200


def frozen_mwh(step_mwh, refresh_ms, power_w, fault):
    """Return the energy that flows until a frozen register is found."""
    config = dict(QUICK, step_mwh=max(step_mwh, 1), refresh_ms=refresh_ms)
    meter = Meter(5_000_000, step_mwh, refresh_ms=refresh_ms)
    world = World(meter, config)
    world.start()
    world.power_mw = power_w * 1_000
    world.run(2 * 3_600 * step_mwh // power_w + 4_000)
    assert world.reasons == {0}
    meter.set_fault(fault)
    before_mwh = world.flowed_mwh()
    assert world.run(3_600_000, lambda: world.counter.reason) is not None
    assert world.counter.reason == METER_FROZEN
    return world.flowed_mwh() - before_mwh


def test_a_frozen_register_is_found_within_the_bound():
    """Two steps and an eighth, and the power while the figures may be old: the last refresh before
    the fault, the two that the watch allows, and the reading."""
    for step_mwh, refresh_ms in ((1_000, 200), (1_000, 1_000), (10_000, 1_000), (100_000, 5_000)):
        for power_w in (11_000, 1_400):
            bound_mwh = step_mwh * 17 // 8 + energy_from_power(
                power_w * 1_000, 3 * refresh_ms + 2 * 300 + 400
            )
            assert frozen_mwh(step_mwh, refresh_ms, power_w, "frozen") <= bound_mwh
            # A gateway that answers from its memory: no refresh rests for six seconds. Figures
            # that are known to change with each reading do not rest at all.
            rest_ms = 0 if refresh_ms <= 200 else 6_000
            repeated_mwh = bound_mwh + energy_from_power(power_w * 1_000, rest_ms)
            assert frozen_mwh(step_mwh, refresh_ms, power_w, "repeating") <= repeated_mwh


def test_a_meter_that_is_wired_backwards_is_found_by_pole_and_vehicle():
    """A vehicle does not know whether the contactor is closed."""
    for step_mwh, refresh_ms in ((1_000, 200), (1_000, 1_000), (100_000, 5_000)):
        for closed in (True, None):
            for power_w in (11_000, 1_400):
                meter = Meter(5_000_000, step_mwh, refresh_ms=refresh_ms)
                meter.set_fault("reversed")
                world = World(meter, dict(QUICK, step_mwh=step_mwh, refresh_ms=refresh_ms))
                world.closed = closed
                world.start()
                world.power_mw = power_w * 1_000
                assert world.run(20_000, lambda: world.counter.reason) is not None  # noqa: B023
                assert world.counter.reason == METER_BACKWARD
                late_ms = refresh_ms + 2 * 300
                bound_mwh = energy_from_power(MAX_POWER_MW, 1_000)
                bound_mwh += energy_from_power(world.power_mw, late_ms)
                assert world.flowed_mwh() <= bound_mwh, (step_mwh, refresh_ms, power_w)


def test_a_meter_that_was_turned_round_for_a_while_loses_no_energy():
    world = World(Meter())
    world.start()
    world.power_mw = 7_000_000
    world.run(5_000)
    world.meter.set_fault("reversed")
    assert world.run(5_000, lambda: world.counter.reason) is not None
    world.closed = False
    world.run(100)  # the contactor opens
    world.power_mw = 0
    world.run(700)
    world.meter.set_fault("")
    world.run(11_000)
    assert world.reasons == {0, METER_BACKWARD} and not world.counter.reason
    assert 0 <= world.flowed_mwh() - world.counter.total_mwh <= 1_000


def test_a_jump_beyond_the_bound_is_found():
    for step_mwh, refresh_ms in ((1_000, 200), (1_000, 1_000), (10_000, 1_000), (100_000, 5_000)):
        config = dict(QUICK, step_mwh=step_mwh, refresh_ms=refresh_ms)
        meter = Meter(5_000_000, step_mwh, refresh_ms=refresh_ms)
        world = World(meter, config)
        world.start()
        world.power_mw = 11_000_000
        world.run(3_600 * step_mwh // 11_000 * 2 + 6_000)
        assert world.reasons == {0}
        total_mwh = world.counter.total_mwh
        flowed_mwh = world.flowed_mwh()
        late_ms = 2 * refresh_ms + 2 * 300 + 400
        jump_mwh = 3 * step_mwh + energy_from_power(MAX_POWER_MW * 9 // 8, late_ms)
        meter.start_mwh += jump_mwh
        world.closed = False
        world.run(refresh_ms + 1_000, lambda: world.counter.reason)  # noqa: B023
        assert world.counter.reason == METER_JUMP, (step_mwh, refresh_ms)
        world.power_mw = 0
        world.run(20_000)
        assert not world.counter.reason
        # None of it is billed, and what really flowed is off by the time of the fault at the most.
        error_mwh = (world.counter.total_mwh - total_mwh) - (world.flowed_mwh() - flowed_mwh)
        assert abs(error_mwh) < jump_mwh // 2 + step_mwh


def read_all(model, line, config=None, ms=20_000, power_mw=7_000_000):
    """Charge through a line; return the world."""
    world = World(Meter(model=model, line=line), dict(config or {}, model=model))
    world.start()
    world.power_mw = power_mw
    world.run(ms)
    return world


def test_default_settings_work_at_the_speed_that_the_maker_sets():
    for model, baud, turnarounds in (
        ("sdm120", 2_400, (0, 25, 100, 195)),
        ("sdm220", 2_400, (25, 195)),
        ("sdm230", 2_400, (25, 195)),
        ("sdm630", 9_600, (0, 25, 100, 195)),
        ("sdm72d-v2", 9_600, (25, 195)),
    ):
        for turnaround_ms in turnarounds:
            world = read_all(model, Line(baud, turnaround_ms))
            assert world.reasons == {0}, (model, turnaround_ms)
            assert (
                world.counter.driver.bad_answers == 0 and world.counter.driver.skipped_bytes == 0
            )
            assert abs(world.counter.total_mwh - world.flowed_mwh()) < 4_000


def test_stray_bytes_and_echoes_cost_nothing():
    for line in (
        Line(9_600, 25, before=b"\0"),
        Line(9_600, 25, before=b"\xff"),
        Line(9_600, 25, echoes=True),
        Line(9_600, 25, echoes=True, before=b"\0"),
        Line(2_400, 100, echoes=True, before=b"\xff\0", behind=b"\0"),
        Line(9_600, 25, behind=b"\xff\xff"),
        Line(0, 25, echoes=True, before=b"\1\4"),
    ):
        world = read_all("sdm120", line, {"baud": line.baud or 9_600})
        assert world.reasons == {0}
        assert world.counter.driver.bad_answers == 0 and world.counter.driver.skipped_bytes > 0


def test_a_late_answer_is_never_taken_for_a_fresh_one():
    """A gateway delays the answers and keeps their order. Each reading is as old as it says."""
    readings = 0
    for late_ms in (0, 40, 90, 130, 170, 200, 300, 400, 555, 1_000, 2_222, 5_000, 9_999, 20_000):
        oracle = OracleMeter(late_ms)
        driver = open_driver(check_meter(QUICK), MemoryBoard({"meter": oracle}))
        for now_ms in range(0, 90_000, 10):
            oracle.now_ms = now_ms
            reading = driver.poll(now_ms)
            if reading is not None:
                readings += 1
                assert now_ms - reading.power_mw // 1_000 <= reading.age_ms, late_ms
                assert reading.age_ms <= 2 * 150, late_ms
    assert readings > 200


def test_a_gateway_that_is_late_at_times():
    for seed in range(1, 9):
        oracle = OracleMeter(0, jitter=Random(seed))
        driver = open_driver(check_meter(QUICK), MemoryBoard({"meter": oracle}))
        for now_ms in range(0, 60_000, 10):
            oracle.now_ms = now_ms
            reading = driver.poll(now_ms)
            if reading is not None:
                assert now_ms - reading.power_mw // 1_000 <= reading.age_ms <= 300


def test_a_gateway_is_stale_by_default_and_works_when_its_time_is_configured():
    world = World(Meter(line=Line(9_600, 30, late_ms=1_000)), QUICK)
    world.run(20_000)
    assert world.counter.reason == METER_STALE and world.counter.driver.skipped_bytes > 0
    world = read_all("sdm120", Line(9_600, 30, late_ms=1_000), {"turnaround_ms": 1_100})
    assert world.reasons == {0} and world.config.timeout_ms > 4_000


def test_the_age_of_a_reading_counts_from_its_question():
    """The meter is cut off in the middle of a reading."""
    meter = Meter(line=Line(9_600, 30))
    world = World(meter)
    world.start()
    for wait_ms in range(0, 400, 40):
        world.run(2_000 + wait_ms)
        last_ms = world.counter.asked_ms
        meter.set_fault("silent")
        world.run(5_000, lambda: world.counter.reason)
        # The reading that was under way may still have come.
        last_ms = world.counter.asked_ms
        age_ms = ticks_add(world.now_ms, -last_ms)
        assert 1_000 < age_ms <= 1_000 + STEP_MS
        meter.set_fault("")
        world.start()


def test_senseless_figures_are_no_reading_and_have_a_reason():
    for fault in ("huge", "absurd", "nan"):
        meter = Meter()
        world = World(meter)
        world.start()
        world.power_mw = 7_000_000
        world.run(5_000)
        assert world.reasons == {0}
        meter.set_fault(fault)
        world.run(200)
        assert world.reasons == {0}, "one such answer is like a lost one"
        meter.set_fault("")
        world.run(1_000)
        assert world.reasons == {0}
        meter.set_fault(fault)
        assert world.run(2_000, lambda: world.counter.reason) is not None  # noqa: B023
        world.closed = False
        world.power_mw = 0
        world.run(60_000)
        assert world.reasons == {0, METER_OUT_OF_RANGE}
        meter.set_fault("")
        world.run(1_000)
        assert not world.counter.reason


def test_a_register_that_jumps_once_loses_no_energy():
    """180.2, 5000, 180.4 kWh; and a 0 in between."""
    for fault, reason in (("glitch", METER_JUMP), ("reset", METER_BACKWARD)):
        meter = Meter(180_200_000)
        world = World(meter)
        world.start()
        world.power_mw = 7_000_000
        world.run(5_000)
        meter.set_fault(fault)
        assert world.run(1_000, lambda: world.counter.reason) is not None  # noqa: B023
        world.closed = False
        world.run(100)  # the contactor opens
        world.power_mw = 0
        world.run(700)
        meter.set_fault("")
        world.run(11_000)
        assert world.reasons == {0, reason} and not world.counter.reason
        assert world.counter.register_mwh // 1_000_000 == 180
        assert 0 <= world.flowed_mwh() - world.counter.total_mwh <= 1_000


def test_a_register_that_starts_with_zero_is_waited_for():
    meter = Meter(180_200_000)
    world = World(meter)
    meter.set_fault("reset")
    world.run(1_000)
    assert world.reasons <= {METER_STALE, 80}
    meter.set_fault("")
    world.run(1_000)
    assert not world.counter.reason and world.counter.register_mwh // 1_000 == 180_199
    # A new meter really shows 0.
    world = World(Meter(0))
    world.start()
    assert world.counter.register_mwh == 0


def test_a_step_at_the_edge_of_a_session_is_split():
    """Sessions of 30 Wh on a register of 100 Wh: each has its own energy, to power times time."""
    world = World(Meter(5_040_000, 100_000), dict(QUICK, step_mwh=100_000))
    world.start()
    for _ in range(20):
        before_mwh, flowed_mwh = world.counter.total_mwh, world.flowed_mwh()
        world.closed = True
        world.power_mw = 11_000_000
        world.run(9_800)
        world.closed = False
        world.power_mw = 0
        world.run(2_000)
        error_mwh = (world.counter.total_mwh - before_mwh) - (world.flowed_mwh() - flowed_mwh)
        # At the begin the power, and at a step the register, is late by a reading: 300 ms.
        assert abs(error_mwh) <= 1_900
    assert world.reasons == {0}
