"""Power limits: each is one module and one row of LIMITS. The smallest limit holds.

The module has `open_limit(config, board)`, which returns an object with

    limit_mw()   the most power that may flow now, in mW, or None for no limit at all. It never
                 blocks.

The name of the row is the reason that people and programs are shown.
"""

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.boards.contract import Board
    from joulestream.pole.config import PoleConfig

# (reason, module)
LIMITS = [("CONFIGURED_MAXIMUM", "joulestream.pole.configured_maximum")]


class PowerLimits:
    """The smallest of all limits, with its reason."""

    def __init__(self, config: "PoleConfig", board: "Board") -> None:
        self._limits = []
        for reason, name in LIMITS:
            module = __import__(name, None, None, ("open_limit",))
            self._limits.append((reason, module.open_limit(config, board)))

    def smallest(self) -> "tuple[int, str]":
        """Return the smallest limit in mW, and its reason. The first row wins a tie."""
        smallest_mw, smallest_reason = None, ""
        for reason, limit in self._limits:
            limit_mw = limit.limit_mw()
            if limit_mw is not None and (smallest_mw is None or limit_mw < smallest_mw):
                smallest_mw, smallest_reason = limit_mw, reason
        if smallest_mw is None:
            raise ValueError("no power limit is known; the configured maximum always is one")
        return smallest_mw, smallest_reason
