"""Every message of the protocol: its number, its sender, the message that answers it, its fields.

`docs/protocol.md`, section 3, is the normative description of the same table.
"""

from joulestream.channel import CERTIFICATE_SIZE, KEY_SIZE, SIGNATURE_SIZE
from joulestream.compat import const
from joulestream.errors import UNKNOWN_VERSION, LocalError, MalformedError, PeerError
from joulestream.fields import BYTES, UINT, Record, read_fields, size_of, write_fields

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any, ClassVar

    from joulestream.fields import Buffer

VERSION = const(1)
NONCE_SIZE = const(16)
MAX_ISSUERS = const(4)

# Senders. The payee delivers energy (today the pole), the payer pays for it (the vehicle).
PAYEE = const(0)
PAYER = const(1)
EITHER = const(2)

HELLO = const(0x01)
OFFER = const(0x02)
TIME = const(0x03)
ACCEPT = const(0x04)
TIME_TAKEN = const(0x05)
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

# The tag of the session that the message belongs to (session_tag.py). ProtocolSession fills it in.
_SESSION = ("session", 4, UINT)
_SIGNATURE = ("signature", SIGNATURE_SIZE, BYTES)
_CERTIFICATE = ("certificate", CERTIFICATE_SIZE, BYTES)
_TARIFF = (("price_per_kwh", 8, UINT), ("from_energy_mwh", 6, UINT))


class Message(Record):
    """One message. `number` is its number in the table; each field is an attribute."""

    number: "ClassVar[int]" = 0

    def figures(self) -> "dict[str, Any]":
        """Return the fields that tell people something, by name: no tag and no signature."""
        names = [field[0] for field in self.LAYOUT if field not in (_SESSION, _SIGNATURE)]
        return {name: getattr(self, name) for name in names}

    def __repr__(self) -> str:
        return "<%s>" % message_name(self.number)


class Hello(Message):
    """The payer greets and names the channel that will pay.

    In every version the first 17 bytes after the number are `version` and `nonce`.
    """

    number = HELLO
    version: int
    nonce: bytes
    channel_id: bytes
    payer_key: bytes
    LAYOUT = (
        ("version", 1, UINT),
        ("nonce", NONCE_SIZE, BYTES),
        ("channel_id", 32, BYTES),
        ("payer_key", KEY_SIZE, BYTES),
    )


class Offer(Message):
    """The payee's price, limits and account of the channel, signed.

    `payer_nonce` repeats the nonce of the HELLO that this OFFER answers.
    """

    number = OFFER
    version: int
    nonce: bytes
    payer_nonce: bytes
    payee_key: bytes
    time_s: int
    price_per_kwh: int
    credit: int
    prepay: int
    packet_energy_mwh: int
    packet_ms: int
    link_timeout_ms: int
    max_power_mw: int
    step_mwh: int
    refresh_ms: int
    stop_ms: int
    energy_mwh: int
    amount_due: int
    remainder: int
    best_amount: int
    best_signature: bytes
    issuer_count: int
    issuers: bytes
    signature: bytes
    LAYOUT = (
        ("version", 1, UINT),
        ("nonce", NONCE_SIZE, BYTES),
        ("payer_nonce", NONCE_SIZE, BYTES),
        ("payee_key", KEY_SIZE, BYTES),
        ("time_s", 8, UINT),
        ("price_per_kwh", 8, UINT),
        ("credit", 8, UINT),
        ("prepay", 8, UINT),
        ("packet_energy_mwh", 4, UINT),
        ("packet_ms", 4, UINT),
        ("link_timeout_ms", 4, UINT),
        ("max_power_mw", 8, UINT),
        ("step_mwh", 4, UINT),
        ("refresh_ms", 4, UINT),
        ("stop_ms", 4, UINT),
        ("energy_mwh", 6, UINT),
        ("amount_due", 8, UINT),
        ("remainder", 4, UINT),
        ("best_amount", 8, UINT),
        ("best_signature", SIGNATURE_SIZE, BYTES),
        ("issuer_count", 1, UINT),
        ("issuers", MAX_ISSUERS * KEY_SIZE, BYTES),
        _SIGNATURE,
    )


class TimeProof(Message):
    """An issuer's signature over the time, for a payee without a clock."""

    number = TIME
    session: int = 0
    issuer_key: bytes
    time_s: int
    signature: bytes
    LAYOUT = (_SESSION, ("issuer_key", KEY_SIZE, BYTES), ("time_s", 8, UINT), _SIGNATURE)


class TimeTaken(Message):
    """The payee knows the time from the issuer whose proof this message repeats."""

    number = TIME_TAKEN
    session: int = 0
    time_s: int
    LAYOUT = (_SESSION, ("time_s", 8, UINT))


class Accept(Message):
    """The payer accepts the offer: certificate, prepayment, its own figures, proof of its key.

    `amount_due` and `remainder` are those of the channel in the payer's own record.
    """

    number = ACCEPT
    session: int = 0
    certificate: bytes
    prepay: int
    amount_due: int
    remainder: int
    link_timeout_ms: int
    signature: bytes
    LAYOUT = (
        _SESSION,
        _CERTIFICATE,
        ("prepay", 8, UINT),
        ("amount_due", 8, UINT),
        ("remainder", 4, UINT),
        ("link_timeout_ms", 4, UINT),
        _SIGNATURE,
    )


class Invoice(Message):
    """One packet: the energy delivered so far, and the amount due for it.

    `sequence` counts on from the session's tag: the n-th INVOICE has tag + n.
    """

    number = INVOICE
    sequence: int
    energy_mwh: int
    amount_due: int
    LAYOUT = (("sequence", 4, UINT), ("energy_mwh", 6, UINT), ("amount_due", 8, UINT))


class Update(Message):
    """One payment: the total ever paid on the channel, with the signature of its claim."""

    number = UPDATE
    sequence: int
    amount: int
    signature: bytes
    LAYOUT = (("sequence", 4, UINT), ("amount", 8, UINT), _SIGNATURE)


class TariffChange(Message):
    """The payee announces a new price, signed."""

    number = TARIFF
    session: int = 0
    price_per_kwh: int
    from_energy_mwh: int
    signature: bytes
    LAYOUT = (_SESSION,) + _TARIFF + (_SIGNATURE,)


class TariffAccept(Message):
    """The payer accepts the new price."""

    number = TARIFF_ACCEPT
    session: int = 0
    price_per_kwh: int
    from_energy_mwh: int
    LAYOUT = (_SESSION,) + _TARIFF


class RenewRequest(Message):
    """The payee asks for a certificate that is valid for longer.

    `sequence` counts the requests of a session, so that no request looks like a repetition.
    """

    number = RENEW_REQUEST
    session: int = 0
    sequence: int
    valid_until_s: int
    LAYOUT = (_SESSION, ("sequence", 4, UINT), ("valid_until_s", 8, UINT))


class Renew(Message):
    """The payer hands over a certificate that is valid for longer."""

    number = RENEW
    session: int = 0
    certificate: bytes
    LAYOUT = (_SESSION, _CERTIFICATE)


class Renewed(Message):
    """The payee tells which certificate it uses from now on."""

    number = RENEWED
    session: int = 0
    expires_at_s: int
    capacity: int
    LAYOUT = (_SESSION, ("expires_at_s", 8, UINT), ("capacity", 8, UINT))


class Stop(Message):
    """Either side ends the session, and tells the reason (errors.py).

    `payer_nonce` repeats the nonce of the session's HELLO, so that a late STOP ends no other one.
    """

    number = STOP
    reason: int
    payer_nonce: bytes
    LAYOUT = (("reason", 1, UINT), ("payer_nonce", NONCE_SIZE, BYTES))


class Receipt(Message):
    """The payee's figures of the session that ended, signed."""

    number = RECEIPT
    session: int = 0
    reason: int
    started_s: int
    ended_s: int
    start_energy_mwh: int
    energy_mwh: int
    amount_due: int
    amount_paid: int
    signature: bytes
    LAYOUT = (
        _SESSION,
        ("reason", 1, UINT),
        ("started_s", 8, UINT),
        ("ended_s", 8, UINT),
        ("start_energy_mwh", 6, UINT),
        ("energy_mwh", 6, UINT),
        ("amount_due", 8, UINT),
        ("amount_paid", 8, UINT),
        _SIGNATURE,
    )


class ReceiptAck(Message):
    """The payer has the receipt."""

    number = RECEIPT_ACK
    session: int = 0
    LAYOUT = (_SESSION,)


# number: (name, sender, number of the message that answers it or None, class)
MESSAGES: "dict[int, tuple[str, int, int | None, type[Message]]]" = {
    HELLO: ("hello", PAYER, OFFER, Hello),
    OFFER: ("offer", PAYEE, None, Offer),
    TIME: ("time", PAYER, TIME_TAKEN, TimeProof),
    ACCEPT: ("accept", PAYER, INVOICE, Accept),
    TIME_TAKEN: ("time_taken", PAYEE, None, TimeTaken),
    INVOICE: ("invoice", PAYEE, UPDATE, Invoice),
    UPDATE: ("update", PAYER, None, Update),
    TARIFF: ("tariff", PAYEE, TARIFF_ACCEPT, TariffChange),
    TARIFF_ACCEPT: ("tariff_accept", PAYER, None, TariffAccept),
    RENEW_REQUEST: ("renew_request", PAYEE, None, RenewRequest),
    RENEW: ("renew", PAYER, RENEWED, Renew),
    RENEWED: ("renewed", PAYEE, None, Renewed),
    STOP: ("stop", EITHER, RECEIPT, Stop),
    RECEIPT: ("receipt", PAYEE, RECEIPT_ACK, Receipt),
    RECEIPT_ACK: ("receipt_ack", PAYER, None, ReceiptAck),
}

# answer: the one request it answers
REQUEST_OF = {row[2]: number for number, row in MESSAGES.items() if row[2] is not None}

# Messages whose first field is the session's tag. The others name their session by its nonce or by
# their sequence.
TAGGED = {number for number, row in MESSAGES.items() if _SESSION in row[3].LAYOUT}

_SIZES = {number: 1 + size_of(row[3].LAYOUT) for number, row in MESSAGES.items()}


def message_name(number: int) -> str:
    """Return the name of message `number`."""
    return MESSAGES[number][0]


def make(number: int, **values: "Any") -> Message:
    """Return a message of a number that is known only at run time, with these fields."""
    message_class: Any = MESSAGES[number][3]
    message: Message = message_class(**values)
    return message


def encode(message: Message, out: "bytearray | None" = None) -> bytearray:
    """Return the payload of `message`.

    Args:
        message: the message.
        out: a buffer of exactly the payload's size to write into; without it, a new one is made.

    Raises LocalError when a field does not fit or the message has no number of the table.
    """
    number = message.number
    if number not in _SIZES:
        raise LocalError("there is no message %d" % number)
    if out is None:
        out = bytearray(_SIZES[number])
    out[0] = number
    write_fields(message.LAYOUT, message, out, 1)
    return out


def signed_body(message: Message) -> bytes:
    """Return the part of a signed message that its signature, the last field, covers."""
    layout = message.LAYOUT[:-1]
    out = bytearray(1 + size_of(layout))
    write_fields(layout, message, out, 1)
    return bytes(memoryview(out)[1:])


def decode(payload: "Buffer", reused: "dict[int, Message] | None" = None) -> Message:
    """Return the message in `payload`.

    Args:
        payload: one payload, without its frame.
        reused: messages by number. A message of such a number is filled in and returned, so that
            a packet allocates no new one.

    Raises MalformedError when the payload is no message: its number is unknown or its length is
    wrong. Raises PeerError(UNKNOWN_VERSION) for a HELLO or OFFER of another version, whatever its
    length, as long as a HELLO holds its nonce.
    """
    number = payload[0]
    row = MESSAGES.get(number)
    if row is None:
        raise MalformedError("unknown message")
    # Without a whole nonce no STOP could tell which HELLO it answers.
    least = 2 + NONCE_SIZE if number == HELLO else 2
    if (number == HELLO or number == OFFER) and len(payload) >= least and payload[1] != VERSION:
        raise PeerError(UNKNOWN_VERSION)
    if len(payload) != _SIZES[number]:
        raise MalformedError("wrong length")
    message = reused.get(number) if reused else None
    if message is None:
        message = make(number)
    read_fields(row[3].LAYOUT, message, payload, 1)
    return message
