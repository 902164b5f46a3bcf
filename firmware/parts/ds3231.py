"""The real-time clock DS3231 over I2C. Its oscillator-stop flag decides whether it is believed.

Source: Maxim DS3231 datasheet, "Timekeeping Registers" and "Status Register". Not run on hardware.
"""

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

_ADDRESS = const(0x68)
_TIME = const(0)
_TIME_SIZE = const(7)
_STATUS = const(0x0F)
# The oscillator stood still, or the supply was never there: the time means nothing.
_STOPPED = const(0x80)
_TWELVE_HOURS = const(0x40)
_CENTURY = const(0x80)
_DAYS_TO_1970 = const(719_468)
_DAY_S = const(86_400)


class Ds3231:
    """The clock on `i2c` (machine.I2C). It holds the time in UTC."""

    def __init__(self, i2c: "Any") -> None:
        self._i2c = i2c
        self._time = bytearray(_TIME_SIZE)
        self._status = bytearray(1)

    def time_s(self) -> "int | None":
        """Return the unix time in s; None if the clock is absent, stopped once, or tells none."""
        try:
            self._i2c.readfrom_mem_into(_ADDRESS, _STATUS, self._status)
            self._i2c.readfrom_mem_into(_ADDRESS, _TIME, self._time)
        except OSError:
            return None
        if self._status[0] & _STOPPED or self._time[2] & _TWELVE_HOURS:
            return None
        fields = []
        for at, mask in enumerate((0x7F, 0x7F, 0x3F, 0x07, 0x3F, 0x1F, 0xFF)):
            byte = self._time[at] & mask
            if byte & 0x0F > 9 or byte >> 4 > 9:
                return None
            fields.append((byte >> 4) * 10 + (byte & 0x0F))
        second, minute, hour, _, day, month, year = fields
        if second > 59 or minute > 59 or hour > 23 or not 1 <= day <= 31 or not 1 <= month <= 12:
            return None
        year += 2100 if self._time[5] & _CENTURY else 2000
        return _days(year, month, day) * _DAY_S + hour * 3600 + minute * 60 + second

    def set(self, time_s: int) -> None:
        """Set the clock to a unix time, and clear its flag. A clock that is absent is ignored."""
        days = time_s // _DAY_S
        year, month, day = _date(days)
        rest = time_s % _DAY_S
        # 1970-01-01 was a Thursday; the clock only counts the weekday on.
        values = (
            rest % 60,
            rest // 60 % 60,
            rest // 3600,
            (days + 3) % 7 + 1,
            day,
            month,
            year % 100,
        )
        for at, value in enumerate(values):
            self._time[at] = value // 10 << 4 | value % 10
        if year >= 2100:
            self._time[5] |= _CENTURY
        try:
            self._i2c.writeto_mem(_ADDRESS, _TIME, self._time)
            self._i2c.readfrom_mem_into(_ADDRESS, _STATUS, self._status)
            self._status[0] &= ~_STOPPED & 0xFF
            self._i2c.writeto_mem(_ADDRESS, _STATUS, self._status)
        except OSError:
            pass


def _days(year: int, month: int, day: int) -> int:
    """Return the days from 1970-01-01 to a date of the Gregorian calendar.

    Years are counted from March on, so that a leap day ends one.
    """
    if month <= 2:
        year -= 1
        month += 12
    return (
        365 * year
        + year // 4
        - year // 100
        + year // 400
        + (153 * (month - 3) + 2) // 5
        + day
        - 1
        - _DAYS_TO_1970
    )


def _date(days: int) -> "tuple[int, int, int]":
    """Return year, month and day of the date `days` days after 1970-01-01, up to 2199."""
    year = 1970 + days // 366
    while _days(year + 1, 1, 1) <= days:
        year += 1
    month = 12
    while _days(year, month, 1) > days:
        month -= 1
    return year, month, days - _days(year, month, 1) + 1
