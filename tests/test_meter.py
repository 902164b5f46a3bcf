"""The estimate between a meter's readings, and the watch over a meter that may lie."""

from dual_runtime import raised
from joulestream.device.config import ConfigError
from joulestream.errors import (
    METER_BACKWARD,
    METER_FROZEN,
    METER_JUMP,
    METER_SILENT,
    METER_STALE,
)
from joulestream.meter.config import check_meter
from joulestream.meter.counter import EnergyCounter
from joulestream.meter.drivers import DRIVERS
from joulestream.meter.estimate import EnergyEstimate
from joulestream.meter.reading import Reading
from joulestream.meter.watch import MeterWatch
from joulestream.testkit.pair import METER
from joulestream.testkit.pole_bench import PoleBench
from joulestream.testkit.random import Random
from joulestream.units import MS_PER_HOUR, TICKS_PERIOD, ticks_add

INTERVAL_MS = 200
NEAR_WRAP = TICKS_PERIOD - 3_000


def reading_at(time_ms, energy_mwh, power_mw=11_000_000, voltage_mv=230_000, step_mwh=1_000):
    return Reading(time_ms, energy_mwh, step_mwh, power_mw, voltage_mv)


def follow(estimate, reading):
    """Let an estimate follow a reading. The caller knows the register's step."""
    estimate.follow(reading, reading.step_mwh, 1 << 30)


def started(reading):
    """Return an estimate. Its register stands exactly at a step, as `reading` shows."""
    estimate = EnergyEstimate()
    estimate.advance(reading.time_ms)
    follow(estimate, reading)
    estimate.skip_counted(0)
    return estimate


def config(**changes):
    """Return the configuration of a meter of 1 Wh that refreshes at once."""
    return check_meter(dict(METER, refresh_ms=0, **changes))


def test_the_estimate_fills_a_step_and_stays_inside():
    for start_ms in (0, NEAR_WRAP):
        estimate = started(reading_at(start_ms, 5_000_000, 3_600_000))  # 1 mWh in 1 ms
        assert estimate.advance(start_ms) == 0
        assert estimate.advance(ticks_add(start_ms, 400)) == 400
        assert estimate.advance(ticks_add(start_ms, 5_000)) == 999
        follow(estimate, reading_at(ticks_add(start_ms, 5_100), 5_001_000, 0))
        assert estimate.advance(ticks_add(start_ms, 5_200)) == 1_000


def test_power_that_flows_back_is_no_energy():
    estimate = EnergyEstimate()
    follow(estimate, reading_at(0, 7, -3_600_000))
    assert estimate.advance(10_000) == 0
    # And it earns none that is to be made up for.
    follow(estimate, reading_at(10_000, 7, 3_600_000))
    assert estimate.advance(10_100) == 100


def test_the_estimate_never_runs_backwards_nor_beyond_its_step():
    for seed in range(1, 16):
        random = Random(seed)
        step_mwh = (1, 1_000, 1_954, 100_000)[seed % 4]
        now_ms = NEAR_WRAP if seed % 2 else 0
        register = base = random.below(1 << 33) // step_mwh * step_mwh
        estimate = started(reading_at(now_ms, register, 0, step_mwh=step_mwh))
        last = 0
        for _ in range(300):
            now_ms = ticks_add(now_ms, random.below(400))
            if random.below(3) == 0:
                steps = random.below(3)
                # A float32 register's step is rounded up: it may move a little less.
                register += steps * step_mwh - (random.below(2) if steps and step_mwh > 1 else 0)
                power = random.below(22_000_000) - 2_000_000
                follow(estimate, reading_at(now_ms, register, power, step_mwh=step_mwh))
            total = estimate.advance(now_ms)
            assert last <= total, "backwards"
            assert register - base <= total, "behind the register"
            assert total < register - base + step_mwh, "beyond the step"
            last = total


def test_a_distrusted_register_counts_nothing():
    estimate = started(reading_at(0, 1_000_000, 0))
    follow(estimate, reading_at(100, 1_003_000, 3_600_000))
    assert estimate.advance(200) == 3_100
    estimate.pause()
    assert estimate.advance(9_000) == 3_100
    estimate.forget_register()
    follow(estimate, reading_at(9_100, 77_000_000, 3_600_000))
    assert estimate.advance(9_200) == 3_200
    # Of the step in which the register was found, only what has flowed since then counts.
    follow(estimate, reading_at(9_300, 77_001_000, 0))
    assert estimate.advance(9_300) == 3_300 and estimate.before_mwh == 800
    follow(estimate, reading_at(9_400, 77_002_000, 0))
    assert estimate.advance(9_400) == 4_300


class Heard:
    """The part of a driver that the watch reads."""

    heard_ms = None
    senseless_ms = None


class Watched:
    """A watch that is given a reading every INTERVAL_MS."""

    def __init__(self, start_ms=0, power_mw=11_000_000, **changes):
        self.meter = Heard()
        self.watch = MeterWatch(self.meter, 11_500_000, config(**changes))
        self.now_ms = start_ms
        self.power_mw = power_mw
        self.energy = 50_000_000 * MS_PER_HOUR
        self.voltage_mv = 230_000

    def register(self):
        return self.energy // MS_PER_HOUR // 1_000 * 1_000

    def give(self, closed=True, energy_mwh=None, power_mw=None, wait_ms=INTERVAL_MS):
        """Let time pass and give a reading; return (followed, reason)."""
        self.now_ms = ticks_add(self.now_ms, wait_ms)
        self.energy += self.power_mw * wait_ms
        self.meter.heard_ms = self.now_ms
        self.voltage_mv = 460_001 - self.voltage_mv
        reading = reading_at(
            self.now_ms,
            self.register() if energy_mwh is None else energy_mwh,
            self.power_mw if power_mw is None else power_mw,
            self.voltage_mv,
        )
        return self.watch.judge(reading, closed), self.watch.reason(self.now_ms)

    def later(self, ms):
        return self.watch.reason(ticks_add(self.now_ms, ms))


def starts():
    return (0, NEAR_WRAP)


def test_a_good_meter_is_trusted():
    for start_ms in starts():
        watched = Watched(start_ms)
        for _ in range(600):
            assert watched.give() == (True, 0)


def test_silent_and_stale():
    for start_ms in starts():
        watched = Watched(start_ms)
        assert watched.watch.reason(start_ms) == METER_SILENT
        watched.meter.heard_ms = start_ms
        assert watched.watch.reason(start_ms) == METER_STALE
        watched.give()
        assert watched.later(1_000) == 0
        assert watched.later(1_001) == METER_SILENT
        # It still says something, but nothing whole.
        watched.meter.heard_ms = ticks_add(watched.now_ms, 900)
        assert watched.later(1_001) == METER_STALE
        assert watched.later(1_901) == METER_SILENT
        assert watched.give(wait_ms=2_000) == (True, 0)


def test_a_meter_that_stays_silent_is_never_trusted_again():
    """Ticks wrap: a moment more than half a period ago must not look new."""
    watched = Watched()
    watched.give()
    for ms in range(0, 2 * TICKS_PERIOD, 20_000_000):
        reason = watched.later(ms)
        assert reason == (METER_SILENT if ms else 0), ms


def test_backwards():
    for start_ms in starts():
        watched = Watched(start_ms)
        for _ in range(20):
            watched.give()
        assert watched.give(energy_mwh=watched.register() - 1_000) == (False, METER_BACKWARD)
        assert watched.later(999) == METER_BACKWARD


def test_jump_of_the_register():
    for start_ms in starts():
        watched = Watched(start_ms)
        for _ in range(20):
            watched.give()
        assert watched.give(energy_mwh=watched.register() + 5_000) == (False, METER_JUMP)
    watched = Watched()
    for _ in range(20):
        watched.give()
    watched.power_mw = 0
    watched.give()
    # Two steps at once are no jump, a step more than the power allows is one.
    start = watched.register()
    assert watched.give(energy_mwh=start + 2_000)[1] == 0
    assert watched.give(energy_mwh=start + 5_000) == (False, METER_JUMP)


def test_jump_of_the_power():
    for power_mw, reason in ((12_900_000, 0), (13_000_000, METER_JUMP), (-13_000_000, METER_JUMP)):
        watched = Watched()
        watched.give()
        # The energy that the register counted did flow.
        assert watched.give(power_mw=power_mw) == (True, reason)


def test_a_register_that_stands_still_while_power_flows_is_frozen():
    for start_ms in starts():
        watched = Watched(start_ms)
        for _ in range(20):
            watched.give()
        stands = watched.register()
        turn = reason = 0
        while not reason and turn < 40:
            _, reason = watched.give(energy_mwh=stands)
            turn += 1
        assert reason == METER_FROZEN
        # Two steps of 1 Wh and an eighth at 11 kW are 0.70 s.
        assert 600 <= turn * INTERVAL_MS <= 1_000


def test_a_register_that_never_moved_is_frozen_after_the_coarsest_step():
    watched = Watched()
    watched.give()
    stands = watched.register()
    turn = reason = 0
    while not reason and turn < 300:
        _, reason = watched.give(energy_mwh=stands)
        turn += 1
    assert reason == METER_FROZEN
    # 113.5 Wh at 11 kW are 37.1 s.
    assert 36_800 <= turn * INTERVAL_MS <= 37_400
    watched.now_ms = ticks_add(watched.now_ms, 10_000)
    turn = reason = 0
    while not reason and turn < 300:
        _, reason = watched.give(energy_mwh=stands)
        turn += 1
    assert reason == METER_FROZEN and turn * INTERVAL_MS <= 1_000, "once is enough"


def test_energy_that_an_open_contactor_kept_back_is_not_expected_of_the_register():
    watched = Watched()
    for _ in range(8):
        watched.give()
    # The firmware stalls, and the contactor opens just after the newest reading.
    watched.power_mw = 0
    assert watched.give(False, wait_ms=800) == (True, 0)
    assert watched.watch.step_mwh == 1_000
    # A vehicle cannot know whether the pole's contactor is closed. It expects the energy.
    watched.power_mw = 11_000_000
    for _ in range(8):
        watched.give(None)
    stands = watched.register()
    assert watched.give(None, energy_mwh=stands, wait_ms=800)[1] == METER_FROZEN


def test_a_load_that_ends_right_behind_a_reading_is_no_frozen_register():
    """However long the time between two readings is. A register that stands still shows soon."""
    for interval_ms in (200, 1_000, 3_000, 10_000):
        watched = Watched(interval_ms=interval_ms)
        for _ in range(8):
            watched.give(wait_ms=interval_ms)
        for _ in range(50):
            stands = watched.register()
            # The reading shows the power, and the register of the next one has not moved.
            for power_mw in (11_000_000, 0, 0):
                watched.power_mw = 0
                said = watched.give(energy_mwh=stands, power_mw=power_mw, wait_ms=interval_ms)
                assert said == (True, 0), interval_ms
            watched.power_mw = 11_000_000
            assert watched.give(wait_ms=interval_ms) == (True, 0)
        stands = watched.register()
        began_ms = watched.now_ms
        while watched.give(energy_mwh=stands, wait_ms=interval_ms)[1] != METER_FROZEN:
            assert watched.now_ms - began_ms <= 3_000 + 4 * interval_ms


def test_a_vehicle_that_feeds_power_back_keeps_nobody_else_out():
    """The register has moved forward since the start, so the meter is not wired backwards."""
    for counts_back in (False, True):
        watched = Watched()
        for _ in range(20):
            watched.give()
        for _ in range(12):
            watched.power_mw = -11_000_000
            stands = None if counts_back else watched.register()
            reason = 0
            while not reason:
                reason = watched.give(energy_mwh=stands)[1]
            assert reason == METER_BACKWARD
            watched.power_mw = 0
            for _ in range(3):
                watched.give(False, energy_mwh=stands)
            assert watched.give(False, energy_mwh=stands, wait_ms=10_000)[1] == 0


def until_doubt(watched, stands, power_mw):
    """Let power flow until the doubt; return (reason, time until then), and open the contactor."""
    watched.power_mw = power_mw
    began_ms = watched.now_ms
    reason = turn = 0
    while not reason and turn < 200:
        _, reason = watched.give(energy_mwh=stands)
        turn += 1
    doubted_ms = watched.now_ms
    watched.power_mw = 0
    watched.give(False, energy_mwh=stands)
    return reason, ticks_add(doubted_ms, -began_ms)


def test_a_register_that_stands_still_is_doubted_for_twice_as_long_each_time():
    for start_ms in starts():
        for power_mw, expected in ((11_000_000, METER_FROZEN), (-11_000_000, METER_BACKWARD)):
            # A meter that is wired backwards never moved forward since the start.
            watched = Watched(start_ms, max(power_mw, 0))
            for _ in range(20):
                watched.give()
            stands = watched.register()
            wait_ms = 10_000
            for _ in range(11):
                reason, past_ms = until_doubt(watched, stands, power_mw)
                assert reason == expected and past_ms <= 1_600
                rest_ms = wait_ms - 2 * INTERVAL_MS
                assert watched.give(False, energy_mwh=stands, wait_ms=rest_ms)[1] == expected
                assert watched.give(False, energy_mwh=stands)[1] == 0
                wait_ms = min(2 * wait_ms, 3_600_000)
            assert wait_ms == 3_600_000
            # The register moves at last.
            assert until_doubt(watched, stands, power_mw)[0] == expected
            assert watched.give(False, energy_mwh=stands + 1_000, wait_ms=60_000)[1] == expected
            rest_ms = 10_000 - INTERVAL_MS
            assert watched.give(False, energy_mwh=stands + 1_000, wait_ms=rest_ms)[1] == expected
            assert watched.give(False, energy_mwh=stands + 1_000)[1] == 0
            assert until_doubt(watched, stands + 1_000, power_mw)[0] == expected
            rest_ms = 10_000 - INTERVAL_MS
            assert watched.give(False, energy_mwh=stands + 1_000, wait_ms=rest_ms)[1] == 0


def test_a_register_that_counts_backwards_is_doubted_for_twice_as_long_each_time():
    watched = Watched(power_mw=0)
    for _ in range(20):
        watched.give()
    for wait_ms in (10_000, 20_000, 40_000):
        watched.power_mw = -11_000_000
        reason = turn = 0
        while not reason and turn < 40:
            _, reason = watched.give()
            turn += 1
        assert reason == METER_BACKWARD and turn * INTERVAL_MS <= 1_000
        watched.power_mw = 0
        watched.give(False)
        rest_ms = wait_ms - 2 * INTERVAL_MS
        assert watched.give(False, wait_ms=rest_ms)[1] == METER_BACKWARD
        assert watched.give(False)[1] == 0
        watched.give(False)


def test_another_fault_does_not_shorten_the_doubt_in_a_register_that_stands_still():
    watched = Watched()
    for _ in range(20):
        watched.give()
    stands = watched.register()
    for wait_ms in (10_000, 20_000):
        assert until_doubt(watched, stands, 11_000_000)[0] == METER_FROZEN
        watched.give(False, energy_mwh=stands, wait_ms=wait_ms)
    until_doubt(watched, stands, 11_000_000)
    assert watched.give(False, energy_mwh=stands, power_mw=20_000_000)[1] == METER_JUMP
    watched.give(False, energy_mwh=stands)
    assert watched.give(False, energy_mwh=stands, wait_ms=39_000)[1] != 0
    assert watched.give(False, energy_mwh=stands, wait_ms=1_000)[1] == 0


def test_power_that_flows_back_is_noticed_and_noise_is_not():
    for start_ms in starts():
        for closed in (True, False):  # a vehicle cannot know it
            watched = Watched(start_ms, power_mw=-7_000_000)
            reason = turn = 0
            while not reason and turn < 40:
                followed, reason = watched.give(closed, energy_mwh=50_000_000)
                turn += 1
            # The maximum power of a second, which is 11.5 kW here, takes 1.64 s at 7 kW.
            assert followed and reason == METER_BACKWARD
            assert 1_600 <= turn * INTERVAL_MS <= 2_200
    for power_mw in (-50_000, 0):
        watched = Watched(power_mw=power_mw)
        for _ in range(600):
            assert watched.give(energy_mwh=50_000_000, wait_ms=900) == (True, 0)
    # One wrong reading now and then, while the register moves, is none either.
    watched = Watched()
    for turn in range(200):
        power_mw = -11_000_000 if turn % 3 else None
        assert watched.give(power_mw=power_mw) == (True, 0)


def test_everything_repeating_to_the_last_digit_is_frozen():
    for start_ms in starts():
        watched = Watched(start_ms, power_mw=0)
        reason = turn = 0
        while not reason and turn < 1_000:
            watched.voltage_mv = 230_000
            watched.now_ms = ticks_add(watched.now_ms, INTERVAL_MS)
            watched.meter.heard_ms = watched.now_ms
            watched.watch.judge(reading_at(watched.now_ms, 5_000, 0), True)
            reason = watched.watch.reason(watched.now_ms)
            turn += 1
        assert reason == METER_FROZEN
        assert 30_000 <= turn * INTERVAL_MS <= 30_400
    watched = Watched(power_mw=0)
    for turn in range(400):  # with the contactor open nothing needs to move
        time_ms = turn * INTERVAL_MS
        watched.watch.judge(reading_at(time_ms, 5_000, 0), False)
        assert watched.watch.reason(time_ms) == 0


def test_a_fault_passes_when_the_meter_behaves():
    for start_ms in starts():
        watched = Watched(start_ms)
        for _ in range(20):
            watched.give()
        assert watched.give(energy_mwh=0)[1] == METER_BACKWARD
        # The register is judged anew, from its last value on.
        watched.energy = 0
        for turn in range(60):
            followed, reason = watched.give()
            assert followed == (not reason)
            assert reason == (METER_BACKWARD if (turn + 1) * INTERVAL_MS < 10_000 else 0), turn


def test_a_fault_that_comes_again_stays():
    watched = Watched()
    for _ in range(20):
        watched.give()
    for turn in range(200):
        energy = watched.register()
        watched.give(energy_mwh=energy + (10_000 if turn % 40 == 0 else 20_000))
        if turn:
            assert watched.later(0) in (METER_JUMP, METER_BACKWARD), turn


def test_a_pole_that_was_idle_for_weeks_trusts_its_meter():
    """Nothing flowed for longer than half a period of ticks; then the first watt-hour comes."""
    hour_ms = MS_PER_HOUR
    for hours in (1, 100, 149, 150, 200, 298, 299, 500):
        meter = Heard()
        watch = MeterWatch(meter, 11_500_000, config())
        now_ms = 0
        for turn in range(hours):
            now_ms = turn * hour_ms % TICKS_PERIOD
            assert watch.judge(reading_at(now_ms, 5_000, 0, 230_000 + turn % 2), False)
        now_ms = ticks_add(now_ms, INTERVAL_MS)
        assert watch.judge(reading_at(now_ms, 6_000, 11_000_000), True), hours
        assert watch.reason(now_ms) == 0, hours


class Mute:
    """The driver of a meter that says nothing."""

    heard_ms = None
    senseless_ms = None
    bad_answers = 0
    skipped_bytes = 0

    def poll(self, now_ms):
        return None


def test_a_register_that_is_not_followed_again_yet_is_in_doubt():
    """The fault is over by time, and no reading since says where the register stands."""
    driver = Mute()
    # A reading is good for longer here than a fault lasts.
    watch = MeterWatch(driver, 22_000_000, config(timeout_ms=5_000, recover_ms=1_000))
    counter = EnergyCounter(driver, watch, 200)
    counter.follow(reading_at(1_000, 50_000), True)
    counter.advance(True, 1_000)
    assert counter.reason == 0
    counter.follow(reading_at(1_200, 10_000, power_mw=0), True)
    for now_ms in (1_200, 2_100, 2_300, 4_000):
        counter.advance(False, now_ms)
        assert counter.register_mwh is None and counter.reason, now_ms
    counter.follow(reading_at(4_200, 10_000, power_mw=0), False)
    counter.advance(False, 4_200)
    assert counter.register_mwh == 10_000 and counter.reason == 0


def test_a_first_step_counts_no_more_than_can_have_flowed():
    """The step of this meter is not known yet. Its first move may be a fault as well."""
    watch = MeterWatch(Mute(), 22_000_000, config())
    counter = EnergyCounter(Mute(), watch, 200)
    counter.follow(reading_at(1_000, 5_000), True)
    counter.advance(True, 1_000)
    counter.follow(reading_at(1_200, 90_000, power_mw=7_000_000), True)
    counter.advance(True, 1_200)
    assert counter.reason == 0
    # 22 kW and the margin of the watch, for two readings and the refresh.
    assert counter.total_mwh + counter.before_mwh == 85_000
    assert counter.total_mwh <= 3_500


def test_a_new_meter_is_one_module_and_one_row():
    """The pole charges for money with a meter that no file of the firmware knows."""
    DRIVERS.append(("throwaway", "throwaway_meter"))
    try:
        bench = PoleBench(meter={"model": "throwaway"})
        bench.charge(packets=4)
        status = bench.loop.status()
        assert status["meter"] == "GOOD" and status["power_mw"] == 11_000_000
        assert status["paid"] >= bench.amount(4_000)
        assert abs(status["energy_mwh"] - bench.outlet.energy_mwh) <= 500
    finally:
        DRIVERS.pop()


def test_an_unknown_meter_is_named_with_all_that_are_known():
    error = raised(check_meter, {"model": "abacus"})
    assert isinstance(error, ConfigError)
    assert "'model'" in str(error) and "sdm120" in str(error)
