"""A power limit: the most for a vehicle with the simplified pilot."""

from joulestream.compat import const
from joulestream.pole.limits import CurrentLimit

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.boards.contract import Board
    from joulestream.pole.config import PoleConfig


def open_limit(config: "PoleConfig", board: "Board") -> CurrentLimit:
    """Return the limit that the board tells."""
    return CurrentLimit(config, board.vehicle_ma)
