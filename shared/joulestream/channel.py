"""A payment channel: its terms and id, its certificate, the 44-byte claim, and the checks on each.

Each check returns a reason code (errors.py), or 0 when nothing is wrong.
"""

from hashlib import sha256
from struct import pack_into

from joulestream import errors
from joulestream.compat import const
from joulestream.fields import BYTES, UINT, Record, size_of
from joulestream.signing import verify

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.fields import Buffer

KEY_SIZE = const(32)
CHANNEL_ID_SIZE = const(32)
SIGNATURE_SIZE = const(64)
CLAIM_SIZE = const(44)
# The most that a channel can hold, and that can be due on it, in claim units. A field holds twice
# as much, so the price of the energy that flows until the contactor is open fits too.
MAX_AMOUNT = const(0x7FFFFFFFFFFFFFFF)

KIND_SQL = const(1)
KIND_EVM = const(2)
KIND_XRPL = const(3)
# Reserved for later: no certificate of these kinds is taken yet.
KIND_X402 = const(4)
KIND_SQL_DUPLEX = const(5)
KIND_EVM_DUPLEX = const(6)

CLAIM_PREFIX = b"CLM\0"
# Every other signed text starts with this, then names its type: no key signs it by mistake as a
# claim.
SIGNED_PREFIX = b"JST1"

SIGNED_PROOF = const(1)
SIGNED_OFFER = const(2)
SIGNED_TARIFF = const(3)
SIGNED_RECEIPT = const(4)
SIGNED_CERTIFICATE = const(5)
SIGNED_TIME = const(6)
SIGNED_LEDGER_REQUEST = const(7)

_TERMS = (
    ("kind", 1, UINT),
    ("chain_id", 8, UINT),
    ("contract", 32, BYTES),
    ("asset", 32, BYTES),
    ("base_units_per_claim_unit", 8, UINT),
    ("payer_key", KEY_SIZE, BYTES),
    ("refund_account", 32, BYTES),
    ("payee_key", KEY_SIZE, BYTES),
    ("payout_account", 32, BYTES),
    ("dispute_window_s", 4, UINT),
    ("salt", 16, BYTES),
)


class Terms(Record):
    """The fixed terms of a channel: its ledger, payer, payee, dispute window and salt."""

    kind: int
    chain_id: int
    contract: bytes
    asset: bytes
    base_units_per_claim_unit: int
    payer_key: bytes
    refund_account: bytes
    payee_key: bytes
    payout_account: bytes
    dispute_window_s: int
    salt: bytes
    LAYOUT = _TERMS

    def channel_id(self) -> bytes:
        """Return the 32-byte channel id: SHA-256 over the fixed-width terms."""
        return sha256(self.to_bytes()).digest()


_LIMITS = (
    ("channel_id", 32, BYTES),
    ("capacity", 8, UINT),
    ("claimed", 8, UINT),
    ("issued_at_s", 8, UINT),
    ("expires_at_s", 8, UINT),
    ("claimable_until_s", 8, UINT),
    ("return_capacity", 8, UINT),
    ("return_channel_id", 32, BYTES),
    ("issuer_key", KEY_SIZE, BYTES),
)


class Certificate(Record):
    """An issuer's signed statement about a channel, as its ledger stood at `issued_at_s`.

    - `channel_id`: the hash of the terms. XRPL is the exception: there the ledger assigns the id.
    - `capacity`: the most that the channel can ever pay, in claim units.
    - `claimed`: the highest amount that the ledger had accepted on the channel.
    - `expires_at_s`: from then on no payee takes this certificate.
    - `claimable_until_s`: the last moment at which the ledger still pays a claim of the payee,
      even if the payer asked to close right after `issued_at_s`.
    - `return_capacity`, `return_channel_id`: zero but for duplex kinds, which are reserved.
    """

    kind: int
    chain_id: int
    contract: bytes
    asset: bytes
    base_units_per_claim_unit: int
    payer_key: bytes
    refund_account: bytes
    payee_key: bytes
    payout_account: bytes
    dispute_window_s: int
    salt: bytes
    channel_id: bytes
    capacity: int
    claimed: int
    issued_at_s: int
    expires_at_s: int
    claimable_until_s: int
    return_capacity: int
    return_channel_id: bytes
    issuer_key: bytes
    signature: bytes
    LAYOUT = _TERMS + _LIMITS + (("signature", SIGNATURE_SIZE, BYTES),)

    def terms(self) -> Terms:
        """Return the channel's terms."""
        return Terms(**{name: getattr(self, name) for name, _, _ in _TERMS})

    def signed_bytes(self) -> bytes:
        """Return the bytes that the issuer signs."""
        return signed_bytes(SIGNED_CERTIFICATE, self.to_bytes()[:-SIGNATURE_SIZE])


CERTIFICATE_SIZE = const(437)
if size_of(Certificate.LAYOUT) != CERTIFICATE_SIZE:
    raise ValueError("CERTIFICATE_SIZE must be %d" % size_of(Certificate.LAYOUT))


def signed_bytes(signed_type: int, body: "Buffer") -> bytes:
    """Return the signed form of any text but a claim: "JST1", the type (SIGNED_...), the body."""
    return SIGNED_PREFIX + bytes((signed_type,)) + bytes(body)


def time_bytes(payee_nonce: bytes, payee_key: bytes, time_s: int) -> bytes:
    """Return the bytes that an issuer signs to tell a payee the time `time_s` (unix time in s).

    The payee's own nonce and key are in it, so an old signature proves nothing.
    """
    return signed_bytes(SIGNED_TIME, payee_nonce + payee_key + time_s.to_bytes(8, "big"))


class Claim:
    """The 44 bytes that a payer signs: "CLM\\0", the channel id, the total ever paid.

    They are the XRP Ledger's payment-channel claim (rippled, PayChan.h). The buffer is reused, so
    a packet allocates nothing.
    """

    def __init__(self, channel_id: bytes) -> None:
        self._buffer = bytearray(CLAIM_PREFIX + channel_id + bytes(8))

    def message(self, amount: int) -> bytearray:
        """Return the claim for `amount` claim units, in a buffer that the next call overwrites."""
        pack_into(">Q", self._buffer, CLAIM_SIZE - 8, amount)
        return self._buffer


def claim_reason(amount: int, best_amount: int, amount_due: int, capacity: int) -> int:
    """Return the reason to refuse the next claim, or 0. All arguments are in claim units.

    Args:
        amount: the total that the next claim pays.
        best_amount: the total that the best claim so far pays.
        amount_due: the total that the invoice asks for.
        capacity: the most that the channel can pay.
    """
    if amount < best_amount:
        return errors.AMOUNT_SHRINKS
    if amount > capacity:
        return errors.OVER_CAPACITY
    if amount < amount_due:
        return errors.UNDERPAID
    return 0


def genuine_reason(certificate: Certificate) -> int:
    """Return the reason why `certificate` proves no channel to anybody, or 0."""
    if certificate.kind not in (KIND_SQL, KIND_EVM, KIND_XRPL):
        return errors.WRONG_LEDGER
    # On XRPL the ledger assigns the id, so only the issuer's signature vouches for it.
    if certificate.kind != KIND_XRPL:
        if certificate.terms().channel_id() != certificate.channel_id:
            return errors.WRONG_CHANNEL
    # These kinds pay in one direction only.
    if certificate.return_capacity or certificate.return_channel_id != bytes(CHANNEL_ID_SIZE):
        return errors.WRONG_CHANNEL
    if certificate.claimed > certificate.capacity or certificate.capacity > MAX_AMOUNT:
        return errors.WRONG_CHANNEL
    if not verify(certificate.issuer_key, certificate.signed_bytes(), certificate.signature):
        return errors.CERTIFICATE_FORGED
    return 0


def expiry_reason(certificate: Certificate, now_s: int) -> int:
    """Return CERTIFICATE_EXPIRED if `certificate` is over at the unix time `now_s`, or 0.

    An `issued_at_s` in the future is no reason: it proves that the payee's clock is slow.
    """
    return errors.CERTIFICATE_EXPIRED if now_s >= certificate.expires_at_s else 0


def window_reason(certificate: Certificate, collect_within_s: int) -> int:
    """Return CERTIFICATE_WINDOW if the payee could not collect on `certificate` in time, or 0.

    The payee collects at the latest `collect_within_s` after the certificate expires. The ledger
    must still pay then: expires_at + collect_within <= claimable_until.
    """
    last_collection_s = certificate.expires_at_s + collect_within_s
    if last_collection_s > certificate.claimable_until_s:
        return errors.CERTIFICATE_WINDOW
    return 0
