"""Integer units: energy in mWh, power in mW, time in ms, money in claim units.

All rounding of money and energy that both sides must agree on is in this file.
"""

from array import array

from joulestream.compat import const

MWH_PER_WH = const(1_000)
MWH_PER_KWH = const(1_000_000)
MW_PER_W = const(1_000)
MS_PER_HOUR = const(3_600_000)
# Watts and milliseconds: their products are small integers where those of milliwatts are not.
W_MS_PER_MWH = const(3_600)

# MicroPython's ticks_ms() wraps at 2^30 on 32-bit boards; every port uses that period here.
TICKS_PERIOD = const(1 << 30)
_TICKS_MASK = const((1 << 30) - 1)
_TICKS_HALF = const(1 << 29)

# What fits a board's small integer, which needs no allocation.
_SMALL = const(1 << 30)
_CELL = array("i", (0,))


def ticks_add(ticks_ms, delta_ms):
    """Return the tick count `delta_ms` after `ticks_ms`, wrapped at `TICKS_PERIOD`."""
    return (ticks_ms + delta_ms) & _TICKS_MASK


def ticks_diff(later_ms, earlier_ms):
    """Return the signed distance in ms between two wrapped tick counts.

    It is right while the two are less than 2^29 ms (6.2 days) apart.
    """
    return ((later_ms - earlier_ms + _TICKS_HALF) & _TICKS_MASK) - _TICKS_HALF


def small_int(value):
    """Return `value`, as a small integer if it can be one.

    What MicroPython computes from a big integer stays big however small it is, and whatever is
    computed from it is allocated in turn.
    """
    if -_SMALL < value < _SMALL:
        _CELL[0] = value
        return _CELL[0]
    return value


def amount_from_numerator(numerator):
    """Return the amount in claim units for a sum of energy (mWh) times price (per kWh).

    Rounds down, once, so that a payer never owes a fraction that was not delivered.
    """
    return numerator // MWH_PER_KWH


def packet_amount(price_per_kwh, packet_energy_mwh):
    """Return what one packet costs at most, in claim units (rounded up)."""
    return -(-price_per_kwh * packet_energy_mwh // MWH_PER_KWH)


def energy_from_power(power_mw, duration_ms):
    """Return the energy in mWh of `power_mw` flowing for `duration_ms`, rounded down."""
    return power_mw * duration_ms // MS_PER_HOUR


def float32_scaled(bits, scale):
    """Return the IEEE 754 float32 `bits` (u32) times the integer `scale`, rounded down.

    Integer arithmetic, since a board's own floats have 24 bits too. Returns None for a NaN or
    an infinity.
    """
    exponent = (bits >> 23) & 0xFF
    if exponent == 0xFF:
        return None
    mantissa = bits & 0x7FFFFF
    if exponent:
        mantissa |= 0x800000
    else:
        exponent = 1
    value = -mantissa * scale if bits >> 31 else mantissa * scale
    shift = exponent - 150
    return value << shift if shift >= 0 else value >> -shift


def float32_step(bits, scale):
    """Return the distance from the float32 `bits` to its neighbour, times `scale`, rounded up."""
    shift = max((bits >> 23) & 0xFF, 1) - 150
    return scale << shift if shift >= 0 else -(-scale >> -shift)
