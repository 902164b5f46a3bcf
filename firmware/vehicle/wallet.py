"""The wallet: the key, what it signed so far, the owner's budget. Written before it signs."""

from hashlib import sha256

from joulestream.channel import CHANNEL_ID_SIZE, SIGNATURE_SIZE, SIGNED_PREFIX
from joulestream.device import journal_keys
from joulestream.device.payer_record import PayerRecord
from joulestream.fields import size_of, write_fields
from joulestream.units import small_int


class Wallet:
    """Signs claims with `signer`, never beyond `budget` claim units in one budget period.

    `certificates` are joulestream.channel.Certificate. Nothing is signed before the journal
    holds it, so a power cut can make the vehicle remember more than it paid, never less.
    `budget_left` is what may still be spent in this budget period, in claim units. Raises
    MalformedError for a journal that holds another version's records.
    """

    def __init__(self, signer, journal, certificates, budget, period):
        self._signer = signer
        self._journal = journal
        self._period = sha256(period.encode()).digest()[:8]
        self._spent = 0
        # One buffer for every packet's record, one for its signature.
        self._buffer = bytearray(size_of(PayerRecord.LAYOUT))
        self._signature = bytearray(SIGNATURE_SIZE)
        self._record_size = journal.record_size(
            len(journal_keys.PAYER_RECORD) + CHANNEL_ID_SIZE, len(self._buffer)
        )
        self._channel_id = self._journal_key = b""  # of the channel stored last
        self.certificates = certificates
        self.public_key = signer.public_key
        for key in journal.keys():
            if key[:1] == journal_keys.PAYER_RECORD:
                record = PayerRecord.from_bytes(journal.get(key))
                if record.period == self._period and record.spent > self._spent:
                    self._spent = record.spent
        self.budget_left = max(budget - self._spent, 0)

    def certificate_for(self, payee_key):
        """Return the certificate of a channel that pays `payee_key`, the latest; else None."""
        best = None
        for certificate in self.certificates:
            if certificate.payee_key == payee_key and certificate.payer_key == self.public_key:
                if best is None or certificate.expires_at_s > best.expires_at_s:
                    best = certificate
        return best

    def can_store(self):
        """Return whether a claim can be stored without an erase, and a new tariff beside."""
        return self._journal.can_put(2 * self._record_size)

    def load(self, channel_id):
        """Return the channel's PayerRecord; None for a channel that is new to this wallet."""
        data = self._journal.get(journal_keys.PAYER_RECORD + channel_id)
        return None if data is None else PayerRecord.from_bytes(data)

    def store(self, channel_id, record):
        """Store `record`. Raises JournalFull or OSError."""
        record.period = self._period
        record.spent = self._spent
        write_fields(PayerRecord.LAYOUT, record, self._buffer, 0)
        if self._channel_id != channel_id:
            self._channel_id = channel_id
            self._journal_key = journal_keys.PAYER_RECORD + channel_id
        self._journal.put(self._journal_key, self._buffer)

    def sign_claim(self, channel_id, record, amount, claim):
        """Return the signature of `claim.message(amount)`, after storing that it was given.

        The buffer returned is valid until the next call.

        Raises ValueError when the budget does not allow it or the amount shrinks, JournalFull or
        OSError when it cannot be stored.
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
        return self._signer.sign_into(claim.message(amount), self._signature)

    def prove(self, message):
        """Return the signature of `message`, which must not be a claim."""
        if not message.startswith(SIGNED_PREFIX):
            raise ValueError("the wallet signs nothing but claims and its own statements")
        return self._signer.sign(message)
