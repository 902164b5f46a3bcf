"""Ticks across their wrap, the only roundings, and float32 registers in integers."""

from joulestream.testkit.random import Random
from joulestream.units import (
    TICKS_PERIOD,
    amount_from_numerator,
    energy_from_power,
    float32_scaled,
    float32_step,
    ticks_add,
    ticks_diff,
)

HALF = TICKS_PERIOD // 2
EDGES = (0, 1, 1000, HALF - 1, HALF, HALF + 1, TICKS_PERIOD - 1000, TICKS_PERIOD - 1)


def test_ticks_wrap_at_two_to_the_thirty():
    assert TICKS_PERIOD == 1 << 30
    assert ticks_add(TICKS_PERIOD - 1, 1) == 0
    assert ticks_add(0, -1) == TICKS_PERIOD - 1
    assert ticks_diff(0, TICKS_PERIOD - 1) == 1
    assert ticks_diff(TICKS_PERIOD - 1, 0) == -1


def test_ticks_diff_undoes_ticks_add_everywhere():
    for start in EDGES:
        for delta in (0, 1, 250, 2000, HALF - 1, -1, -2000, -HALF):
            later = ticks_add(start, delta)
            assert 0 <= later < TICKS_PERIOD
            assert ticks_diff(later, start) == delta, (start, delta)


def test_ticks_diff_is_antisymmetric():
    random = Random(3)
    for _ in range(500):
        a = random.below(TICKS_PERIOD)
        b = random.below(TICKS_PERIOD)
        if ticks_diff(a, b) != -HALF:
            assert ticks_diff(a, b) == -ticks_diff(b, a)


def test_amounts_round_down_once():
    assert amount_from_numerator(999_999) == 0
    assert amount_from_numerator(1_000_000) == 1
    assert amount_from_numerator(((1 << 48) - 1) * ((1 << 48) - 1)) == 79228162514263774643590
    assert energy_from_power(11_000_000, 3_600_000) == 11_000_000
    assert energy_from_power(11_000_000, 327) == 999
    assert energy_from_power(0, 1 << 29) == 0


def bits_of(sign, exponent, mantissa):
    return sign << 31 | exponent << 23 | mantissa


def test_float32_registers():
    # 230.0 V, 1.0, 0.1, 16384.002 kWh: the smallest step above 16,384 kWh is 2 Wh (rounded up)
    assert float32_scaled(0x43660000, 1000) == 230_000
    assert float32_scaled(0x3F800000, 1) == 1
    assert float32_scaled(0x3DCCCCCD, 1_000_000) == 100_000
    assert float32_scaled(0x46800001, 1_000_000) == 16_384_001_953
    assert float32_step(0x46800000, 1_000_000) == 1954
    assert float32_step(0x3F800000, 1_000_000) == 1
    assert float32_step(0x4B000000, 1_000_000) == 1_000_000
    assert float32_step(0x4B800000, 1_000_000) == 2_000_000


def test_float32_rounds_down_on_both_sides_of_zero():
    assert float32_scaled(bits_of(0, 126, 0), 1) == 0  # 0.5
    assert float32_scaled(bits_of(1, 126, 0), 1) == -1
    assert float32_scaled(0xC3660000, 1000) == -230_000
    assert float32_scaled(0x80000000, 1000) == 0


def test_float32_extremes():
    assert float32_scaled(0, 1_000_000) == 0
    assert float32_scaled(1, 1_000_000) == 0
    assert float32_scaled(bits_of(0, 254, 0x7FFFFF), 1) == ((1 << 24) - 1) << 104
    for bits in (0x7F800000, 0xFF800000, 0x7FC00000, 0x7F800001, 0xFFFFFFFF):
        assert float32_scaled(bits, 1000) is None
    assert float32_step(0, 1_000_000) == 1


def test_float32_agrees_with_its_definition():
    """Value = mantissa x 2^(exponent - 150), by multiplying and dividing instead of shifting."""
    random = Random(4)
    for _ in range(400):
        sign = random.below(2)
        exponent = random.below(255)
        fraction = random.below(1 << 23)
        mantissa = fraction + (1 << 23) if exponent else fraction
        power = max(exponent, 1) - 150
        top = (-mantissa if sign else mantissa) * 1_000_000
        exact = top * 2**power if power >= 0 else top // 2**-power
        bits = bits_of(sign, exponent, fraction)
        assert float32_scaled(bits, 1_000_000) == exact
        step = 1_000_000 * 2**power if power >= 0 else -(-1_000_000 // 2**-power)
        assert float32_step(bits, 1_000_000) == step
