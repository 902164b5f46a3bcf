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

# A session that ended for one of these may go better the next time, so the vehicle comes back.
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
# These pass by themselves less often: a clock is corrected, a certificate renewed, a place given
# back, a fault mended by a restart. So the vehicle's pause doubles each time.
# After any other reason it waits until a person pulls the plug.
_LATER = (
    errors.CERTIFICATE_EXPIRED,
    errors.CERTIFICATE_OLD,
    errors.BAD_TIME,
    errors.CHANNELS_FULL,
    errors.ISSUER_LIMIT,
    errors.INTERNAL,
)
_LONGEST_PAUSE_MS = const(600_000)


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
        self._later_ms = reconnect_ms
        self.begin()

    def begin(self) -> None:
        """Begin a new visit: the vehicle may greet at once."""
        self.energy_mwh = 0
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

    def end_session(self, reason: "int | None", now_ms: int) -> None:
        """Decide, after a session ended for `reason`, whether and when to greet again."""
        pause_ms = self._reconnect_ms
        if reason in _LATER:
            pause_ms = self._later_ms
            self._later_ms = min(2 * pause_ms, _LONGEST_PAUSE_MS)
        self.is_over = not pause_ms or not (reason in _SOON or reason in _LATER)
        self._pause.start(now_ms, pause_ms)
