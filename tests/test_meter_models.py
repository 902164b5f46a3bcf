"""Every meter of the table of drivers keeps the common suite; its rows are true."""

from joulestream.meter import abb, carlo_gavazzi, eastron, peacefair, schneider
from joulestream.meter.config import check_meter
from joulestream.meter.drivers import maker, models, open_driver
from joulestream.meter.modbus import CLEAN_VARIANTS
from joulestream.testkit import meter_suite
from joulestream.testkit.meter_maps import MAPS
from joulestream.testkit.oracle_meter import OracleMeter

MODBUS_MAKERS = (abb, carlo_gavazzi, eastron, peacefair, schneider)


def documented(model):
    """Return the model with the same registers as a variant."""
    return model[: -len("-mid")] if model.endswith("-mid") else model


def keep(check):
    for model in models():
        if not model.endswith("-mid"):
            try:
                check(meter_suite.Bench(model))
            except AssertionError as error:
                raise AssertionError("%s: %s" % (model, error))


def test_every_figure_arrives_in_its_unit():
    keep(meter_suite.check_figures)


def test_a_charge_is_counted():
    keep(meter_suite.check_charging)


def test_a_meter_that_is_wired_backwards_is_noticed():
    keep(meter_suite.check_wired_backwards)


def test_silence_is_noticed_and_ends():
    keep(meter_suite.check_silent_line)


def test_garbled_answers_are_no_readings():
    keep(meter_suite.check_garbled_line)


def test_echoes_and_stray_bytes_cost_nothing():
    keep(meter_suite.check_echoes)


def test_exceptions_are_no_readings():
    keep(meter_suite.check_exceptions)


def test_another_unit_is_never_read():
    keep(meter_suite.check_wrong_unit)


def test_senseless_figures_are_no_readings():
    keep(meter_suite.check_senseless_figures)


def test_no_meter_is_asked_too_soon():
    keep(meter_suite.check_asked_too_soon)


def test_a_meter_that_starts_anew_is_doubted_and_goes_on():
    keep(meter_suite.check_restart)


def test_two_masters_cost_trust_and_no_watt_hour():
    keep(meter_suite.check_two_masters)


def test_every_check_of_the_suite_is_run_here():
    names = [name for name in dir(meter_suite) if name[:6] == "check_"]
    assert len(meter_suite.CHECKS) == len(names) - 2, names  # check_model, check_meter


def test_every_row_is_named_and_every_name_has_a_row():
    rows = []
    for module in MODBUS_MAKERS:
        rows += list(module.MODELS)
    assert sorted(rows + ["ina228", "s0"]) == models()
    assert {documented(model) for model in rows} == set(MAPS)
    for model in models():
        assert check_meter({"model": model}).line in ("8N1", "8E1", "8O1", "8N2")


def test_a_mid_variant_has_the_row_of_its_model():
    variants = [model for model in models() if model.endswith("-mid")]
    assert len(variants) == 4
    for model in variants:
        assert eastron.MODELS[model] is eastron.MODELS[documented(model)]


def test_no_question_takes_the_answer_of_another():
    for model in MAPS:
        _, questions, _, _ = maker(model).MODELS[model]
        lengths = []
        for _, _, registers, grain, spare in questions:
            assert spare >= (CLEAN_VARIANTS - 1) * grain and spare % grain == 0, model
            lengths += [registers + grain * variant for variant in range(CLEAN_VARIANTS)]
        assert len(lengths) == len(set(lengths)), model
        # Nor the late answer of the first question, which alone has the other variants.
        _, _, first, grain, spare = questions[0]
        others = set(lengths[CLEAN_VARIANTS:])
        assert not others & set(range(first, first + spare + 1, grain)), model
        # An answer fits into a frame on a serial line.
        assert 3 + 2 * (first + spare) + 2 <= 256, model


def test_a_late_answer_is_never_taken_for_a_fresh_one_by_a_meter_of_few_variants():
    """A PZEM takes three variants of its question, others four to eleven."""
    readings = 0
    for model in ("pzem-016", "sdm72d-v2", "iem3155", "em340", "em112"):
        for late_ms in (0, 90, 300, 700, 1_500, 2_222, 5_000, 9_999, 15_000):
            oracle = OracleMeter(late_ms, mw_per_ms=100, model=model)
            config = {"model": model, "baud": 9_600, "turnaround_ms": 200}
            driver = open_driver(check_meter(config), meter_suite.MeterBoard(oracle))
            for now_ms in range(0, 120_000, 20):
                oracle.now_ms = now_ms
                reading = driver.poll(now_ms)
                if reading is not None:
                    readings += 1
                    age_ms = now_ms - (reading.power_mw + 50) // 100
                    assert age_ms <= reading.age_ms <= 1_100, (model, late_ms, age_ms)
    assert readings > 1_000
