"""A power limit: less power the hotter the pole is, so that it cools before it has to open."""

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable

    from joulestream.boards.contract import Board
    from joulestream.pole.config import PoleConfig

# Up to the first temperature all power may flow, from the second on none, in degC. Contacts and
# terminals are made for 85 degC, at which the charger opens the contactor (charger.py).
WARM_C = const(60)
FULL_C = const(80)


class TemperatureLimit:
    """The configured maximum, less a twentieth of it for each degree above WARM_C."""

    is_passing = True

    def __init__(self, max_power_mw: int, celsius: "Callable[[], int | None]") -> None:
        self._max_power_mw = max_power_mw
        self._celsius = celsius

    def limit_mw(self) -> "int | None":
        """Return the limit at the temperature of now, in mW, or None."""
        celsius = self._celsius()
        if celsius is None or celsius <= WARM_C:
            return None
        return self._max_power_mw * max(FULL_C - celsius, 0) // (FULL_C - WARM_C)


def open_limit(config: "PoleConfig", board: "Board") -> TemperatureLimit:
    """Return the limit by the board's sensor."""
    return TemperatureLimit(config.max_power_mw, board.temperature_c)
