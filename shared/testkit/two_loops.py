"""Both firmwares' real loops, each with a Modbus meter on its line, and one cable between them."""

from joulestream.compat import const
from joulestream.device.config import check_table
from joulestream.pole import config as pole_config
from joulestream.pole import main as pole_main
from joulestream.signing import TABLE_SIZE
from joulestream.testkit.board import MemoryBoard, cable
from joulestream.testkit.certificates import KEYS, NOW_S, certificate
from joulestream.testkit.flash import RamFlash
from joulestream.testkit.meter import Meter
from joulestream.testkit.pair import Nonces, pole_values, vehicle_values
from joulestream.units import MS_PER_HOUR, ticks_add
from joulestream.vehicle import config as vehicle_config
from joulestream.vehicle import main as vehicle_main

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

STEP_MS = const(20)


class TwoLoops:
    """A pole and a vehicle that charge, step by step in virtual time.

    Args:
        pole, vehicle: changes of their configurations (pair.pole_values, pair.vehicle_values).
        pole_meter, vehicle_meter: their meters.
        power_mw: the power that flows while the contact is closed.
        boards: the pole's and the vehicle's board. Default: boards with a cable between them.
        step_ms: the time between two steps.

    Attributes:
        pole, vehicle: the loops.
        power_mw: the same.
        contact: whether current can flow. It follows the coil a step later.
        closings: how often the coil was driven anew.
        now_ms: the tick.
    """

    def __init__(
        self,
        pole: "dict[str, Any]",
        vehicle: "dict[str, Any]",
        pole_meter: Meter,
        vehicle_meter: Meter,
        power_mw: int,
        boards: "list[Any] | None" = None,
        step_ms: int = STEP_MS,
    ) -> None:
        self.power_mw = power_mw
        self._step_ms = step_ms
        self.contact = False
        self.closings = 0
        self.now_ms = 1_000
        self._coil = False
        self._flowed = 0
        self._meters = (pole_meter, vehicle_meter)
        self._boards: list[Any] = boards or [MemoryBoard({"link": end}) for end in cable()]
        for meter, board in zip(self._meters, self._boards):
            board.uarts["meter"] = meter
            board.flash = RamFlash()
            board.unix_s = NOW_S
            board.tick_ms = self.now_ms
        pole_board, vehicle_board = self._boards
        pole_board.random, vehicle_board.random = Nonces(b"pole"), Nonces(b"vehicle")
        pole_board.on_contactor = self._drive
        config = pole_config.consistent(check_table(pole_config.TABLE, pole_values(**pole)))
        self.pole: Any = pole_main.assemble(
            config, pole_board, KEYS["payee"], bytearray(TABLE_SIZE)
        )
        values = vehicle_values(**vehicle)
        values["reconnect_ms"] = 1_000
        self.vehicle: Any = vehicle_main.assemble(
            vehicle_config.consistent(check_table(vehicle_config.TABLE, values)),
            vehicle_board,
            KEYS["payer"],
            lambda: [certificate()],
        )

    @property
    def flowed_mwh(self) -> int:
        """The energy that flowed, in mWh."""
        return self._flowed // MS_PER_HOUR

    def run(self, ms: int, condition: "Callable[[], Any] | None" = None) -> bool:
        """Let so much time pass, or less; return whether `condition` held in the end."""
        for _ in range(0, ms, self._step_ms):
            self._step()
            if condition is not None and condition():
                return True
        return False

    def glitch_pilot(self, state: str) -> None:
        """Let the pole alone read the pilot state `state` for one step. The plug stays in."""
        board = self._boards[0]
        before, board.pilot = board.pilot, state
        self._step()
        board.pilot = before

    def _step(self) -> None:
        step_ms = self._step_ms
        self.now_ms = ticks_add(self.now_ms, step_ms)
        self.pass_time(step_ms)
        power_mw = self.power_mw if self.contact else 0
        self._flowed += power_mw * step_ms
        for meter in self._meters:
            meter.advance(power_mw, step_ms)
        self.contact = self._coil
        for board, loop in zip(self._boards, (self.pole, self.vehicle)):
            board.tick_ms = self.now_ms
            loop.step(self.now_ms)
            loop.idle()

    def pass_time(self, step_ms: int) -> None:
        """Let time pass on the wires between the boards. A cable of `cable()` has no delay."""

    def _drive(self, closed: bool) -> None:
        self.closings += closed and not self._coil
        self._coil = closed
