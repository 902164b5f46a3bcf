"""The issuers that the pole trusts."""

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.pole.config import IssuerConfig, PoleConfig


def issuer_of(config: "PoleConfig", key: bytes) -> "IssuerConfig | None":
    """Return the configured issuer with this key, or None."""
    for issuer in config.issuers:
        if issuer.key == key:
            return issuer
    return None
