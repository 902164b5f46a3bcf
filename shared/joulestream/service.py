"""The service protocol: a host asks a device that runs. Its requests, results and signed texts.

It has a line of its own, in the frames of framing.py. `docs/service.md` is normative.

    request   number (1) | sequence (4) | body | signature (64); a HELLO has no signature
    answer    number + ANSWER (1) | sequence (4) | result (1) | reason (1) | body | signature (64);
              only signed answers with the result OK end with a signature
"""

from joulestream.channel import (
    CERTIFICATE_SIZE,
    CHANNEL_ID_SIZE,
    KEY_SIZE,
    SIGNATURE_SIZE,
    SIGNED_PREFIX,
)
from joulestream.compat import const
from joulestream.fields import BYTES, UINT, Record, size_of
from joulestream.messages import NONCE_SIZE

SERVICE_VERSION = const(1)

# Requests. The messages of a session have lower numbers, so neither line takes the other's.
HELLO = const(0x40)
STATUS = const(0x41)
CLAIM = const(0x42)
CERTIFICATE = const(0x43)
COLLECTED = const(0x44)
PRICES = const(0x45)
SET_PRICES = const(0x46)
TIME = const(0x47)
SET_TIME = const(0x48)
WALLET = const(0x49)
TAKE = const(0x4A)
ANSWER = const(0x80)

# Results. With REFUSED the answer's `reason` is a code of errors.py.
OK = const(0)
UNKNOWN_REQUEST = const(1)
BAD_REQUEST = const(2)
NOT_ALLOWED = const(3)
STALE = const(4)
BUSY = const(5)
ABSENT = const(6)
REFUSED = const(7)
FAILED = const(8)

POLE = const(0)
VEHICLE = const(1)

# Types of signed texts, behind those of channel.py.
SIGNED_SERVICE_REQUEST = const(16)
SIGNED_SERVICE_ANSWER = const(17)

SEQUENCE_SIZE = const(4)
REQUEST_HEAD = const(5)
ANSWER_HEAD = const(7)
# Prefix, type, nonce and key: they stand before the payload in a signed text.
SIGNED_HEAD = const(53)
NO_KEY = bytes(KEY_SIZE)


class Hello(Record):
    """The host begins: its version, a fresh nonce, and the key that signs its requests.

    A host without a key sends NO_KEY.
    """

    version: int
    nonce: bytes
    key: bytes
    LAYOUT = (("version", 1, UINT), ("nonce", NONCE_SIZE, BYTES), ("key", KEY_SIZE, BYTES))


class Welcome(Record):
    """The device's answer: its nonce, which all requests are signed over, and its key.

    `is_allowed` tells whether the host's key is one of the device's `service_keys`.
    """

    version: int
    role: int
    is_allowed: int
    nonce: bytes
    key: bytes
    LAYOUT = (
        ("version", 1, UINT),
        ("role", 1, UINT),
        ("is_allowed", 1, UINT),
        ("nonce", NONCE_SIZE, BYTES),
        ("key", KEY_SIZE, BYTES),
    )


# What a row of CLAIM says about the channel's records.
HAS_CERTIFICATE = const(1)
CERTIFICATE_READABLE = const(2)
CLAIM_READABLE = const(4)


class ClaimRow(Record):
    """The best claim of one channel. `state` is a sum of HAS_CERTIFICATE and the like."""

    channel_id: bytes
    amount: int
    signature: bytes
    collected: int
    state: int
    LAYOUT = (
        ("channel_id", CHANNEL_ID_SIZE, BYTES),
        ("amount", 8, UINT),
        ("signature", SIGNATURE_SIZE, BYTES),
        ("collected", 8, UINT),
        ("state", 1, UINT),
    )


class PriceRow(Record):
    """A price from a unix time on."""

    from_s: int
    price_per_kwh: int
    LAYOUT = (("from_s", 6, UINT), ("price_per_kwh", 6, UINT))


class TimeNow(Record):
    """The device's unix time in s, and the clock's quality as boards.contract has it."""

    time_s: int
    quality: int
    LAYOUT = (("time_s", 8, UINT), ("quality", 1, UINT))


PRICE_SIZE = size_of(PriceRow.LAYOUT)
# Rows in one part of a schedule: 32 of 12 bytes.
PRICES_IN_PART = const(32)
MOST_PRICES = const(96)
_INDEX_SIZE = const(1)

# number: (name, size of the request's body or None, whether its answer is signed)
REQUESTS: "dict[int, tuple[str, int | None, bool]]" = {
    HELLO: ("hello", size_of(Hello.LAYOUT), True),
    STATUS: ("status", _INDEX_SIZE, False),
    CLAIM: ("claim", CHANNEL_ID_SIZE, True),
    CERTIFICATE: ("certificate", CHANNEL_ID_SIZE, False),
    COLLECTED: ("collected", CERTIFICATE_SIZE, True),
    PRICES: ("prices", _INDEX_SIZE, True),
    SET_PRICES: ("set_prices", None, True),
    TIME: ("time", 0, True),
    SET_TIME: ("set_time", 8, True),
    WALLET: ("wallet", CHANNEL_ID_SIZE, True),
    TAKE: ("take", CERTIFICATE_SIZE, True),
}


def signed_head(signed_type: int, nonce: bytes, key: bytes) -> bytes:
    """Return the SIGNED_HEAD bytes that stand before a payload in its signed text.

    A request is signed over the device's nonce and the device's key. An answer is signed over the
    host's key and the device's nonce; the answer to a HELLO over the host's nonce.
    """
    return SIGNED_PREFIX + bytes((signed_type,)) + nonce + key
