"""One table of every message: its number, sender, the answer it asks for, its fields.

`docs/protocol.md` is the normative description of the same table.
"""

from joulestream.channel import CERTIFICATE_SIZE, KEY_SIZE, SIGNATURE_SIZE
from joulestream.compat import TYPE_CHECKING, const
from joulestream.errors import UNKNOWN_VERSION, LocalError, MalformedError, PeerError
from joulestream.fields import BYTES, UINT, Record, read_fields, size_of, write_fields

VERSION = const(1)
NONCE_SIZE = const(16)
MAX_ISSUERS = const(4)

PAYEE = const(0)
PAYER = const(1)
EITHER = const(2)

HELLO = const(0x01)
OFFER = const(0x02)
TIME = const(0x03)
ACCEPT = const(0x04)
INVOICE = const(0x10)
UPDATE = const(0x11)
TARIFF = const(0x12)
TARIFF_ACCEPT = const(0x13)
RENEW_REQUEST = const(0x14)
RENEW = const(0x15)
RENEWED = const(0x16)
STOP = const(0x20)
RECEIPT = const(0x21)
RECEIPT_ACK = const(0x22)

_SIGNATURE = ("signature", SIGNATURE_SIZE, BYTES)
_CERTIFICATE = ("certificate", CERTIFICATE_SIZE, BYTES)

_TARIFF_FIELDS = (("price_per_kwh", 8, UINT), ("from_energy_mwh", 6, UINT))

_OFFER_FIELDS = (
    ("version", 1, UINT),
    ("nonce", NONCE_SIZE, BYTES),
    ("payee_key", KEY_SIZE, BYTES),
    ("time_s", 8, UINT),
    ("price_per_kwh", 8, UINT),
    ("credit", 8, UINT),
    ("prepay", 8, UINT),
    ("packet_energy_mwh", 4, UINT),
    ("packet_ms", 4, UINT),
    ("link_timeout_ms", 4, UINT),
    ("max_power_mw", 8, UINT),
    ("energy_mwh", 6, UINT),
    ("amount_due", 8, UINT),
    ("remainder", 4, UINT),
    ("best_amount", 8, UINT),
    ("best_signature", SIGNATURE_SIZE, BYTES),
    ("issuer_count", 1, UINT),
    ("issuers", MAX_ISSUERS * KEY_SIZE, BYTES),
)

_RECEIPT_FIELDS = (
    ("reason", 1, UINT),
    ("started_s", 8, UINT),
    ("ended_s", 8, UINT),
    ("start_energy_mwh", 6, UINT),
    ("energy_mwh", 6, UINT),
    ("amount_due", 8, UINT),
    ("amount_paid", 8, UINT),
)

# number: (name, sender, the message that answers it or None, fields)
MESSAGES = {
    HELLO: (
        "hello",
        PAYER,
        OFFER,
        (
            ("version", 1, UINT),
            ("nonce", NONCE_SIZE, BYTES),
            ("channel_id", 32, BYTES),
            ("payer_key", KEY_SIZE, BYTES),
        ),
    ),
    OFFER: ("offer", PAYEE, None, _OFFER_FIELDS + (_SIGNATURE,)),
    TIME: (
        "time",
        PAYER,
        None,
        (("issuer_key", KEY_SIZE, BYTES), ("time_s", 8, UINT), _SIGNATURE),
    ),
    ACCEPT: ("accept", PAYER, INVOICE, (_CERTIFICATE, ("prepay", 8, UINT), _SIGNATURE)),
    INVOICE: (
        "invoice",
        PAYEE,
        UPDATE,
        (("sequence", 4, UINT), ("energy_mwh", 6, UINT), ("amount_due", 8, UINT)),
    ),
    UPDATE: (
        "update",
        PAYER,
        None,
        (("sequence", 4, UINT), ("amount", 8, UINT), _SIGNATURE),
    ),
    TARIFF: ("tariff", PAYEE, TARIFF_ACCEPT, _TARIFF_FIELDS + (_SIGNATURE,)),
    TARIFF_ACCEPT: ("tariff_accept", PAYER, None, _TARIFF_FIELDS),
    RENEW_REQUEST: ("renew_request", PAYEE, None, (("valid_until_s", 8, UINT),)),
    RENEW: ("renew", PAYER, RENEWED, (_CERTIFICATE,)),
    RENEWED: ("renewed", PAYEE, None, (("expires_at_s", 8, UINT), ("capacity", 8, UINT))),
    STOP: ("stop", EITHER, RECEIPT, (("reason", 1, UINT),)),
    RECEIPT: ("receipt", PAYEE, RECEIPT_ACK, _RECEIPT_FIELDS + (_SIGNATURE,)),
    RECEIPT_ACK: ("receipt_ack", PAYER, None, ()),
}

# answer: the one request it answers
REQUEST_OF = {row[2]: number for number, row in MESSAGES.items() if row[2] is not None}

_SIZES = {number: 1 + size_of(row[3]) for number, row in MESSAGES.items()}


class Message:
    """One message: its `number` in the table, and its fields as attributes."""

    if TYPE_CHECKING:

        def __getattr__(self, name): ...

    def __init__(self, number, **values):
        self.number = number
        for name in values:
            setattr(self, name, values[name])

    def __repr__(self):
        return "<%s>" % MESSAGES[self.number][0]


class SignedOffer(Record):
    """The part of an OFFER that its signature covers."""

    LAYOUT = _OFFER_FIELDS


class SignedTariff(Record):
    """The part of a TARIFF that its signature covers."""

    LAYOUT = _TARIFF_FIELDS


class SignedReceipt(Record):
    """The part of a RECEIPT that its signature covers."""

    LAYOUT = _RECEIPT_FIELDS


def message_name(number):
    """Return the name of message `number`."""
    return MESSAGES[number][0]


def encode(message, out=None):
    """Return the payload of `message`, in the bytearray `out` if one of its size is given.

    Raises LocalError for a field that does not fit.
    """
    number = message.number
    if number not in _SIZES:
        raise LocalError("there is no message %d" % number)
    if out is None:
        out = bytearray(_SIZES[number])
    out[0] = number
    write_fields(MESSAGES[number][3], message, out, 1)
    return out


def decode(payload, reused=None):
    """Return the message in `payload` (any buffer).

    `reused` is a dictionary of messages by number: one of them is filled in where there is one,
    since a new one costs allocations. Raises MalformedError when the payload is no message:
    unknown number or wrong length. Raises PeerError with UNKNOWN_VERSION for a HELLO or OFFER of
    another version, whatever its length.
    """
    number = payload[0]
    row = MESSAGES.get(number)
    if row is None:
        raise MalformedError("unknown message")
    if (number == HELLO or number == OFFER) and len(payload) > 1 and payload[1] != VERSION:
        raise PeerError(UNKNOWN_VERSION)
    if len(payload) != _SIZES[number]:
        raise MalformedError("wrong length")
    message = reused.get(number) if reused else None
    if message is None:
        message = Message(number)
    read_fields(row[3], message, payload, 1)
    return message
