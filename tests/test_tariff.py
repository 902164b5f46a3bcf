"""Amounts due: exact, never negative, the same for all packet sizes, across one price change."""

from dual_runtime import raised
from joulestream.errors import LocalError
from joulestream.tariff import Tariff
from joulestream.testkit.random import Random

BIG_ENERGY = (1 << 30) + 12_345
BIG_AMOUNT = (1 << 40) + 7


def test_one_price():
    tariff = Tariff(0, 0, 320_000)
    assert tariff.amount_due(0) == 0
    assert tariff.amount_due(1) == 0
    assert tariff.amount_due(1_000) == 320
    assert tariff.amount_due(999) == 319
    assert tariff.amount_due(1_000_000) == 320_000


def test_start_from_what_was_before():
    tariff = Tariff(BIG_ENERGY, BIG_AMOUNT, 333_333)
    assert tariff.amount_due(BIG_ENERGY) == BIG_AMOUNT
    assert tariff.amount_due(BIG_ENERGY + 3) == BIG_AMOUNT
    assert tariff.amount_due(BIG_ENERGY + 4) == BIG_AMOUNT + 1
    assert tariff.amount_due(BIG_ENERGY + 3_000_000) == BIG_AMOUNT + 999_999


def test_a_change_counts_from_its_energy():
    tariff = Tariff(1_000, 10, 300_000)
    tariff.change(3_000, 450_000)
    assert tariff.amount_due(2_999) == 10 + 599
    assert tariff.amount_due(3_000) == 10 + 600
    assert tariff.amount_due(3_001) == 10 + 600
    assert tariff.amount_due(4_000) == 10 + 600 + 450
    assert tariff.price_per_kwh == 300_000


def test_numerators_are_summed_before_they_are_divided():
    tariff = Tariff(0, 0, 1_500_001)
    tariff.change(1, 1_500_001)
    assert tariff.amount_due(2) == 3  # 1 + 1 when rounded one by one
    tariff = Tariff(0, 0, 999_999)
    due = 0
    for change in range(1, 101):
        tariff.change(change, 999_999 + change % 2)
        due = tariff.amount_due(change)
        tariff.advance(change)
    assert due == 99  # each mWh costs just below 1; rounded one by one it would be 0


def test_settling_a_change_changes_no_amount():
    for settle_at in (3_000, 3_001, 9_000):
        tariff = Tariff(0, 5, 299_999)
        tariff.change(3_000, 450_001)
        expected = [tariff.amount_due(energy) for energy in range(settle_at, 12_000, 77)]
        tariff.advance(settle_at)
        assert [tariff.amount_due(e) for e in range(settle_at, 12_000, 77)] == expected
        assert tariff.price_per_kwh == 450_001
        assert tariff.next_price_per_kwh is None


def test_a_change_is_not_settled_early():
    tariff = Tariff(0, 0, 100)
    tariff.advance(5)
    tariff.change(1_000, 200)
    tariff.advance(999)
    assert (tariff.price_per_kwh, tariff.next_price_per_kwh) == (100, 200)
    tariff.advance(1_000)
    assert (tariff.price_per_kwh, tariff.next_price_per_kwh) == (200, None)


def test_changes_that_are_refused():
    tariff = Tariff(1_000, 0, 100)
    assert isinstance(raised(tariff.change, 999, 200), LocalError)
    tariff.change(1_000, 200)
    assert isinstance(raised(tariff.change, 2_000, 300), LocalError)
    assert tariff.amount_due(1_001_000) == 200


def test_both_ends_agree_whatever_the_packets():
    """A side that settles changes early or late, and one exact sum over all energy."""
    random = Random(5)
    for _ in range(30):
        start = random.below(1 << 31)
        prices = [1 + random.below(1 << 24)]
        tariff = Tariff(start, BIG_AMOUNT, prices[0])
        other = Tariff(start, BIG_AMOUNT, prices[0])
        energy = start
        edge = start
        numerator = 0  # up to `edge`, at prices before the last
        for _ in range(20):
            if tariff.next_price_per_kwh is None and other.next_price_per_kwh is None:
                at = energy + random.below(5_000)
                numerator += (at - edge) * prices[-1]
                edge = at
                prices.append(1 + random.below(1 << 24))
                tariff.change(at, prices[-1])
                other.change(at, prices[-1])
            energy += random.below(4_000)
            if energy >= edge:
                exact = numerator + (energy - edge) * prices[-1]
            else:
                exact = numerator - (edge - energy) * prices[-2]
            due = tariff.amount_due(energy)
            assert due == other.amount_due(energy) == BIG_AMOUNT + exact // 1_000_000
            tariff.advance(energy)
            if random.below(2):
                other.advance(energy)


def test_amounts_and_energies_above_32_bits():
    price = (1 << 48) - 1
    tariff = Tariff(0, 0, price)
    energy = (1 << 36) + 1
    assert tariff.amount_due(energy) == price * energy // 1_000_000
    tariff.change(energy, 1)
    assert tariff.amount_due(energy + 1) == (price * energy + 1) // 1_000_000
