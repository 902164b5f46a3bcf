"""The wallet: the payer's key, the amounts that it signed, and the owner's budget.

The wallet stores each record before it signs, so a power cut can make the vehicle remember more
than it paid, and never less.
"""

from hashlib import sha256

from joulestream.channel import SIGNATURE_SIZE, SIGNED_PREFIX
from joulestream.compat import const
from joulestream.device.journal import JournalFull
from joulestream.device.payer_record import PERIOD_SIZE, PayerRecords, WalletError
from joulestream.units import small_int

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.channel import Certificate, Claim
    from joulestream.device.journal import Journal
    from joulestream.device.payer_record import PayerRecord
    from joulestream.fields import Buffer
    from joulestream.signing import Signer


class Wallet:
    """Signs claims, and never for more than the owner's budget.

    Args:
        signer: the payer's key.
        journal: holds the records.
        certificates: the Certificates that the vehicle has.
        budget: the most that may be spent in one budget period, in claim units.
        period: name of the budget period; a new name begins with nothing spent.

    Attributes:
        certificates: the same; renewals replace them.
        public_key: the payer's key.
        records: the stored records of all channels.
        budget_left: claim units that may still be spent in this period.

    Raises OSError if a record is damaged.
    """

    def __init__(
        self,
        signer: "Signer",
        journal: "Journal",
        certificates: "list[Certificate]",
        budget: int,
        period: str,
    ) -> None:
        self._signer = signer
        # Every packet makes one signature. The buffer is made once.
        self._signature = bytearray(SIGNATURE_SIZE)
        self.certificates = certificates
        self.public_key: bytes = signer.public_key
        self.records = PayerRecords(journal, sha256(period.encode()).digest()[:PERIOD_SIZE])
        self.budget_left = max(budget - self.records.spent, 0)

    def can_store(self) -> bool:
        """Return whether a claim, and a new tariff beside it, can be stored without an erase."""
        return self.records.can_store()

    def load(self, channel_id: bytes) -> "PayerRecord | None":
        """Return the channel's record, or None for a channel that is new to this wallet.

        Raises WalletError for a record that is not the one stored last.
        """
        return self.records.load(channel_id)

    def store(self, channel_id: bytes, record: "PayerRecord") -> None:
        """Store `record`. It is safe when this returns.

        When there is no room for another channel, it takes the place of one that has no
        certificate any more: that channel can pay nothing, and the pole of a channel that comes
        back proves how much was signed.

        Raises WalletError for a record with less signed or spent than the one stored before,
        OSError (JournalFull among them) when the journal cannot store it.
        """
        try:
            self.records.store(channel_id, record)
        except JournalFull:
            old_id = self._spare_channel()
            if old_id is None or self.records.can_add():
                raise
            self.records.store_in_place(old_id, channel_id, record)

    def learn(self, record: "PayerRecord", amount: int) -> None:
        """Note in `record` that `amount` was signed, though this wallet does not remember it.

        The difference counts as spent in this period, since nothing tells when it was spent. A
        wallet that is full has forgotten whole channels by itself: it had counted their amounts.
        """
        if record.number or self.records.can_add():
            self._spend(small_int(amount - record.signed))
        record.signed = amount

    def believe(self, record: "PayerRecord", amount: int) -> None:
        """Note in `record` that the issuer says `amount` was signed. It counts as spent now."""
        self._spend(small_int(amount - record.signed))
        record.signed = amount

    def sign_claim(
        self, channel_id: bytes, record: "PayerRecord", amount: int, claim: "Claim"
    ) -> "Buffer":
        """Store that `amount` is signed, then return the signature of `claim.message(amount)`.

        A claim that promises nothing new is signed again without a write. The next call
        overwrites the signature.

        Args:
            channel_id: the channel's id.
            record: the channel's record; its `signed` becomes `amount`.
            amount: total ever paid on the channel, in claim units.
            claim: the channel's Claim.

        Raises:
            WalletError: the amount shrinks, or the budget does not allow it.
            OSError: the record cannot be stored; nothing was signed.
        """
        more = small_int(amount - record.signed)
        if more < 0:
            raise WalletError("a claim never shrinks")
        if more > self.budget_left:
            raise WalletError("the budget does not allow this claim")
        self._spend(more)
        record.signed = amount
        if not self.records.holds(channel_id, record):
            self.records.store_packet(channel_id, record)
        signature: Buffer = self._signer.sign_into(claim.message(amount), self._signature)
        return signature

    def prove(self, message: "Buffer") -> bytes:
        """Return the signature of one of the vehicle's statements.

        Raises WalletError for anything else: a peer never chooses bytes that the wallet signs.
        """
        if bytes(message[: len(SIGNED_PREFIX)]) != SIGNED_PREFIX:
            raise WalletError("the wallet signs nothing but claims and its own statements")
        signature: bytes = self._signer.sign(message)
        return signature

    def _spare_channel(self) -> "bytes | None":
        """Return the channel without a certificate that was stored the longest ago, or None."""
        certified = [certificate.channel_id for certificate in self.certificates]
        spare = None
        oldest = 0
        for channel_id in self.records:
            if channel_id not in certified:
                record = self.records.load(channel_id)
                if record is not None and (spare is None or record.number < oldest):
                    spare, oldest = channel_id, record.number
        return spare

    def _spend(self, more: int) -> None:
        self.records.spent += more
        self.budget_left = max(self.budget_left - more, 0)
