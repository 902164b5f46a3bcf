"""Channel terms and id, the issuer's certificate, the 44-byte claim, and what each must fulfil."""

from hashlib import sha256
from struct import pack_into

from joulestream import errors
from joulestream.compat import const
from joulestream.fields import BYTES, UINT, Record, size_of
from joulestream.signing import verify

KEY_SIZE = const(32)
CHANNEL_ID_SIZE = const(32)
SIGNATURE_SIZE = const(64)
CLAIM_SIZE = const(44)
MAX_AMOUNT = const(0xFFFFFFFFFFFFFFFF)

KIND_SQL = const(1)
KIND_EVM = const(2)
KIND_XRPL = const(3)

CLAIM_PREFIX = b"CLM\0"
# Everything signed that is not a claim starts so, then names its type.
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
    """What a channel is: the ledger it lives on, who pays whom, and how it is disputed."""

    LAYOUT = _TERMS

    def channel_id(self):
        """Return the 32-byte channel id: SHA-256 over the fixed-width terms."""
        return sha256(self.to_bytes()).digest()


_LIMITS = (
    ("channel_id", 32, BYTES),
    ("capacity", 8, UINT),
    ("issued_at_s", 8, UINT),
    ("expires_at_s", 8, UINT),
    ("issuer_key", KEY_SIZE, BYTES),
)


class Certificate(Record):
    """An issuer's word that a channel exists: its terms, capacity and validity.

    `channel_id` is the hash of the terms, except on XRPL, whose ledger gives the id.
    """

    LAYOUT = _TERMS + _LIMITS + (("signature", SIGNATURE_SIZE, BYTES),)

    def terms(self):
        """Return the channel's terms."""
        return Terms(**{name: getattr(self, name) for name, _, _ in _TERMS})

    def signed_bytes(self):
        """Return the bytes that the issuer signs."""
        return signed_bytes(SIGNED_CERTIFICATE, self.to_bytes()[:-SIGNATURE_SIZE])


CERTIFICATE_SIZE = const(381)
if size_of(Certificate.LAYOUT) != CERTIFICATE_SIZE:
    raise ValueError("CERTIFICATE_SIZE must be %d" % size_of(Certificate.LAYOUT))


def signed_bytes(signed_type, body):
    """Return what is signed for anything but a claim: "JST1", the type's number, the body."""
    return SIGNED_PREFIX + bytes((signed_type,)) + bytes(body)


def time_bytes(payee_nonce, payee_key, time_s):
    """Return what an issuer signs to tell a pole the time: over the pole's own nonce and key."""
    return signed_bytes(SIGNED_TIME, payee_nonce + payee_key + time_s.to_bytes(8, "big"))


class Claim:
    """The 44 bytes that a payer signs: "CLM\\0", channel id, the total ever paid.

    It is the XRP Ledger's payment-channel claim (rippled, PayChan.h). The buffer is reused, so
    that a packet costs no allocation.
    """

    def __init__(self, channel_id):
        self._buffer = bytearray(CLAIM_PREFIX + channel_id + bytes(8))

    def message(self, amount):
        """Return the buffer holding the claim for `amount`; it is valid until the next call."""
        pack_into(">Q", self._buffer, CLAIM_SIZE - 8, amount)
        return self._buffer


def claim_reason(amount, best_amount, amount_due, capacity):
    """Return why a next claim of `amount` is refused, or 0. All in claim units.

    `best_amount` is the claim before it; `amount_due` is what its invoice asks for.
    """
    if amount < best_amount:
        return errors.AMOUNT_SHRINKS
    if amount > capacity:
        return errors.OVER_CAPACITY
    if amount < amount_due:
        return errors.UNDERPAID
    return 0


def genuine_reason(certificate):
    """Return why `certificate` proves no channel, whoever looks at it, or 0."""
    if certificate.kind not in (KIND_SQL, KIND_EVM, KIND_XRPL):
        return errors.WRONG_LEDGER
    # On XRPL the id is the ledger's own, taken on the issuer's word.
    if certificate.kind != KIND_XRPL:
        if certificate.terms().channel_id() != certificate.channel_id:
            return errors.WRONG_CHANNEL
    if not verify(certificate.issuer_key, certificate.signed_bytes(), certificate.signature):
        return errors.CERTIFICATE_FORGED
    return 0


def expiry_reason(certificate, now_s):
    """Return CERTIFICATE_EXPIRED unless `certificate` holds at the time `now_s`, or 0."""
    if certificate.issued_at_s <= now_s < certificate.expires_at_s:
        return 0
    return errors.CERTIFICATE_EXPIRED


def window_reason(certificate, collect_within_s):
    """Return CERTIFICATE_WINDOW if a pole could not collect on `certificate` in time, or 0.

    A payer may start closing right after `issued_at_s`. A pole that collects at the latest
    `collect_within_s` after expiry is still inside the dispute window only when
    expires_at + collect_within <= issued_at + dispute_window.
    """
    last_collection = certificate.expires_at_s + collect_within_s
    if last_collection > certificate.issued_at_s + certificate.dispute_window_s:
        return errors.CERTIFICATE_WINDOW
    return 0
