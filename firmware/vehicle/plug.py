"""The vehicle's side of the pilot: its switch of state C, and the current limit of its charger.

The switch is closed while a session is open and the pole's duty offers at least 6 A. The charger
is told the current of that duty, anew once a second: a vehicle has 5 s to follow a change (IEC
61851-1, table A.8). Without a session it is told none.
"""

from joulestream.compat import const
from joulestream.session import OPEN
from joulestream.units import Timer

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.boards.contract import Board
    from joulestream.vehicle.payer import Payer

LEAST_MA = const(6_000)
# The standard's highest current, for a board that does not read the duty.
_MOST_MA = const(80_000)
_EVERY_MS = const(1_000)


class Plug:
    """Drives the board's `pilot_switch` and `charger_limit_ma`.

    Attributes:
        asks: whether the vehicle asks for power.
        limit_ma: the current that its charger is told.
        offered_ma: the current that the pole offers; None: the board does not read it.
    """

    def __init__(self, board: "Board") -> None:
        self._board = board
        self._pause = Timer()
        self.offered_ma: int | None = None
        self.asks = True
        self.limit_ma = -1
        self.release()

    def follow(self, payer: "Payer", is_connected: bool, now_ms: int) -> None:
        """Follow the session and the pole's duty at the tick `now_ms`."""
        if not is_connected or payer.session.state != OPEN:
            self.release()
            return
        if not self._pause.is_over(now_ms):
            return
        self._pause.start(now_ms, _EVERY_MS)
        self.offered_ma = self._board.offered_ma()
        limit_ma = _MOST_MA if self.offered_ma is None else self.offered_ma
        self._drive(limit_ma >= LEAST_MA, limit_ma if limit_ma >= LEAST_MA else 0)

    def release(self) -> None:
        """Ask for no power. Called in every step without a session, and at every fault."""
        self._pause.stop()
        if self.asks or self.limit_ma:
            self._drive(False, 0)

    def _drive(self, asks: bool, limit_ma: int) -> None:
        # Less current first, and the switch last: the charger never draws without a limit.
        if limit_ma != self.limit_ma:
            self.limit_ma = limit_ma
            self._board.charger_limit_ma(limit_ma)
        if asks != self.asks:
            self.asks = asks
            self._board.pilot_switch(asks)
