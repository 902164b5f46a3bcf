"""How an open session ends: the next step of its closing, as one value.

The contactor is open from the first moment on. Then, in this order: the meter shows the energy
that still flowed; the payment that is on its way arrives; energy that no invoice asked for yet is
invoiced; the record is stored; the receipt goes out; the vehicle acknowledges it.
"""

from joulestream.compat import const
from joulestream.messages import UPDATE
from joulestream.pole.contactor import OPENING_MS
from joulestream.session import RECEIPTED
from joulestream.units import Timer

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.pole.charging_session import ChargingSession
    from joulestream.session import ProtocolSession

WAIT = const(0)
INVOICE_REST = const(1)  # one more invoice for the energy that nobody was asked to pay yet
SEND_RECEIPT = const(2)
CLOSE = const(3)  # without a receipt, or after it
CLOSE_FOR_HELLO = const(4)  # the vehicle greeted anew and waits for an offer


class Closing:
    """The closing of the open session.

    Attributes:
        is_under_way: whether the open session is closing.
        reason: the reason code of the closing that is under way. Any code may come, 0 too.
        settle_ms: the time after which the meter shows all that flowed until now.
    """

    def __init__(self) -> None:
        self.settle_ms = 0
        self._until_meter_is_final = Timer()
        self.is_under_way = False
        self.reason = 0

    def begin(self, reason: int, now_ms: int) -> None:
        """Begin to close for `reason` (errors.py) at the tick `now_ms`."""
        self.is_under_way = True
        self.reason = reason
        self._until_meter_is_final.start(now_ms, OPENING_MS + self.settle_ms)

    def end(self) -> None:
        """The session is closed."""
        self.is_under_way = False

    def next_step(
        self,
        session: "ProtocolSession",
        charging: "ChargingSession",
        timeout: int,
        hello_waits: bool,
        now_ms: int,
    ) -> int:
        """Return the next step: WAIT, INVOICE_REST, SEND_RECEIPT, CLOSE or CLOSE_FOR_HELLO.

        Args:
            session: the protocol session.
            charging: the session's figures.
            timeout: LINK_TIMEOUT or PAYMENT_TIMEOUT if the vehicle is silent, else 0.
            hello_waits: whether a new HELLO waits for this session to end.
            now_ms: the present tick.
        """
        if session.state == RECEIPTED:
            return CLOSE if timeout else WAIT
        if not self._until_meter_is_final.is_over(now_ms):
            return WAIT
        if hello_waits:
            return CLOSE_FOR_HELLO
        if timeout:
            return SEND_RECEIPT
        if session.is_waiting_for(UPDATE):
            return WAIT
        if charging.unpaid > 0 and charging.has_uninvoiced_energy():
            return INVOICE_REST
        return SEND_RECEIPT
