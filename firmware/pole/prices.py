"""Price sources: each is one module and one row of PRICE_SOURCES.

The module has `open_source(config, board)`, which returns an object with

    price_per_kwh(time_s)   the price at the unix time `time_s`, in claim units per kWh; a whole
                            number from 1 on. It is called in every step and never blocks. At 0
                            nothing tells the time: then it is the dearest price.

A source that an operator may give another schedule while the pole runs also has `rows` and
`take(rows)`, as PriceSchedule has.

The configuration's `price_source` names the row. `prices` is the schedule that the source
"schedule" follows; its dearest price bounds credit and prepayment for every source.
"""

from joulestream.compat import const
from joulestream.device.config import one_of

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.boards.contract import Board
    from joulestream.pole.config import PoleConfig

# kind: module
PRICE_SOURCES = {"schedule": "joulestream.pole.price_schedule"}

DEFAULT_SOURCE = "schedule"


def check_source(value: object) -> str:
    """Check for the configuration's `price_source`: a row of PRICE_SOURCES."""
    kind: str = one_of(*sorted(PRICE_SOURCES))(value)
    return kind


def open_prices(config: "PoleConfig", board: "Board") -> "Any":
    """Return the price source that the pole's configuration names."""
    module = __import__(PRICE_SOURCES[config.price_source], None, None, ("open_source",))
    return module.open_source(config, board)
