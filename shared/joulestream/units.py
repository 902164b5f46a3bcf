"""Integer units: energy in mWh, power in mW, time in ms, money in claim units.

Money and energy are rounded here and in tariff.py, nowhere else, so both sides round alike.
Every packet calls `ticks_add`, `ticks_diff` and `small_int` many times, so they are native code.
"""

from joulestream.compat import const
from joulestream.native import small_int as small_int
from joulestream.native import ticks_add as ticks_add
from joulestream.native import ticks_diff as ticks_diff

MWH_PER_WH = const(1_000)
MWH_PER_KWH = const(1_000_000)
MW_PER_W = const(1_000)
MS_PER_HOUR = const(3_600_000)
# Products of W and ms fit a board's small integers for longer than those of mW and ms.
W_MS_PER_MWH = const(3_600)

# MicroPython's ticks_ms() wraps at 2^30 on 32-bit boards. Every port uses that period here.
TICKS_PERIOD = const(1 << 30)
_TICKS_MASK = const((1 << 30) - 1)
# The longest duration of a Timer: a quarter of the period, three days.
LONGEST_MS = const(1 << 28)


class Timer:
    """A span of time that is over once and for all, however often the ticks wrap.

    The time since the start is taken without a sign, modulo the period. So a timer that nobody
    looked at for days is at most its own duration late; with a sign it could be late for 6 days.
    After one look at its end it stays over until it is started again. A timer that was never
    started is over.

    A duration is at most LONGEST_MS. The bounds of all configured times are far below.
    """

    def __init__(self) -> None:
        self._since_ms = 0
        self._duration_ms = 0
        self._runs = False

    def start(self, now_ms: int, duration_ms: int) -> None:
        """Run from the tick `now_ms` on for `duration_ms`."""
        self._since_ms = now_ms
        self._duration_ms = duration_ms
        self._runs = True

    def stop(self) -> None:
        """Be over at once."""
        self._runs = False

    def is_over(self, now_ms: int) -> bool:
        """Return whether the time is over at the tick `now_ms`."""
        if self._runs and (now_ms - self._since_ms) & _TICKS_MASK >= self._duration_ms:
            self._runs = False
        return not self._runs


def amount_from_numerator(numerator: int) -> int:
    """Return the amount in claim units for a sum of energy (mWh) times price (per kWh).

    Rounds down, once, so the payer never owes a fraction that was not delivered.
    """
    return numerator // MWH_PER_KWH


def packet_amount(price_per_kwh: int, packet_energy_mwh: int) -> int:
    """Return the most that one packet costs, in claim units, rounded up."""
    return -(-price_per_kwh * packet_energy_mwh // MWH_PER_KWH)


def energy_from_power(power_mw: int, duration_ms: int) -> int:
    """Return the energy in mWh of `power_mw` during `duration_ms`, rounded down."""
    return power_mw * duration_ms // MS_PER_HOUR


def float32_scaled(bits: int, scale: int) -> "int | None":
    """Return the IEEE 754 float32 `bits` (u32) times the integer `scale`, rounded down.

    It uses integers, because a board's own floats have 24 bits too. Returns None for a NaN or an
    infinity.
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


def float32_step(bits: int, scale: int) -> int:
    """Return the distance from the float32 `bits` to its neighbour, times `scale`, rounded up."""
    shift = max((bits >> 23) & 0xFF, 1) - 150
    return scale << shift if shift >= 0 else -(-scale >> -shift)
