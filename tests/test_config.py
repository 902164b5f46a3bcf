"""Configurations: every broken one is refused with the name of the field that is wrong."""

import json
import os

from dual_runtime import raised
from joulestream.device.config import (
    REQUIRED,
    ConfigError,
    check_table,
    hexadecimal,
    load,
    mapping,
    one_of,
    rows,
    section,
    text,
    texts,
    whole,
)
from joulestream.pole.config import load_config as load_pole
from joulestream.pole.offer import stop_ms
from joulestream.units import packet_amount
from joulestream.vehicle.config import load_config as load_vehicle

METER = {"model": "sdm120"}
ISSUER = {
    "key": "11" * 32,
    "limit": 1_000_000,
    "kind": "sql",
    "chain_id": 1,
    "contract": "22" * 32,
    "asset": "33" * 32,
    "base_units_per_claim_unit": 1,
}
POLE = {
    "board": {},
    "seed_file": "pole.seed",
    "payout_account": "44" * 32,
    "issuers": [ISSUER],
    "collect_within_s": 86_400,
    "prices": [{"from_s": 0, "price_per_kwh": 320_000}],
    "credit": 960,
    "prepay": 0,
    "max_power_w": 11_500,
    "meter": METER,
}
VEHICLE = {
    "board": {},
    "seed_file": "vehicle.seed",
    "certificates": ["channel.cert"],
    "budget": 700_000,
    "max_price_per_kwh": 500_000,
    "energy_wanted_mwh": 40_000_000,
    "prepay": 640,
    "max_power_w": 11_500,
    "meter": METER,
}
ABSENT = object()


def with_file(content, use):
    """Return use(path) for a temporary file of `content`."""
    path = "%s/joulestream-%s.json" % (os.getenv("TMPDIR") or "/tmp", os.urandom(8).hex())
    with open(path, "w") as file:
        file.write(content)
    try:
        return use(path)
    finally:
        os.remove(path)


def loaded(loader, base, changes):
    """Return the configuration `base` with `changes`, or the error that loading it raises."""
    values = dict(base)
    values.update(changes)
    values = {name: values[name] for name in values if values[name] is not ABSENT}

    def use(path):
        try:
            return loader(path)
        except Exception as error:
            return error

    return with_file(json.dumps(values), use)


def refused(loader, base, cases):
    for changes, field in cases:
        error = loaded(loader, base, changes)
        assert isinstance(error, ConfigError), (changes, error)
        assert error.field == field, (changes, error.field)
        assert str(error).startswith("configuration field '%s' " % field), str(error)
        assert len(str(error)) < 300 and "\n" not in str(error)


def row(base, **changes):
    changed = dict(base)
    changed.update(changes)
    return {name: changed[name] for name in changed if changed[name] is not ABSENT}


def test_good_ones():
    pole = loaded(load_pole, POLE, {})
    assert pole.credit == 960 and pole.max_power_mw == 11_500_000
    assert pole.packet_energy_mwh == 1_000 and pole.issuers[0].kind == 1
    assert pole.issuers[0].key == b"\x11" * 32 and pole.meter.unit == 1
    vehicle = loaded(load_vehicle, VEHICLE, {})
    assert vehicle.budget == 700_000 and vehicle.audit == "meter"
    assert loaded(load_vehicle, VEHICLE, {"audit": "power", "meter": ABSENT}).meter is None


def test_every_field_that_must_be_there_and_one_too_many():
    for loader, base, optional in (
        (load_pole, POLE, ()),
        (load_vehicle, VEHICLE, ("meter",)),
    ):
        for name in base:
            if name not in optional:
                refused(loader, base, [({name: ABSENT}, name)])
        refused(loader, base, [({"credits": 1}, "credits"), ({"Meter": METER}, "Meter")])


def test_every_field_of_a_wrong_type():
    for loader, base in ((load_pole, POLE), (load_vehicle, VEHICLE)):
        for name in base:
            for wrong in (None, True, 1.5, -1, "", [], {"x": {}}):
                if name == "board" and isinstance(wrong, dict):
                    continue
                error = loaded(loader, base, {name: wrong})
                assert isinstance(error, ConfigError), (name, wrong, error)
                assert error.field.split(".")[0] == name, (name, wrong, error.field)


def test_limits_of_the_pole():
    refused(
        load_pole,
        POLE,
        [
            ({"credit": 0, "prepay": 0}, "credit"),
            ({"credit": 319, "prepay": 0}, "credit"),
            ({"credit": 0, "prepay": 319}, "credit"),
            ({"credit": 160, "prepay": 159}, "credit"),
            ({"credit": 320, "packet_energy_mwh": 1_001}, "credit"),
            ({"credit": 1 << 63}, "credit"),
            ({"packet_energy_mwh": 0}, "packet_energy_mwh"),
            ({"packet_energy_mwh": 999}, "packet_energy_mwh"),  # a step of the meter
            ({"max_power_w": 18_018, "packet_energy_mwh": 1_000}, "packet_energy_mwh"),
            ({"packet_ms": 999}, "packet_ms"),
            ({"max_power_w": 0}, "max_power_w"),
            ({"retry_ms": 1_001}, "retry_ms"),
            ({"link_timeout_ms": 400}, "retry_ms"),
            ({"packet_ms": 1_750}, "packet_ms"),
            ({"contactor_hold_ms": 10_001}, "contactor_hold_ms"),
            ({"contactor_hold_ms": 449}, "contactor_hold_ms"),
            ({"max_channels": 0}, "max_channels"),
            ({"collect_within_s": 1 << 32}, "collect_within_s"),
        ],
    )
    for good in (
        {"credit": 320, "prepay": 0},
        {"credit": 0, "prepay": 320},
        {"credit": 160, "prepay": 160},
        {"credit": (1 << 63) - 1},
        {"retry_ms": 999},
        {"packet_ms": 1_749},
        {"packet_ms": 1_000},
        {"packet_ms": 600, "link_timeout_ms": 1_200},
        {"max_power_w": 18_000, "packet_energy_mwh": 1_000},
    ):
        assert not isinstance(loaded(load_pole, POLE, good), Exception), good


def test_a_packet_holds_what_the_meter_cannot_tell_apart():
    """By default it is one step of the register and the energy of one refresh, or more."""
    for meter, max_power_w, packet_mwh in (
        ({}, 18_000, 1_000),
        ({}, 22_000, 1_222),
        ({"step_mwh": 10_000}, 22_000, 10_000),
        ({"refresh_ms": 1_000}, 22_000, 6_111),
        ({"interval_ms": 500}, 11_000, 1_527),
    ):
        changes = {"meter": dict(METER, **meter), "max_power_w": max_power_w}
        changes["credit"] = 10 * packet_mwh
        assert loaded(load_pole, POLE, changes).packet_energy_mwh == packet_mwh


def test_an_invoice_waits_for_the_own_meter():
    """By default it waits for a refresh and a reading, and for 600 ms or more."""
    for meter, wait_ms in (
        ({"baud": 19_200, "turnaround_ms": 30}, 600),
        ({}, 977),  # an SDM120 at 2400 bit/s
        ({"baud": 9_600, "refresh_ms": 1_000}, 1_495),
    ):
        changes = {"meter": dict(METER, **meter)}
        assert loaded(load_vehicle, VEHICLE, changes).audit_wait_ms == wait_ms


def test_one_packet_is_judged_at_the_highest_price():
    prices = [{"from_s": 0, "price_per_kwh": 1}, {"from_s": 5, "price_per_kwh": 960_001}]
    refused(load_pole, POLE, [({"prices": prices}, "credit")])
    prices[1]["price_per_kwh"] = 960_000
    assert loaded(load_pole, POLE, {"prices": prices}).prices[1].price_per_kwh == 960_000
    assert packet_amount(960_001, 1_000) == 961 and packet_amount(960_000, 1_000) == 960


def test_the_poles_lists():
    price = POLE["prices"][0]
    refused(
        load_pole,
        POLE,
        [
            ({"prices": [row(price, from_s=1)]}, "prices"),
            ({"prices": [price, price]}, "prices"),
            ({"prices": [price, row(price, from_s=9), row(price, from_s=8)]}, "prices"),
            ({"prices": [row(price, price_per_kwh=0)]}, "prices.price_per_kwh"),
            ({"prices": [row(price, until_s=1)]}, "prices.until_s"),
            ({"prices": [7]}, "prices"),
            ({"issuers": [ISSUER] * 5}, "issuers"),
            ({"issuers": [row(ISSUER, key="11" * 31)]}, "issuers.key"),
            ({"issuers": [row(ISSUER, key="zz" * 32)]}, "issuers.key"),
            ({"issuers": [row(ISSUER, key=5)]}, "issuers.key"),
            ({"issuers": [row(ISSUER, kind="paper")]}, "issuers.kind"),
            ({"issuers": [row(ISSUER, limit=0)]}, "issuers.limit"),
            ({"issuers": [row(ISSUER, limit=ABSENT)]}, "issuers.limit"),
            ({"issuers": [ISSUER, row(ISSUER, asset="uUSD")]}, "issuers.key"),
            ({"issuers": [ISSUER, row(ISSUER, key="12" * 32, limit=319)]}, "issuers.limit"),
            ({"min_capacity": 1_000_001}, "min_capacity"),
            ({"issuers": [row(ISSUER, limit=31_999)]}, "min_capacity"),
        ],
    )
    small = row(ISSUER, key="12" * 32, limit=320)
    for good in (
        {"issuers": [ISSUER, small]},
        {"issuers": [small], "min_capacity": 320},
        {"issuers": [row(ISSUER, limit=32_000)]},
        {"min_capacity": 1_000_000},
    ):
        assert not isinstance(loaded(load_pole, POLE, good), Exception), good


def test_the_vehicles_least_figures_are_those_of_the_quickest_pole():
    quickest = {"link_timeout_ms": 50, "packet_ms": 25, "retry_ms": 10}
    pole = loaded(load_pole, POLE, row(quickest, meter=row(METER, interval_ms=20)))
    assert pole.link_timeout_ms + stop_ms(pole) == 170
    refused(load_pole, POLE, [(row(quickest, packet_ms=24), "packet_ms")])
    refused(load_pole, POLE, [(row(quickest, link_timeout_ms=49), "link_timeout_ms")])
    refused(load_pole, POLE, [({"meter": row(METER, interval_ms=19)}, "meter.interval_ms")])


def test_meters_of_both():
    for loader, base in ((load_pole, POLE), (load_vehicle, VEHICLE)):
        refused(
            loader,
            base,
            [
                ({"meter": {}}, "meter.model"),
                ({"meter": row(METER, model="sdm999")}, "meter.model"),
                ({"meter": row(METER, model=["sdm120"])}, "meter.model"),
                ({"meter": row(METER, model={})}, "meter.model"),
                ({"meter": row(METER, unit=0)}, "meter.unit"),
                ({"meter": row(METER, unit=248)}, "meter.unit"),
                ({"meter": row(METER, baud=0)}, "meter.baud"),
                ({"meter": row(METER, bauds=9600)}, "meter.bauds"),
                ({"meter": row(METER, timeout_ms=999, interval_ms=701)}, "meter.timeout_ms"),
                ({"meter": row(METER, timeout_ms=999, turnaround_ms=401)}, "meter.timeout_ms"),
                ({"meter": row(METER, timeout_ms=1_553)}, "meter.timeout_ms"),
                ({"meter": row(METER, refresh_ms=9_000, frozen_ms=18_000)}, "meter.frozen_ms"),
            ],
        )
        assert (
            loaded(loader, base, {"meter": row(METER, timeout_ms=1_554)}).meter.timeout_ms == 1_554
        )


def test_limits_of_the_vehicle():
    refused(
        load_vehicle,
        VEHICLE,
        [
            ({"budget": 0}, "budget"),
            ({"max_price_per_kwh": 0}, "max_price_per_kwh"),
            ({"energy_wanted_mwh": 0}, "energy_wanted_mwh"),
            ({"certificates": [""]}, "certificates"),
            ({"certificates": ["a", 1]}, "certificates"),
            ({"audit": "trust"}, "audit"),
            ({"audit_percent": 26}, "audit_percent"),
            ({"meter": ABSENT}, "meter"),
            ({"retry_ms": 1_001, "link_timeout_ms": 2_000}, "retry_ms"),
            ({"audit_wait_ms": 1_975, "link_timeout_ms": 2_000}, "link_timeout_ms"),
            ({"link_timeout_ms": 1_002}, "link_timeout_ms"),  # 25 ms and the meter's 977
            ({"link_timeout_ms": 50, "retry_ms": 25}, "link_timeout_ms"),
            ({"prepay": 0}, "prepay"),
            ({"max_tail_ms": 169}, "max_tail_ms"),
            ({"audit_wait_ms": 976}, "audit_wait_ms"),  # an SDM120 at 2400 bit/s
        ],
    )
    # A slow meter of its own does not make each usual pole too slow.
    for meter, timeout_ms in ((METER, 2_377), ({"model": "sdm72d-v2"}, 2_600)):
        assert loaded(load_vehicle, VEHICLE, {"meter": meter}).link_timeout_ms == timeout_ms
    for good in (
        {"prepay": 1},
        {"max_tail_ms": 170},
        {"link_timeout_ms": 1_003},
        {"link_timeout_ms": 1_026, "retry_ms": 500, "meter": row(METER, baud=9_600)},
    ):
        assert not isinstance(loaded(load_vehicle, VEHICLE, good), Exception), good


def test_files_that_are_none():
    for loader in (load_pole, load_vehicle):
        for content in ("", "{", "[1, 2", "{'a': 1}", "nonsense"):
            error = with_file(content, lambda path, loader=loader: raised(loader, path))
            assert isinstance(error, ConfigError) and error.field == "(file)", content
        for content in ("[]", "1", '"text"', "null"):
            error = with_file(content, lambda path, loader=loader: raised(loader, path))
            assert isinstance(error, ConfigError) and error.field == "(file)", content
        error = raised(loader, "/nowhere/pole.json")
        assert isinstance(error, ConfigError) and "cannot be read" in str(error)


def test_checks_one_by_one():
    for check, good, wrong in (
        (whole(1, 5), (1, 5), (0, 6, True, "3", None, 2.0)),
        (text, ("a",), ("", None, 1, ["a"])),
        (texts, (["a", "b"],), ([], "a", [1], [""], None)),
        (mapping, ({}, {"a": 1}), ([], None, "x")),
        (hexadecimal(2), ("00ff", "ABcd"), ("0", "00", "00ff00", "xyzw", None, 12, [])),
        (one_of("a", "b"), ("a",), ("c", "", None, 1)),
    ):
        for value in good:
            assert raised(check, value) is None, value
        for value in wrong:
            assert isinstance(raised(check, value), ValueError), value
    assert hexadecimal(2)("00fF") == b"\x00\xff"


def test_names_of_nested_fields():
    inner = (("low", whole(0, 9), REQUIRED), ("high", whole(0, 9), 9))
    table = (("range", section(inner), REQUIRED), ("list", rows(inner, 1, 2), REQUIRED))
    outer = (("deep", section(table), REQUIRED),)
    good = {"deep": {"range": {"low": 1}, "list": [{"low": 2, "high": 3}]}}
    checked = check_table(outer, good)
    assert (checked.deep.range.low, checked.deep.range.high) == (1, 9)
    assert checked.deep.list[0].high == 3
    for values, field in (
        ({"range": {"low": 10}, "list": [{"low": 2}]}, "deep.range.low"),
        ({"range": {"low": 1}, "list": [{"low": 2, "high": "x"}]}, "deep.list.high"),
        ({"range": 5, "list": [{"low": 2}]}, "deep.range"),
        ({"range": {"low": 1}, "list": []}, "deep.list"),
    ):
        error = raised(check_table, outer, {"deep": values})
        assert isinstance(error, ConfigError) and error.field == field, error
        assert str(error).startswith("configuration field '%s' must be " % field)
    error = raised(check_table, outer, {"deep": {"range": {}, "list": [{"low": 2}]}})
    assert str(error) == "configuration field 'deep.range.low' is missing; add it"
    unknown = {"range": {"low": 1, "mid": 1}, "list": [{"low": 2}]}
    error = raised(check_table, outer, {"deep": unknown})
    assert isinstance(error, ConfigError) and error.field == "deep.range.mid"


def test_load_takes_any_table():
    table = (("a", whole(0, 9), 4),)
    assert with_file("{}", lambda path: load(path, table)).a == 4


def test_an_asset_has_a_name_or_an_id():
    def asset(value):
        return loaded(load_pole, POLE, {"issuers": [row(ISSUER, asset=value)]})

    for value, identifier in (
        ("uEUR", b"uEUR" + bytes(28)),
        ("x" * 32, b"x" * 32),
        ("33" * 32, b"\x33" * 32),
    ):
        assert asset(value).issuers[0].asset == identifier
    for value in ("", "x" * 33, "two words", "uEUR\n", "\u00b5EUR", "33" * 31, "g" * 64, 7, None):
        assert asset(value).field == "issuers.asset", value
