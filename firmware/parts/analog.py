"""The meaning of a board's analogue inputs: the cable's resistor and the temperature sensor."""

from joulestream.compat import const

# The cable's resistor from proximity to earth, pulled up to 3.3 V by 330 Ohm: the highest voltage
# in mV, and the current in mA. The bounds lie halfway between the standard's resistors: 1.5 k and
# 680, 220 and 100 Ohm. Source: IEC 61851-1, table B.2.
_CABLES = ((1_043, 63_000), (1_771, 32_000), (2_463, 20_000), (2_900, 13_000))
# The least voltage in mV that the smallest resistor gives: below it the line is shorted to earth.
_LEAST_CABLE_MV = const(400)

# A 10 kOhm NTC (B 3950 K) to ground, pulled up to 3.3 V by 10 kOhm: mV at each ten degC from 0 on.
_NTC_MV = (2_543, 2_206, 1_836, 1_470, 1_143, 871, 657, 494, 372, 282, 215, 166, 129)
_LEAST_NTC_MV = const(60)
_MOST_NTC_MV = const(3_060)  # -22 degC; the ESP32's converter ends at 3.1 V
_COLD_C = const(-10)
BROKEN_C = const(200)


def cable_ma(mv: int) -> int:
    """Return the current that a cable can carry, by the voltage on the proximity line; 0: none."""
    if mv < _LEAST_CABLE_MV:
        return 0
    for most_mv, current_ma in _CABLES:
        if mv <= most_mv:
            return current_ma
    return 0


def celsius(mv: int) -> int:
    """Return the temperature in degC, never below the true one; BROKEN_C without a good sensor.

    The chord between two points of the table lies on the hot side of the sensor's curve.
    """
    if not _LEAST_NTC_MV <= mv <= _MOST_NTC_MV:
        return BROKEN_C
    if mv >= _NTC_MV[0]:
        return _COLD_C if mv > _NTC_MV[0] + 250 else 0
    for at in range(len(_NTC_MV) - 1):
        colder, hotter = _NTC_MV[at], _NTC_MV[at + 1]
        if mv > hotter:
            return 10 * at + -(-10 * (colder - mv) // (colder - hotter))
    return 10 * len(_NTC_MV)
