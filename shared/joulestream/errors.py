"""The errors of the protocol, and the reason codes that both sides show.

As in h11 there are two families. `LocalError`: this program misused the protocol. `PeerError`: the
other side broke a rule; the error carries the reason code that a STOP message tells it.
"""

from joulestream.compat import const

OWNER_STOP = const(1)
ENERGY_REACHED = const(2)
BUDGET_EXHAUSTED = const(3)
CAPACITY_EXHAUSTED = const(4)
UNPLUGGED = const(5)
LINK_TIMEOUT = const(6)
PAYMENT_TIMEOUT = const(7)
RESTARTED = const(8)

UNKNOWN_VERSION = const(16)
UNEXPECTED_MESSAGE = const(17)
BAD_FIELD = const(18)

CERTIFICATE_FORGED = const(32)
CERTIFICATE_EXPIRED = const(33)
CERTIFICATE_WINDOW = const(34)
WRONG_CHANNEL = const(35)
WRONG_PAYEE = const(36)
WRONG_LEDGER = const(37)
UNTRUSTED_ISSUER = const(38)
ISSUER_LIMIT = const(39)
BAD_PROOF = const(40)
TIME_UNKNOWN = const(41)
BAD_TIME = const(42)
PREPAY_TOO_SMALL = const(43)
CHANNELS_FULL = const(44)
CERTIFICATE_OLD = const(45)
CAPACITY_TOO_SMALL = const(46)

BAD_SIGNATURE = const(48)
AMOUNT_SHRINKS = const(49)
OVER_CAPACITY = const(50)
UNDERPAID = const(51)

PRICE_TOO_HIGH = const(64)
TARIFF_REFUSED = const(65)
OVERBILLED = const(66)
WRONG_AMOUNT = const(67)
CARRIED_DEBT = const(68)
NO_CHANNEL = const(69)
WALLET_UNABLE = const(70)
POLE_TOO_COARSE = const(71)
POLE_TOO_SLOW = const(72)

METER_SILENT = const(80)
METER_STALE = const(81)
METER_FROZEN = const(82)
METER_BACKWARD = const(83)
METER_JUMP = const(84)
METER_OUT_OF_RANGE = const(85)
CONTACTOR_WELDED = const(86)
CONTACTOR_STUCK = const(87)
RESIDUAL_CURRENT = const(88)
RESIDUAL_TEST_FAILED = const(89)
PILOT_SHORTED = const(90)
PILOT_FAULTY = const(91)
OVER_CURRENT = const(92)
OVER_TEMPERATURE = const(93)
EMERGENCY_STOP = const(94)
DESK_LIMIT = const(95)

CONFIGURATION = const(96)
STORE_FAILED = const(97)
INTERNAL = const(98)
MEMORY_LOW = const(99)

# Codes and names in one text: a dictionary of them would take 5 KB of a board's heap.
# docs/protocol.md, section 9, says what each one means.
_NAMES = (
    " "
    "1 OWNER_STOP 2 ENERGY_REACHED 3 BUDGET_EXHAUSTED 4 CAPACITY_EXHAUSTED 5 UNPLUGGED "
    "6 LINK_TIMEOUT 7 PAYMENT_TIMEOUT 8 RESTARTED "
    "16 UNKNOWN_VERSION 17 UNEXPECTED_MESSAGE 18 BAD_FIELD "
    "32 CERTIFICATE_FORGED 33 CERTIFICATE_EXPIRED 34 CERTIFICATE_WINDOW 35 WRONG_CHANNEL "
    "36 WRONG_PAYEE 37 WRONG_LEDGER 38 UNTRUSTED_ISSUER 39 ISSUER_LIMIT 40 BAD_PROOF "
    "41 TIME_UNKNOWN 42 BAD_TIME 43 PREPAY_TOO_SMALL 44 CHANNELS_FULL 45 CERTIFICATE_OLD "
    "46 CAPACITY_TOO_SMALL "
    "48 BAD_SIGNATURE 49 AMOUNT_SHRINKS 50 OVER_CAPACITY 51 UNDERPAID "
    "64 PRICE_TOO_HIGH 65 TARIFF_REFUSED 66 OVERBILLED 67 WRONG_AMOUNT 68 CARRIED_DEBT "
    "69 NO_CHANNEL 70 WALLET_UNABLE 71 POLE_TOO_COARSE 72 POLE_TOO_SLOW "
    "80 METER_SILENT 81 METER_STALE 82 METER_FROZEN 83 METER_BACKWARD 84 METER_JUMP "
    "85 METER_OUT_OF_RANGE 86 CONTACTOR_WELDED 87 CONTACTOR_STUCK 88 RESIDUAL_CURRENT "
    "89 RESIDUAL_TEST_FAILED 90 PILOT_SHORTED 91 PILOT_FAULTY 92 OVER_CURRENT "
    "93 OVER_TEMPERATURE 94 EMERGENCY_STOP 95 DESK_LIMIT "
    "96 CONFIGURATION 97 STORE_FAILED 98 INTERNAL 99 MEMORY_LOW "
)


def reason_name(code: int) -> str:
    """Return the name of reason `code`. An unknown code of a later version gives its number."""
    key = " %d " % code
    at = _NAMES.find(key)
    if at < 0:
        return "REASON_%d" % code
    start = at + len(key)
    return _NAMES[start : _NAMES.find(" ", start)]


def stop_name(code: "int | None") -> "str | None":
    """Return the name of the reason that ended a session; None while nothing has ended."""
    return None if code is None else reason_name(code)


class LocalError(Exception):
    """This program asked for something the protocol does not allow."""


class PeerError(Exception):
    """The other side broke a rule. `reason` is the code for the STOP message."""

    def __init__(self, reason: int) -> None:
        super().__init__(reason_name(reason))
        self.reason = reason


class MalformedError(Exception):
    """Received bytes are no message. The receiver drops and counts them, and never answers."""
