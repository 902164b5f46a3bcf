"""The meters of the desk beside Modbus: the chip INA228, and pulses (S0)."""

from dual_runtime import raised
from joulestream.device.config import ConfigError
from joulestream.errors import METER_BACKWARD, METER_STALE
from joulestream.meter.config import check_meter
from joulestream.meter.drivers import open_driver
from joulestream.meter.reading import CURRENT, EXPORT, IMPORT, POWER, VOLTAGE
from joulestream.testkit.board import MemoryBoard
from joulestream.testkit.meter_suite import Bench, ChipMeter, MeterBoard
from joulestream.units import TICKS_PERIOD, ticks_add

NEAR_WRAP = TICKS_PERIOD - 5_000


class PulseBoard(MemoryBoard):
    """A board that counts pulses with `counter`."""

    def __init__(self, counter):
        super().__init__()
        self._counter = counter

    def pulses(self, name):
        return self._counter


class Chip:
    """A driver of an INA228, the chip, and the time."""

    def __init__(self, **config):
        self.meter = ChipMeter()
        self.chip = self.meter.chip
        self.driver = open_driver(
            check_meter(dict(config, model="ina228")), MeterBoard(self.meter)
        )
        self.now_ms = NEAR_WRAP
        self.reading = None

    def run(self, ms):
        for _ in range(0, ms, 20):
            self.chip.advance(20)
            self.now_ms = ticks_add(self.now_ms, 20)
            self.reading = self.driver.poll(self.now_ms) or self.reading

    def figure(self, which):
        return self.driver.figure(which)


def test_the_chip_tells_all_its_figures():
    chip = Chip()
    chip.chip.voltage_mv, chip.chip.current_ma = 11_900, 8_000
    chip.run(36_000)
    assert abs(chip.figure(VOLTAGE) - 11_900) <= 1
    assert abs(chip.figure(CURRENT) - 8_000) <= 1
    assert abs(chip.figure(POWER) - 95_200) <= 30
    # 95.2 W for 36 s are 952 mWh, less the time until the chip was set up and since it was read.
    assert 940 <= chip.figure(IMPORT) <= 952 and chip.figure(EXPORT) == 0
    assert chip.reading.step_mwh == 1 and chip.driver.bad_answers == 0


def test_energy_in_both_directions_has_a_register_each():
    chip = Chip()
    chip.chip.current_ma = 5_000
    chip.run(36_000)
    forward_mwh = chip.figure(IMPORT)
    chip.chip.current_ma = -5_000
    chip.run(36_000)
    assert chip.figure(POWER) < 0 and chip.figure(CURRENT) < 0
    assert chip.figure(IMPORT) - forward_mwh <= 4
    assert abs(chip.figure(EXPORT) - 600) <= 4


def test_a_chip_that_lost_its_supply_is_set_up_again_and_its_register_goes_on():
    chip = Chip()
    chip.chip.current_ma = 5_000
    chip.run(36_000)
    before_mwh = chip.figure(IMPORT)
    chip.chip.power_up()
    chip.run(36_000)
    assert 0 <= chip.figure(IMPORT) - before_mwh <= 600
    assert chip.figure(IMPORT) - before_mwh >= 590


def test_another_chip_and_none_are_no_meter():
    chip = Chip()
    chip.chip.device_id = 0x2380
    chip.run(2_000)
    assert chip.reading is None and chip.driver.bad_answers > 0
    chip = Chip()
    chip.chip.powered = False
    chip.run(2_000)
    assert chip.reading is None and chip.driver.heard_ms is None


def test_a_shunt_that_the_chip_cannot_measure_is_one_sentence():
    for config in (
        {"shunt_uohm": 20_000, "shunt_ma": 10_000},
        {"shunt_uohm": 10, "shunt_ma": 10},
    ):
        error = raised(Chip, **config)
        assert isinstance(error, ValueError) and "meter.shunt_uohm" in str(error)
    error = raised(check_meter, {"model": "ina228", "shunt_uohm": 1})
    assert isinstance(error, ConfigError) and "shunt_uohm" in str(error)
    # Another model has no shunt.
    error = raised(check_meter, {"model": "sdm120", "shunt_uohm": 15_000})
    assert isinstance(error, ConfigError) and "not known" in str(error)


def test_a_board_without_the_part_says_so():
    for model, part in (("ina228", "I2C"), ("s0", "pulses")):
        meter = check_meter({"model": model})
        error = raised(open_driver, meter, MemoryBoard())
        assert isinstance(error, ValueError) and part in str(error)


def test_pulses_give_energy_power_and_no_more():
    world = Bench("s0").world()
    world.start()
    world.power_mw = 3_600_000  # a pulse each second
    world.run(20_000)
    assert world.reasons == {0}
    assert abs(world.figure(POWER) - 3_600_000) <= 100_000
    assert 19_000 <= world.figure(IMPORT) <= 20_000
    for which in (VOLTAGE, CURRENT, EXPORT):
        assert world.figure(which) is None
    # The load ends: power that no pulse shows falls, and is gone soon.
    world.power_mw = 0
    world.run(1_500)
    assert 0 < world.figure(POWER) < 3_600_000
    world.run(1_000)
    assert world.figure(POWER) == 0
    world.run(600_000)
    assert world.reasons == {0}


def test_a_slow_load_on_pulses_is_no_frozen_register():
    for power_w in (7_000, 200, 60, 7):
        world = Bench("s0").world()
        world.start()
        for part in (power_w, power_w // 2, power_w // 7, power_w):
            world.power_mw = part * 1_000
            world.run(120_000)
        assert world.reasons == {0}, power_w
        assert -2_000 <= world.error_mwh() <= 1_000, world.error_mwh()


def test_a_pulse_counter_that_wraps_counts_on():
    class Pulses:
        number = (1 << 30) - 2

        def count(self):
            return self.number

    pulses = Pulses()

    driver = open_driver(check_meter({"model": "s0"}), PulseBoard(pulses))
    now_ms = 0
    for _ in range(5):
        now_ms += 1_000
        pulses.number = (pulses.number + 1) & ((1 << 30) - 1)
        reading = driver.poll(now_ms)
    assert reading.energy_mwh == 5_000 and reading.power_mw == 3_600_000


def test_a_meter_without_a_voltage_is_not_frozen_while_nothing_flows():
    """An SDM72D of version 1 repeats a power of 0; with power, a frozen register shows."""
    world = Bench("sdm72d").world()
    world.start()
    world.run(120_000)
    assert world.reasons == {0}
    world.power_mw = 7_000_000
    world.run(10_000)
    assert world.reasons == {0}
    world.meter.set_fault("frozen")
    assert world.run(30_000, lambda: world.counter.reason) is not None
    world.meter.set_fault("reversed")
    world.run(30_000)
    assert METER_BACKWARD in world.reasons and METER_STALE not in world.reasons
