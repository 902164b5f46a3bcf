"""A price source and a power limit are one new module and one new row of a table each."""

import sys
from types import ModuleType

import pytest

from joulestream.device.config import ConfigError, check_table
from joulestream.messages import OFFER, decode
from joulestream.pole import config as pole_config
from joulestream.pole import limits, prices
from joulestream.testkit.certificates import NOW_S
from joulestream.testkit.pair import PRICE, Pair, pole_values


def module(monkeypatch, name, **functions):
    """Let a throw-away module of that name exist for one test."""
    made = ModuleType(name)
    vars(made).update(functions)
    monkeypatch.setitem(sys.modules, name, made)
    return name


class Rising:
    """A price that rises with the time, on a board that it was given."""

    def price_per_kwh(self, time_s):
        return PRICE // 2 + time_s - NOW_S


@pytest.fixture
def rising(monkeypatch):
    name = module(monkeypatch, "rising_prices", open_source=lambda config, board: Rising())
    monkeypatch.setitem(prices.PRICE_SOURCES, "rising", name)


def offers(world):
    """Return the offers that the pole sends from now on, as they come."""
    seen = []

    def watch(sender, payload):
        if payload[0] == OFFER:
            seen.append(decode(payload))
        return [payload]

    world.bend = watch
    return seen


def test_a_new_price_source_sets_the_offered_and_the_billed_price(rising):
    world = Pair(pole={"price_source": "rising"})
    seen = offers(world)
    world.charge(3)
    assert seen[0].price_per_kwh == Rising().price_per_kwh(seen[0].time_s) < PRICE
    first = world.payee.charging.tariff.price_per_kwh
    world.run(lambda: world.payee.charging.tariff.price_per_kwh > first)


def test_without_a_clock_the_offer_has_the_dearest_price():
    """A vehicle that leaves before the price changes pays the dearest one."""
    prices = [
        {"from_s": 0, "price_per_kwh": PRICE // 2},
        {"from_s": NOW_S - 60, "price_per_kwh": PRICE},
        {"from_s": NOW_S + 3_600, "price_per_kwh": PRICE * 3 // 4},
    ]
    for time_s, price_per_kwh in ((None, PRICE), (NOW_S, PRICE), (NOW_S + 7_200, PRICE * 3 // 4)):
        world = Pair(pole={"prices": prices}, time_s=time_s)
        seen = offers(world)
        world.run(lambda seen=seen: seen)
        assert seen[0].price_per_kwh == price_per_kwh


def test_a_price_source_without_a_row_is_refused():
    with pytest.raises(ConfigError, match=r"price_source.*schedule"):
        check_table(pole_config.TABLE, pole_values(price_source="rising"))


class Fixed:
    def __init__(self, limit_mw):
        self._limit_mw = limit_mw

    def limit_mw(self):
        return self._limit_mw


def with_limit(monkeypatch, limit_mw):
    """Add a power limit for one test; return a world with that pole."""
    name = module(monkeypatch, "hot_plug", open_limit=lambda config, board: Fixed(limit_mw))
    monkeypatch.setattr(limits, "LIMITS", [*limits.LIMITS, ("HOT_PLUG", name)])
    return Pair()


def test_the_configured_maximum_is_the_first_power_limit():
    world = Pair()
    assert world.payee.power_limit() == (11_500_000, "CONFIGURED_MAXIMUM")


def test_the_smallest_power_limit_holds_and_its_reason_shows(monkeypatch):
    world = with_limit(monkeypatch, 3_600_000)
    assert world.payee.power_limit() == (3_600_000, "HOT_PLUG")
    seen = offers(world)
    world.charge(1)
    assert seen[0].max_power_mw == 3_600_000


@pytest.mark.parametrize("limit_mw", [None, 11_500_000, 1 << 40])
def test_a_limit_that_limits_nothing_changes_nothing(monkeypatch, limit_mw):
    world = with_limit(monkeypatch, limit_mw)
    assert world.payee.power_limit() == (11_500_000, "CONFIGURED_MAXIMUM")


def test_a_pole_without_any_limit_does_not_start(monkeypatch):
    monkeypatch.setattr(limits, "LIMITS", [])
    with pytest.raises(ValueError, match="no power limit is known"):
        Pair().payee.power_limit()
