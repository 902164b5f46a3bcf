"""Requests that a channel's payer or payee signs to close it.

    "JST1" (4) | 7 (1) | action (1) | ledger number, u64 (8) | ledger key (32) |
    channel id (32) | unix time in s, u64 (8)                signed with plain Ed25519

Integers are big-endian; 7 is SIGNED_LEDGER_REQUEST; the message has 86 bytes. With action 1 the
payer starts the dispute window. With action 2 the payee closes at once. The time must be within
`REQUEST_VALID_S` of the ledger's time. A request that is found later, for instance after it was
lost on its way, therefore closes nothing.
"""

from joulestream.channel import SIGNED_LEDGER_REQUEST, Certificate, Terms, signed_bytes
from joulestream.fields import BYTES, UINT, Record

CLOSE_BY_PAYER = 1
CLOSE_BY_PAYEE = 2
REQUEST_VALID_S = 600

# action: (side, field of the terms with the key that must have signed)
ACTIONS = {CLOSE_BY_PAYER: ("payer", "payer_key"), CLOSE_BY_PAYEE: ("payee", "payee_key")}


class CloseRequest(Record):
    """A request to close a channel: `action` is CLOSE_BY_PAYER or CLOSE_BY_PAYEE."""

    action: int
    ledger_number: int
    ledger_key: bytes
    channel_id: bytes
    time_s: int
    LAYOUT = (
        ("action", 1, UINT),
        ("ledger_number", 8, UINT),
        ("ledger_key", 32, BYTES),
        ("channel_id", 32, BYTES),
        ("time_s", 8, UINT),
    )

    def signed_bytes(self) -> bytes:
        """Return the 86 bytes to sign. Raises LocalError for a value that does not fit."""
        return signed_bytes(SIGNED_LEDGER_REQUEST, self.to_bytes())


def close_request(terms: Terms | Certificate, action: int, time_s: int) -> CloseRequest:
    """Return the request to close the channel of `terms` (or of a certificate).

    Args:
        terms: the channel's terms, or its certificate, which is at hand without the ledger.
        action: CLOSE_BY_PAYER or CLOSE_BY_PAYEE.
        time_s: unix time of the signature.
    """
    plain = terms.terms() if isinstance(terms, Certificate) else terms
    return CloseRequest(
        action=action,
        ledger_number=plain.chain_id,
        ledger_key=plain.contract,
        channel_id=plain.channel_id(),
        time_s=time_s,
    )
