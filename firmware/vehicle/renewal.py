"""Certificates that come while the vehicle is running: a newer one extends a channel's life."""

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable

    from joulestream.channel import Certificate
    from joulestream.vehicle.wallet import Wallet


def load_renewals(wallet: "Wallet", load: "Callable[[], list[Certificate]]") -> None:
    """Give `wallet` the certificates that `load` returns; it keeps its own if there are none."""
    wallet.certificates = load() or wallet.certificates


def newer_certificate(
    wallet: "Wallet", known: "Certificate", valid_until_s: int
) -> "Certificate | None":
    """Return a certificate of the same channel as `known` to renew with, or None.

    It expires after `valid_until_s`. So long the pole's own certificate is valid, which may be
    another one than the vehicle showed.
    """
    latest = wallet.certificate_for(known.payee_key)
    if latest is None or latest.channel_id != known.channel_id:
        return None
    return latest if latest.expires_at_s > valid_until_s else None
