"""Keys, channel terms and certificates for tests, the simulator, the adversaries and the benches.

This is the only place outside the product that builds a certificate. It runs on CPython and on
MicroPython.
"""

from joulestream.channel import KIND_SQL, SIGNATURE_SIZE, Certificate, Terms
from joulestream.compat import const
from joulestream.signing import Signer

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

NOW_S = 1_790_000_000
DAY_S = 86_400
# Recorded fuzz histories depend on these keys. A changed seed makes the corpus worthless.
SEEDS = {"payee": b"p" * 32, "payer": b"v" * 32, "issuer": b"i" * 32, "stranger": b"s" * 32}
KEYS = {name: Signer(seed) for name, seed in SEEDS.items()}


def terms(**changes: "Any") -> Terms:
    """Return the terms of the channel from KEYS["payer"] to KEYS["payee"].

    Args:
        changes: values of fields of Terms that replace the default ones.
    """
    fields: dict[str, Any] = {
        "kind": KIND_SQL,
        "chain_id": 1,
        "contract": KEYS["issuer"].public_key,
        "asset": bytes(32),
        "base_units_per_claim_unit": 1,
        "payer_key": KEYS["payer"].public_key,
        "refund_account": b"r" * 32,
        "payee_key": KEYS["payee"].public_key,
        "payout_account": b"o" * 32,
        "dispute_window_s": 7 * DAY_S,
        "salt": bytes(16),
    }
    fields.update(changes)
    return Terms(**fields)


def certificate(
    channel: "Terms | None" = None,
    issuer: "str | Signer" = "issuer",
    after_signing: "dict[str, Any] | None" = None,
    **changes: "Any",
) -> Certificate:
    """Return the certificate of a channel, signed by an issuer.

    The defaults are a capacity of 1,000,000 claim units, issue at NOW_S and expiry one day later.

    Args:
        channel: the channel's terms. Default: terms().
        issuer: the Signer, or its name in KEYS.
        after_signing: fields that are changed after signing, so that the signature is wrong; or
            the signature itself.
        changes: fields that are changed before signing, so that the signature covers them.
    """
    signer = KEYS[issuer] if isinstance(issuer, str) else issuer
    if channel is None:
        channel = terms()
    fields = {name: getattr(channel, name) for name, _, _ in Terms.LAYOUT}
    fields["channel_id"] = channel.channel_id()
    fields["capacity"] = 1_000_000
    fields["claimed"] = 0
    fields["issued_at_s"] = NOW_S
    fields["expires_at_s"] = NOW_S + DAY_S
    fields["return_capacity"] = 0
    fields["return_channel_id"] = bytes(32)
    fields["issuer_key"] = signer.public_key
    fields["signature"] = bytes(SIGNATURE_SIZE)
    fields.update(changes)
    issued_at_s = fields["issued_at_s"]
    fields.setdefault("claimable_until_s", issued_at_s + fields["dispute_window_s"])
    result = Certificate(**fields)
    result.signature = signer.sign(result.signed_bytes())
    for name, value in (after_signing or {}).items():
        setattr(result, name, value)
    return result
