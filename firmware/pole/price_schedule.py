"""A price source: the list of prices in the configuration, each from a unix time on."""

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.boards.contract import Board
    from joulestream.pole.config import PoleConfig


class PriceSchedule:
    """Follows `rows` with `from_s` (unix time in s, rising from 0) and `price_per_kwh`."""

    def __init__(self, rows: "list[Any]") -> None:
        self.rows = rows

    def take(self, rows: "list[Any]") -> None:
        """Follow other rows, which service.py has checked; later loops of this start do so too."""
        # In place: the list is that of the configuration, from which OFFERs are made as well.
        self.rows[:] = rows

    def price_per_kwh(self, time_s: int) -> int:
        """Return the price at the unix time `time_s`, in claim units per kWh.

        At 0 nothing tells the time. Then it is the dearest price, or a vehicle could stay with a
        cheaper one: it only has to leave before the change.
        """
        if time_s == 0:
            return max([row.price_per_kwh for row in self.rows])
        price_per_kwh = 0
        for row in self.rows:
            if row.from_s <= time_s:
                price_per_kwh = row.price_per_kwh
        return price_per_kwh


def is_in_order(rows: "list[Any]") -> bool:
    """Return whether the rows begin at 0 and rise by `from_s`."""
    starts = [row.from_s for row in rows]
    return starts[0] == 0 and starts == sorted(set(starts))


def open_source(config: "PoleConfig", board: "Board") -> PriceSchedule:
    """Return the schedule of the pole's configuration."""
    return PriceSchedule(config.prices)
