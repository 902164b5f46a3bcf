"""The SQL ledger as a row of host_tools/settlement.py: claims are paid on its database."""

from joulestream.channel import Certificate
from joulestream.host_tools.ledger.ledger import Ledger
from joulestream.host_tools.settlement import ChannelClaim, Payout
from joulestream.signing import Signer


class SqlSettlementLedger:
    """A SettlementLedger on an open Ledger. `close` closes that ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def owns(self, certificate: Certificate) -> bool:
        """Return whether the certificate names this ledger's number and key."""
        return self._ledger.owns(certificate)

    def claim(self, claim: ChannelClaim, now_s: int | None) -> Payout:
        """Pay the claim, see `Ledger.claim`; the channel's id alone finds the channel.

        Raises LedgerError if the ledger refuses the claim.
        """
        payment = self._ledger.claim(claim.channel_id, claim.amount, claim.signature, now_s)
        return Payout(payment.paid_now, payment.paid_now_base_units)

    def check_signer(self, signer: Signer) -> None:
        """Raise LedgerError if `signer` is not of the ledger's key."""
        self._ledger.with_signer(signer)

    def certify(
        self, channel_id: bytes, validity_s: int | None, signer: Signer, now_s: int | None
    ) -> Certificate:
        """Return what the ledger has paid on a channel, see `Ledger.certify_collected`.

        Raises LedgerError.
        """
        ledger = self._ledger.with_signer(signer)
        return ledger.certify_collected(channel_id, now_s, validity_s)

    def close(self) -> None:
        """Close the database."""
        self._ledger.close()


def open_ledger(location: str) -> SqlSettlementLedger:
    """Open the ledger in an SQLite file or at a database URL.

    Raises LedgerError if there is no ledger.
    """
    return SqlSettlementLedger(Ledger.open(location))
