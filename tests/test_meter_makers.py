"""One reading of one model of each maker, on each runtime: the registers in all their formats."""

from joulestream.meter.config import check_meter
from joulestream.meter.drivers import open_driver
from joulestream.meter.reading import CURRENT, EXPORT, FREQUENCY, IMPORT, POWER, VOLTAGE
from joulestream.testkit.meter import Meter
from joulestream.testkit.meter_suite import MeterBoard

REGISTER_MWH = 99_999_900_000
POWER_MW = -7_360_000
# A float32 has 24 bits: 8 Wh at this register.
ROUGH_MWH = {"sdm120": 8_000, "sdm72d": 8_000}


def read(model, **arguments):
    """Return a driver of a model and its first reading."""
    meter = Meter(REGISTER_MWH, 100_000, model=model, **arguments)
    meter.voltage_mv = 230_500
    meter.advance(POWER_MW, 3_600_000)
    driver = open_driver(check_meter({"model": model}), MeterBoard(meter))
    reading = None
    now_ms = 0
    while reading is None:
        reading = driver.poll(now_ms)
        now_ms += 100
        assert now_ms < 10_000, model
    return driver, reading


def near(found, expected, tolerance=0):
    return found is not None and abs(found - expected) <= tolerance


def test_every_format_is_read():
    for model in ("sdm120", "sdm72d", "b23", "em111", "em340", "iem3155"):
        driver, reading = read(model)
        register_mwh = REGISTER_MWH + POWER_MW
        register_mwh -= register_mwh % 100_000
        assert near(reading.energy_mwh, register_mwh, ROUGH_MWH.get(model, 0)), model
        assert reading.energy_mwh == driver.figure(IMPORT)
        assert near(reading.power_mw, POWER_MW, 1), (model, reading.power_mw)
        assert driver.figure(POWER) == reading.power_mw
        assert near(driver.figure(EXPORT), 7_300_000, 1), model
        if model != "sdm72d":
            assert near(reading.voltage_mv, 230_500, 1), model
            assert near(driver.figure(CURRENT), 31_930, 10), (model, driver.figure(CURRENT))
            assert near(driver.figure(FREQUENCY), 50_000, 1), model
        else:
            assert reading.voltage_mv is None and driver.figure(VOLTAGE) is None


def test_a_module_without_a_sign_shows_what_it_shows():
    """A PZEM cannot tell power that flows back; its register of 16 bits twice is one number."""
    for model, voltage_mv in (("pzem-016", 230_500), ("pzem-017", 230_500)):
        meter = Meter(4_000_000_000, 1_000, model=model)
        meter.voltage_mv = voltage_mv
        meter.advance(1_234_500, 3_600_000)
        driver = open_driver(check_meter({"model": model}), MeterBoard(meter))
        reading = None
        while reading is None:
            reading = driver.poll(0)
        assert reading.energy_mwh == 4_001_234_000 and reading.power_mw == 1_234_500
        assert reading.voltage_mv == voltage_mv
        assert near(driver.figure(CURRENT), 5_355, 10)
        assert driver.figure(EXPORT) is None


def test_the_largest_phase_is_the_current():
    """On an SDM630 the third phase carries the largest current."""

    class Phases(Meter):
        def registers(self, first, count):
            data = super().registers(first, count)
            if first == 0:
                # 1.0, 2.0 and 16.0 A as float32.
                data[12:24] = b"\x3f\x80\0\0\x40\0\0\0\x41\x80\0\0"
            return data

    meter = Phases(model="sdm630")
    driver = open_driver(check_meter({"model": "sdm630"}), MeterBoard(meter))
    now_ms = 0
    while driver.poll(now_ms) is None:
        now_ms += 100
    assert driver.figure(CURRENT) == 16_000
