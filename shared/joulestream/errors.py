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

CONFIGURATION = const(96)
STORE_FAILED = const(97)
INTERNAL = const(98)
MEMORY_LOW = const(99)

REASONS = {
    OWNER_STOP: ("OWNER_STOP", "the owner asked to stop"),
    ENERGY_REACHED: ("ENERGY_REACHED", "the vehicle has the energy it wanted"),
    BUDGET_EXHAUSTED: ("BUDGET_EXHAUSTED", "the vehicle's budget is spent"),
    CAPACITY_EXHAUSTED: ("CAPACITY_EXHAUSTED", "the channel's capacity is spent"),
    UNPLUGGED: ("UNPLUGGED", "the vehicle was unplugged"),
    LINK_TIMEOUT: ("LINK_TIMEOUT", "the other side fell silent"),
    PAYMENT_TIMEOUT: ("PAYMENT_TIMEOUT", "an invoice was not paid in time"),
    RESTARTED: ("RESTARTED", "a side started anew in mid-session"),
    UNKNOWN_VERSION: ("UNKNOWN_VERSION", "the protocol version is not known here"),
    UNEXPECTED_MESSAGE: ("UNEXPECTED_MESSAGE", "a message came out of turn"),
    BAD_FIELD: ("BAD_FIELD", "a message holds a value that makes no sense"),
    CERTIFICATE_FORGED: ("CERTIFICATE_FORGED", "the issuer did not sign this certificate"),
    CERTIFICATE_EXPIRED: ("CERTIFICATE_EXPIRED", "the certificate is not valid at this time"),
    CERTIFICATE_WINDOW: (
        "CERTIFICATE_WINDOW",
        "the certificate ends too close to its dispute window for this pole to collect",
    ),
    WRONG_CHANNEL: ("WRONG_CHANNEL", "certificate, key and channel id do not belong together"),
    WRONG_PAYEE: ("WRONG_PAYEE", "the channel pays another pole"),
    WRONG_LEDGER: ("WRONG_LEDGER", "the channel is on a ledger or asset this pole does not take"),
    UNTRUSTED_ISSUER: ("UNTRUSTED_ISSUER", "this pole does not trust the certificate's issuer"),
    ISSUER_LIMIT: ("ISSUER_LIMIT", "the issuer is trusted for less than this channel needs"),
    BAD_PROOF: ("BAD_PROOF", "the proof of key is not the payer's"),
    TIME_UNKNOWN: ("TIME_UNKNOWN", "the pole does not know the time and energises nothing"),
    BAD_TIME: ("BAD_TIME", "the proof of time is not acceptable"),
    PREPAY_TOO_SMALL: (
        "PREPAY_TOO_SMALL",
        "credit and prepay together are too small for a steady current",
    ),
    CHANNELS_FULL: ("CHANNELS_FULL", "the pole's store has no room for another channel"),
    CERTIFICATE_OLD: ("CERTIFICATE_OLD", "the pole needs a certificate that was issued later"),
    CAPACITY_TOO_SMALL: ("CAPACITY_TOO_SMALL", "the pole takes no new channel this small"),
    BAD_SIGNATURE: ("BAD_SIGNATURE", "a signature does not verify"),
    AMOUNT_SHRINKS: ("AMOUNT_SHRINKS", "the update pays less than the claim before it"),
    OVER_CAPACITY: ("OVER_CAPACITY", "the update exceeds the channel's capacity"),
    UNDERPAID: ("UNDERPAID", "the update does not cover its invoice"),
    PRICE_TOO_HIGH: ("PRICE_TOO_HIGH", "the price is above the vehicle's limit"),
    TARIFF_REFUSED: ("TARIFF_REFUSED", "the new tariff was not accepted in time"),
    OVERBILLED: ("OVERBILLED", "the invoice is above the vehicle's own reading"),
    WRONG_AMOUNT: ("WRONG_AMOUNT", "the invoice's amount is not its energy times the tariff"),
    CARRIED_DEBT: ("CARRIED_DEBT", "the pole carries over a debt the vehicle does not know"),
    NO_CHANNEL: ("NO_CHANNEL", "the vehicle has no channel that pays this pole"),
    WALLET_UNABLE: ("WALLET_UNABLE", "the wallet could not sign"),
    POLE_TOO_COARSE: ("POLE_TOO_COARSE", "the pole's meter counts in steps above its packets"),
    POLE_TOO_SLOW: ("POLE_TOO_SLOW", "packets or timeouts are longer than a side allows"),
    METER_SILENT: ("METER_SILENT", "the meter does not answer"),
    METER_STALE: ("METER_STALE", "the meter's last good reading is too old"),
    METER_FROZEN: ("METER_FROZEN", "the meter's register stands still while power flows"),
    METER_BACKWARD: ("METER_BACKWARD", "the meter's register went backwards, or power flows back"),
    METER_JUMP: ("METER_JUMP", "the meter's register jumped further than the power allows"),
    METER_OUT_OF_RANGE: ("METER_OUT_OF_RANGE", "the meter shows figures that make no sense"),
    CONTACTOR_WELDED: ("CONTACTOR_WELDED", "current flows though the contactor is open"),
    CONFIGURATION: ("CONFIGURATION", "the configuration is broken"),
    STORE_FAILED: ("STORE_FAILED", "the claim could not be stored"),
    INTERNAL: ("INTERNAL", "an internal fault"),
    MEMORY_LOW: ("MEMORY_LOW", "the memory is filling up; the firmware starts anew"),
}


def reason_name(code: int) -> str:
    """Return the name of reason `code`. An unknown code of a later version gives its number."""
    known = REASONS.get(code)
    return known[0] if known else "REASON_%d" % code


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
