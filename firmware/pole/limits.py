"""Power limits: each is one module and one row of LIMITS. The smallest limit holds.

The module has `open_limit(config, board)`, which returns an object with

    limit_mw()   the most power that may flow now, in mW, or None for no limit at all. It never
                 blocks.

It may have `is_passing = True`: such a limit changes while a vehicle charges. An OFFER tells the
highest power of a whole session, so it leaves these limits out.

The name of the row is the reason that people and programs are shown.
"""

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable

    from joulestream.boards.contract import Board
    from joulestream.pole.config import PoleConfig

# (reason, module)
LIMITS = [
    ("CONFIGURED_MAXIMUM", "joulestream.pole.configured_maximum"),
    ("CABLE", "joulestream.pole.cable_limit"),
    ("GRID_OPERATOR", "joulestream.pole.grid_limit"),
    ("VEHICLE", "joulestream.pole.vehicle_limit"),
    ("TEMPERATURE", "joulestream.pole.temperature_limit"),
]


class CurrentLimit:
    """A limit that a part of the board tells as a current: `read_ma()`, None for no limit."""

    is_passing = True

    def __init__(self, config: "PoleConfig", read_ma: "Callable[[], int | None]") -> None:
        self._voltage_v = config.voltage_v * config.phases
        self._read_ma = read_ma

    def limit_mw(self) -> "int | None":
        """Return the power of the current, in mW, or None."""
        current_ma = self._read_ma()
        return None if current_ma is None else current_ma * self._voltage_v


class PowerLimits:
    """The smallest of all limits, with its reason."""

    def __init__(self, config: "PoleConfig", board: "Board") -> None:
        self._limits = []
        for reason, name in LIMITS:
            module = __import__(name, None, None, ("open_limit",))
            self._limits.append((reason, module.open_limit(config, board)))

    def smallest(self, passing: bool = True) -> "tuple[int, str]":
        """Return the smallest limit in mW, and its reason. The first row wins a tie.

        Without `passing` only limits count that last for a whole session.
        """
        smallest_mw, smallest_reason = None, ""
        for reason, limit in self._limits:
            if not passing and getattr(limit, "is_passing", False):
                continue
            limit_mw = limit.limit_mw()
            if limit_mw is not None and (smallest_mw is None or limit_mw < smallest_mw):
                smallest_mw, smallest_reason = limit_mw, reason
        if smallest_mw is None:
            raise ValueError("no power limit is known; the configured maximum always is one")
        return smallest_mw, smallest_reason
