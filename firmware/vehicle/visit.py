"""When the vehicle greets the pole, when it comes back after a session, and when it is done.

A visit lasts from plugging in to pulling the plug. It can hold several sessions.
"""

from joulestream import errors
from joulestream.compat import const
from joulestream.messages import NONCE_SIZE, VERSION, Hello
from joulestream.units import Timer

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable

    from joulestream.session import ProtocolSession

# The owner's order and limits, and faults that one side charges the other with. Neither passes
# while the plug stays in: the vehicle waits until a person pulls it.
LASTING = (
    errors.OWNER_STOP,
    errors.ENERGY_REACHED,
    errors.BUDGET_EXHAUSTED,
    errors.BAD_FIELD,
    errors.BAD_PROOF,
    errors.AMOUNT_SHRINKS,
    errors.OVER_CAPACITY,
    errors.UNDERPAID,
    errors.OVERBILLED,
    errors.WRONG_AMOUNT,
    errors.CARRIED_DEBT,
)
# After a session that ended for one of these the next one may go well at once.
_SOON = (
    errors.BAD_SIGNATURE,
    errors.UNEXPECTED_MESSAGE,
    errors.LINK_TIMEOUT,
    errors.PAYMENT_TIMEOUT,
    errors.RESTARTED,
    errors.TIME_UNKNOWN,
    errors.METER_SILENT,
    errors.METER_STALE,
    errors.METER_FROZEN,
    errors.METER_BACKWARD,
    errors.METER_JUMP,
    errors.METER_OUT_OF_RANGE,
    errors.STORE_FAILED,
    errors.WALLET_UNABLE,
    errors.MEMORY_LOW,
)
# All other reasons pass without the owner, sooner or later: a price falls, a clock is corrected, a
# certificate is renewed, a pole saw the plug out for a moment. A reason of a later version may
# pass too. The vehicle's pause doubles each time, so no pole makes it write or switch often.
_LONGEST_PAUSE_MS = const(600_000)
# A session that brought so much energy went well: the pauses start anew.
_WORTH_MWH = const(100_000)


class Visit:
    """One visit at a time.

    Args:
        reconnect_ms: pause before the vehicle greets again; 0: it never does.
        energy_wanted_mwh: the energy of one visit after which the vehicle stops.
        random: returns that many random bytes.

    Attributes:
        energy_mwh: energy paid for in this visit.
        is_over: the vehicle greets no more before it is plugged in anew.
    """

    def __init__(
        self, reconnect_ms: int, energy_wanted_mwh: int, random: "Callable[[int], bytes]"
    ) -> None:
        self._reconnect_ms = reconnect_ms
        self._energy_wanted_mwh = energy_wanted_mwh
        self._random = random
        self._pause = Timer()
        self.begin()

    def begin(self) -> None:
        """Begin a new visit: the vehicle may greet at once."""
        self.energy_mwh = 0
        self._energy_before_mwh = 0
        self.is_over = False
        self._later_ms = self._reconnect_ms
        self._pause.stop()

    def may_greet(self, now_ms: int) -> bool:
        """Return whether a session may begin at the tick `now_ms`."""
        return not self.is_over and self._pause.is_over(now_ms)

    def greet(
        self, session: "ProtocolSession", channel_id: bytes, payer_key: bytes, now_ms: int
    ) -> None:
        """Send HELLO for the channel `channel_id`; `payer_key` signs its claims."""
        hello = Hello(
            version=VERSION,
            nonce=self._random(NONCE_SIZE),
            channel_id=channel_id,
            payer_key=payer_key,
        )
        session.send(hello, now_ms)

    def has_energy_wanted(self) -> bool:
        """Return whether this visit brought the energy that the owner wants."""
        return self.energy_mwh >= self._energy_wanted_mwh

    def end_session(self, reason: "int | None", has_other: bool, now_ms: int) -> None:
        """Decide, after a session ended for `reason`, whether and when to greet again.

        Args:
            reason: why it ended.
            has_other: another certificate was not tried yet, so the reason may not hold for it.
            now_ms: the present tick.
        """
        if self.energy_mwh - self._energy_before_mwh >= _WORTH_MWH:
            self._later_ms = self._reconnect_ms
        self._energy_before_mwh = self.energy_mwh
        pause_ms = self._reconnect_ms
        if reason not in _SOON and not has_other:
            pause_ms = self._later_ms
            self._later_ms = min(2 * pause_ms, _LONGEST_PAUSE_MS)
        self.is_over = not pause_ms or reason in LASTING
        self._pause.start(now_ms, pause_ms)
