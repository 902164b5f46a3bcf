"""A board with a safety controller on a UART as its gate: a class in front of a board file's.

    from joulestream.boards.esp32s3 import Board as Recommended
    from joulestream.boards.with_safety_controller import WithSafetyController


    class Board(WithSafetyController, Recommended):
        UARTS = {"meter": Recommended.UARTS["meter"], "gate": Recommended.UARTS["link"]}

"gate" is a row of UARTS: peripheral, TX pin, RX pin, bytes of the receive buffer. Here the link is
CAN, so its UART is free. CONTACTOR and HEARTBEAT lead to the controller, as to any gate.
"""

from joulestream.compat import const
from joulestream.parts.safety_controller import SILENT, SafetyController

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.boards.machine_board import MachineBoard as _Base
else:
    _Base = object

_BAUD = const(115_200)
_TX_SIZE = const(512)


class WithSafetyController(_Base):
    """Permits in each completed step, while the contactor is wanted, what the pilot shows."""

    def __init__(self, config: "dict[str, object]") -> None:
        super().__init__(config)
        self._limit_ma = self._config.current_ma
        self._controller = SafetyController(self.uart("gate"))

    def _open_uart(self, name: str) -> "Any":
        if name != "gate":
            return super()._open_uart(name)
        from machine import UART

        from joulestream.parts.uart import MachineUart

        number, tx, rx, rx_size = self.UARTS[name]
        port = UART(
            number,
            baudrate=_BAUD,
            tx=self._pin(tx),
            rx=self._pin(rx),
            txbuf=_TX_SIZE,
            rxbuf=rx_size,
            timeout=0,
        )
        return MachineUart(name, port, _TX_SIZE)

    def current_limit_ma(self, limit_ma: int) -> None:
        """Tell the vehicle its limit; the controller permits no more."""
        super().current_limit_ma(limit_ma)
        self._limit_ma = min(limit_ma, self._config.current_ma)

    def feed_watchdog(self) -> None:
        """Permit the current for the next 500 ms, if a step wants the contactor; hear the gate."""
        super().feed_watchdog()
        # Above its rating the controller would refuse it all.
        limit_ma = min(self._limit_ma, self._controller.rated_ma) if self._closed else 0
        self._controller.step(self.now_ms(), limit_ma)

    def make_safe(self) -> None:
        """Open the contactor, and withdraw the permission."""
        super().make_safe()
        self._controller.step(self.now_ms(), 0)

    def gate(self) -> "str | None":
        """Return the controller's name; None while it is silent."""
        return self._controller.identification

    def gate_ms(self) -> "int | None":
        """Return the controller's time; before it answered, that of the board file."""
        return self._controller.hold_ms or super().gate_ms()

    def contactor_feedback(self) -> "bool | None":
        """Return whether the mirror contact is closed: the controller's input, or the board's."""
        if self._controller.state == SILENT or self.FEEDBACK is not None:
            return super().contactor_feedback()
        return self._controller.contacts

    @property
    def fault(self) -> "str | None":  # type: ignore[override]
        """The sentence of a controller that keeps the coil open though the contactor is wanted."""
        controller = self._controller
        if self._closed and not controller.coil and controller.reason != "ok":
            return "the gate keeps the contactor open: %s" % controller.reason
        return super().fault
