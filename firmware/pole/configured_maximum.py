"""A power limit: the most that the installation can deliver, from the configuration."""

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.boards.contract import Board
    from joulestream.pole.config import PoleConfig


class ConfiguredMaximum:
    """The limit `max_power_w` of the pole's configuration."""

    def __init__(self, max_power_mw: int) -> None:
        self._max_power_mw = max_power_mw

    def limit_mw(self) -> int:
        """Return the configured maximum, in mW."""
        return self._max_power_mw


def open_limit(config: "PoleConfig", board: "Board") -> ConfiguredMaximum:
    """Return the limit of the pole's configuration."""
    return ConfiguredMaximum(config.max_power_mw)
