"""Settling: claims are paid, each on the ledger that its channel lives on.

`LEDGERS` is the table of ledgers. A new ledger is one module and one row. The module offers
`open_ledger(location)`, which returns a `SettlementLedger`.

    claims (collect.py, or any other source) -> settle() -> SettlementLedger.claim() -> Settlement

The commands of `joulestream ledger` (open, certificate, close, show) use the SQL ledger directly.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, runtime_checkable

from joulestream.channel import Certificate
from joulestream.host_tools.errors import CommandError, Unavailable
from joulestream.signing import Signer

# Name of a ledger: its module. The name is the first part of a location, as in "sql:ledger.db".
LEDGERS = {"sql": "joulestream.host_tools.ledger.settlement_ledger"}
# The ledger of a location that starts with no name from the table.
DEFAULT_LEDGER = "sql"

PAID = "paid"
NOTHING_NEW = "nothing new"
OTHER_LEDGER = "other ledger"
REFUSED = "refused"
NOT_DECIDED = "not decided"


@dataclass(frozen=True)
class ChannelClaim:
    """The best claim of one channel.

    Attributes:
        channel_id: 32 bytes.
        certificate: the channel's certificate; None if it is missing or cannot be read.
        amount: the total ever paid on the channel, in claim units.
        signature: the payer's signature of the 44-byte claim, 64 bytes; empty if the claim cannot
            be read.
        error: why the certificate is None or the claim cannot be read, for people; else empty.
        collected: the part of `amount` of which the pole knows that the ledger paid it.
    """

    channel_id: bytes
    certificate: Certificate | None
    amount: int
    signature: bytes
    error: str = ""
    collected: int = 0


@dataclass(frozen=True)
class Payout:
    """The money that a ledger paid for one claim.

    Attributes:
        claim_units: paid now, in claim units; 0 if the ledger had paid as much before.
        base_units: the same amount in base units of the asset.
    """

    claim_units: int
    base_units: int


class SettlementLedger(Protocol):
    """The interface of a ledger on which claims are settled."""

    def owns(self, certificate: Certificate) -> bool:
        """Return whether the certificate's channel lives on this ledger.

        Only the terms in the certificate decide. The channel need not exist.
        """

    def claim(self, claim: ChannelClaim, now_s: int | None) -> Payout:
        """Pay the claim's total less the amount that was paid before, to the payout account.

        Args:
            claim: its certificate is None, or one that this ledger owns. With None, the ledger
                looks the channel up by its id.
            now_s: unix time of the payment in a simulated world; None: the ledger's own clock.

        Raises Unavailable if the ledger cannot be reached or does not work, any other CommandError
        if it refuses the claim. The same claim can be tried again.
        """

    def close(self) -> None:
        """Release files and connections."""


@runtime_checkable
class CertifyingLedger(Protocol):
    """A ledger that can also certify what it has accepted on a channel."""

    def check_signer(self, signer: Signer) -> None:
        """Raise CommandError if `signer` is not of the ledger's key."""

    def certify(
        self, channel_id: bytes, validity_s: int | None, signer: Signer, now_s: int | None
    ) -> Certificate:
        """Return a new certificate of a channel, with `claimed` as the ledger has stored it.

        Args:
            channel_id: 32 bytes.
            validity_s: time from issue to expiry in s; None: the ledger's usual one.
            signer: the ledger's key.
            now_s: see `SettlementLedger.claim`.

        Raises CommandError if it cannot.
        """


@dataclass(frozen=True)
class Settlement:
    """The result of settling one channel's claim.

    Attributes:
        channel_id: 32 bytes.
        outcome: PAID; NOTHING_NEW (the ledger had paid as much before, or the claim is 0);
            OTHER_LEDGER (the certificate names a ledger that is not among the given ones);
            REFUSED; or NOT_DECIDED (the ledger did not work).
        claimed: the total that the claim is for, in claim units.
        paid_now: paid by this settlement, in claim units.
        paid_now_base_units: the same amount in base units.
        why: the reason of REFUSED, NOT_DECIDED and OTHER_LEDGER; otherwise empty.
    """

    channel_id: bytes
    outcome: str
    claimed: int
    paid_now: int = 0
    paid_now_base_units: int = 0
    why: str = ""

    def fields(self) -> dict[str, Any]:
        """Return the fields that are shown to people and written as JSON."""
        return {
            "channel_id": self.channel_id.hex(),
            "outcome": self.outcome,
            "claimed_claim_units": self.claimed,
            "paid_now_claim_units": self.paid_now,
            "paid_now_base_units": self.paid_now_base_units,
            "why": self.why,
        }


def open_ledger(location: str) -> SettlementLedger:
    """Open a ledger.

    Args:
        location: "NAME:PLACE" with a name from LEDGERS. Any other text is the place of the
            default ledger.

    Raises CommandError if the ledger cannot be opened.
    """
    name, place = parse(location)
    opened: SettlementLedger = import_module(LEDGERS[name]).open_ledger(place)
    return opened


def settle(
    claims: Iterable[ChannelClaim], ledgers: Sequence[SettlementLedger], now_s: int | None = None
) -> list[Settlement]:
    """Settle each claim on the ledger that owns its channel.

    A refused claim does not stop the others. A ledger that does not work is asked no more: the
    claims that it had to decide are NOT_DECIDED. Settling the same claims again pays nothing more.

    Args:
        claims: at most one per channel.
        ledgers: the open ledgers.
        now_s: unix time of the payments in a simulated world; None: each ledger's own clock.

    Returns one settlement per claim, in the order of the claims.
    """
    down: dict[int, str] = {}
    return [_settle(claim, ledgers, now_s, down) for claim in claims]


def certify_collected(
    claims: Iterable[ChannelClaim],
    settlements: Iterable[Settlement],
    ledger: CertifyingLedger,
    signer: Signer,
    now_s: int | None = None,
) -> list[Certificate]:
    """Return the ledger's word on each claim that it has accepted and the pole does not know of.

    It is asked for after the ledger's commit, so it never tells of a payment that did not happen.

    Args:
        claims: the claims.
        settlements: what `settle` returned for them on this ledger alone.
        ledger: the ledger.
        signer: its key.
        now_s: see `SettlementLedger.claim`.

    Raises CommandError if the ledger cannot certify.
    """
    certificates = []
    for claim, done in zip(claims, settlements, strict=True):
        held = claim.certificate
        if held is None or claim.amount <= claim.collected:
            continue
        if done.outcome in (PAID, NOTHING_NEW):
            # As long as the vehicle's, so that the pole takes both or neither.
            validity_s = held.expires_at_s - held.issued_at_s
            certificates.append(
                ledger.certify(claim.channel_id, max(validity_s, 1), signer, now_s)
            )
    return certificates


def place_of(location: str) -> str:
    """Return the place in a location, without the name of a ledger from LEDGERS."""
    return parse(location)[1]


def parse(location: str) -> tuple[str, str]:
    """Return the name from LEDGERS and the place in a location."""
    name, _, place = location.partition(":")
    return (name, place) if name in LEDGERS else (DEFAULT_LEDGER, location)


def _settle(
    claim: ChannelClaim,
    ledgers: Sequence[SettlementLedger],
    now_s: int | None,
    down: dict[int, str],
) -> Settlement:
    """Settle one claim. `down` holds why a ledger does not work, by the id() of the ledger."""
    if not claim.signature:
        return Settlement(claim.channel_id, REFUSED, 0, why=claim.error)
    if claim.amount == 0:
        return Settlement(claim.channel_id, NOTHING_NEW, 0)
    certificate = claim.certificate
    outcome, why = REFUSED, claim.error
    if certificate is not None:
        ledgers = [ledger for ledger in ledgers if ledger.owns(certificate)]
        outcome = OTHER_LEDGER
        why = f"kind {certificate.kind}, number {certificate.chain_id}"
    # Without a certificate every ledger is asked. That is safe: the payer's signature covers the
    # channel's id, and an id exists on one ledger only.
    for ledger in ledgers:
        try:
            if id(ledger) in down:
                raise Unavailable(down[id(ledger)])
            payout = ledger.claim(claim, now_s)
        except Unavailable as error:
            down[id(ledger)] = str(error)
            outcome, why = NOT_DECIDED, str(error)
            continue
        except CommandError as error:
            # Of several ledgers, one that was not asked may still know the channel.
            if outcome != NOT_DECIDED:
                outcome, why = REFUSED, str(error)
            continue
        return Settlement(
            claim.channel_id,
            PAID if payout.claim_units else NOTHING_NEW,
            claim.amount,
            payout.claim_units,
            payout.base_units,
        )
    return Settlement(claim.channel_id, outcome, claim.amount, why=why)
