"""A power limit: the current that the grid operator allows, by the board's input."""

from joulestream.compat import const
from joulestream.pole.limits import CurrentLimit

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.boards.contract import Board
    from joulestream.pole.config import PoleConfig


def open_limit(config: "PoleConfig", board: "Board") -> CurrentLimit:
    """Return the limit that the board tells."""
    return CurrentLimit(config, board.grid_ma)
