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
