"""RENEW: the pole asks for the next certificate in time, and checks the one that comes."""

from joulestream.compat import const
from joulestream.pole.admission import is_older
from joulestream.units import Timer

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.channel import Certificate
    from joulestream.pole.admission import Admission
    from joulestream.session import ProtocolSession


class Renewal:
    """When to ask for a certificate that is valid for longer.

    Args:
        retry_ms: pause between two requests. The vehicle may get its certificate only later, so
            it is asked again.
    """

    def __init__(self, retry_ms: int) -> None:
        self._retry_ms = retry_ms
        self._pause = Timer()
        self._sequence = 0

    def begin(self) -> None:
        """Let a session or a new certificate begin: its first request may be sent at once."""
        self._pause.stop()

    def is_due(self, now_ms: int) -> bool:
        """Return whether the last request is old enough to send another."""
        return self._pause.is_over(now_ms)

    def asked(self, now_ms: int) -> int:
        """Note that a request is sent at `now_ms`; return its sequence number, from 1."""
        self._pause.start(now_ms, self._retry_ms)
        self._sequence += 1
        return self._sequence


def renewal_reason(
    certificate: "Certificate",
    admission: "Admission",
    session: "ProtocolSession",
    now_ms: int,
) -> int:
    """Return the reason to refuse `certificate` in place of the one in use, or 0."""
    return admission.certificate_reason(
        certificate, session.channel_id, session.payer_key, now_ms, is_renewal=True
    )


def is_better(certificate: "Certificate", used: "Certificate") -> bool:
    """Return whether `certificate` lasts longer than the one in use, and is not older.

    A vehicle cannot know which one the pole goes on under, so it is no fault to show another.
    """
    return certificate.expires_at_s > used.expires_at_s and not is_older(certificate, used)
