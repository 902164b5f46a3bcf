"""The wallet: the payer's key, the amounts that it signed, and the owner's budget.

The wallet stores each record before it signs, so a power cut can make the vehicle remember more
than it paid, and never less.
"""

from hashlib import sha256

from joulestream.channel import CHANNEL_ID_SIZE, SIGNATURE_SIZE, SIGNED_PREFIX
from joulestream.compat import const
from joulestream.device.journal_format import record_size
from joulestream.device.journal_keys import PAYER_RECORD
from joulestream.device.payer_record import PayerRecord
from joulestream.fields import size_of, write_fields
from joulestream.units import small_int

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.channel import Certificate, Claim
    from joulestream.device.journal import Journal
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
        budget_left: claim units that may still be spent in this period.

    Raises:
        MalformedError: the journal holds records of another version.
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
        self._journal = journal
        self._period = sha256(period.encode()).digest()[:8]
        # Every packet writes one record and one signature. Both buffers are made once.
        self._buffer = bytearray(size_of(PayerRecord.LAYOUT))
        self._signature = bytearray(SIGNATURE_SIZE)
        self._record_size = record_size(len(PAYER_RECORD) + CHANNEL_ID_SIZE, len(self._buffer))
        # Of the channel stored last: its id, its journal key, and its stored `signed`.
        self._channel_id = self._journal_key = b""
        self._stored_signed = 0
        self.certificates = certificates
        self.public_key: bytes = signer.public_key
        self._spent = self._spent_before()
        self._stored_spent = self._spent
        self.budget_left = max(budget - self._spent, 0)

    def certificate_for(self, payee_key: bytes) -> "Certificate | None":
        """Return the certificate of a channel that pays `payee_key`, or None.

        If there are several, it is the one that expires last.
        """
        best = None
        for certificate in self.certificates:
            if certificate.payee_key == payee_key and certificate.payer_key == self.public_key:
                if best is None or certificate.expires_at_s > best.expires_at_s:
                    best = certificate
        return best

    def can_store(self) -> bool:
        """Return whether a claim, and a new tariff beside it, can be stored without an erase."""
        can_put: bool = self._journal.can_put(2 * self._record_size)
        return can_put

    def load(self, channel_id: bytes) -> "PayerRecord | None":
        """Return the channel's record, or None for a channel that is new to this wallet.

        Raises ValueError for a record that forgot money that was signed or spent.
        """
        data = self._journal.get(PAYER_RECORD + channel_id)
        if data is None:
            return None
        record = PayerRecord.from_bytes(data)
        if channel_id == self._channel_id and record.signed < self._stored_signed:
            raise ValueError("the journal lost a signed amount; restart the vehicle")
        if record.period == self._period and record.spent > self._spent:
            raise ValueError("the journal holds more spent than this wallet; restart the vehicle")
        return record

    def store(self, channel_id: bytes, record: PayerRecord) -> None:
        """Store `record`. It is safe when this returns.

        Raises ValueError for a record with less signed or spent than the one stored before,
        OSError (JournalFull among them) when the journal cannot store it.
        """
        if channel_id != self._channel_id:
            self._select(channel_id)
        if record.signed < self._stored_signed or self._spent < self._stored_spent:
            raise ValueError("signed and spent amounts never shrink")
        record.period = self._period
        record.spent = self._spent
        write_fields(PayerRecord.LAYOUT, record, self._buffer, 0)
        self._journal.put(self._journal_key, self._buffer)
        self._stored_signed = record.signed
        self._stored_spent = self._spent

    def sign_claim(
        self, channel_id: bytes, record: PayerRecord, amount: int, claim: "Claim"
    ) -> "Buffer":
        """Store that `amount` is signed, then return the signature of `claim.message(amount)`.

        The next call overwrites the signature.

        Args:
            channel_id: the channel's id.
            record: the channel's record; its `signed` becomes `amount`.
            amount: total ever paid on the channel, in claim units.
            claim: the channel's Claim.

        Raises:
            ValueError: the amount shrinks, or the budget does not allow it.
            OSError: the record cannot be stored; nothing was signed.
        """
        more = small_int(amount - record.signed)
        if more < 0:
            raise ValueError("a claim never shrinks")
        if more > self.budget_left:
            raise ValueError("the budget does not allow this claim")
        self._spent += more
        self.budget_left -= more
        record.signed = amount
        self.store(channel_id, record)
        signature: Buffer = self._signer.sign_into(claim.message(amount), self._signature)
        return signature

    def prove(self, message: "Buffer") -> bytes:
        """Return the signature of one of the vehicle's statements.

        Raises ValueError for anything else: a peer never chooses bytes that the wallet signs.
        """
        if bytes(message[: len(SIGNED_PREFIX)]) != SIGNED_PREFIX:
            raise ValueError("the wallet signs nothing but claims and its own statements")
        signature: bytes = self._signer.sign(message)
        return signature

    def _spent_before(self) -> int:
        """Return the claim units that were spent in this period before this start.

        Each record holds the total at its own storing, so the largest one counts.
        """
        spent = 0
        for key in self._journal.keys():
            if key[: len(PAYER_RECORD)] == PAYER_RECORD:
                record = PayerRecord.from_bytes(self._journal.get(key) or b"")
                if record.period == self._period and record.spent > spent:
                    spent = record.spent
        return spent

    def _select(self, channel_id: bytes) -> None:
        """Prepare to store records of `channel_id`."""
        record = self.load(channel_id)
        self._stored_signed = 0 if record is None else record.signed
        self._channel_id = channel_id
        self._journal_key = PAYER_RECORD + channel_id
