"""The wallet: the key, what it signed so far, the owner's budget. Written before it signs."""

from hashlib import sha256

from joulestream.channel import CHANNEL_ID_SIZE, SIGNATURE_SIZE, SIGNED_PREFIX
from joulestream.fields import BYTES, UINT, Record, size_of, write_fields
from joulestream.units import small

_KEY = b"c"


class Channel(Record):
    """What the vehicle knows of one channel, and the running total of its budget.

    `signed` is the highest amount signed. `amount_due`, its `remainder` and `energy_mwh` (as the
    pole counts) are those of the last offer or invoice that was accepted; energy beyond it costs
    `price_per_kwh`, and `next_price_per_kwh` from `next_from_mwh` on, the same where no change is
    agreed. `billed_mwh` and `own_mwh` are what was billed and what the own meter counted in the
    channel's life; the own meter's total stood at `own_total_mwh` then. `grace` is what was taken
    on the pole's word, in claim units (see carryover.py).
    """

    signed: int
    amount_due: int
    remainder: int
    energy_mwh: int
    billed_mwh: int
    own_mwh: int
    own_total_mwh: int
    price_per_kwh: int
    next_price_per_kwh: int
    next_from_mwh: int
    grace: int
    period: bytes
    spent: int
    LAYOUT = (
        ("signed", 8, UINT),
        ("amount_due", 8, UINT),
        ("remainder", 4, UINT),
        ("energy_mwh", 6, UINT),
        ("billed_mwh", 6, UINT),
        ("own_mwh", 6, UINT),
        ("own_total_mwh", 6, UINT),
        ("price_per_kwh", 8, UINT),
        ("next_price_per_kwh", 8, UINT),
        ("next_from_mwh", 6, UINT),
        ("grace", 8, UINT),
        ("period", 8, BYTES),
        ("spent", 8, UINT),
    )


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
        self._buffer = bytearray(size_of(Channel.LAYOUT))
        self._signature = bytearray(SIGNATURE_SIZE)
        self._record_size = journal.record_size(len(_KEY) + CHANNEL_ID_SIZE, len(self._buffer))
        self._channel_id = self._journal_key = b""  # of the channel stored last
        self.certificates = certificates
        self.public_key = signer.public_key
        for key in journal.keys():
            if key[:1] == _KEY:
                channel = Channel.from_bytes(journal.get(key))
                if channel.period == self._period and channel.spent > self._spent:
                    self._spent = channel.spent
        self.budget_left = max(budget - self._spent, 0)

    def certificate_for(self, payee_key):
        """Return the certificate of a channel that pays `payee_key`, the latest; else None."""
        best = None
        for certificate in self.certificates:
            if certificate.payee_key == payee_key and certificate.payer_key == self.public_key:
                if best is None or certificate.expires_at_s > best.expires_at_s:
                    best = certificate
        return best

    def is_ready(self):
        """Return whether a claim can be stored without an erase, and a new tariff beside."""
        return self._journal.is_ready(2 * self._record_size)

    def load(self, channel_id):
        """Return the stored Channel, or None when this wallet does not know it."""
        data = self._journal.get(_KEY + channel_id)
        return None if data is None else Channel.from_bytes(data)

    def store(self, channel_id, channel):
        """Store `channel`. Raises JournalFull or OSError."""
        channel.period = self._period
        channel.spent = self._spent
        write_fields(Channel.LAYOUT, channel, self._buffer, 0)
        if self._channel_id != channel_id:
            self._channel_id = channel_id
            self._journal_key = _KEY + channel_id
        self._journal.put(self._journal_key, self._buffer)

    def sign_claim(self, channel_id, channel, amount, claim):
        """Return the signature of `claim.message(amount)`, after storing that it was given.

        The buffer returned is valid until the next call.

        Raises ValueError when the budget does not allow it or the amount shrinks, JournalFull or
        OSError when it cannot be stored.
        """
        more = small(amount - channel.signed)
        if more < 0:
            raise ValueError("a claim never shrinks")
        if more > self.budget_left:
            raise ValueError("the budget does not allow this claim")
        self._spent += more
        self.budget_left -= more
        channel.signed = amount
        self.store(channel_id, channel)
        return self._signer.sign_into(claim.message(amount), self._signature)

    def prove(self, message):
        """Return the signature of `message`, which must not be a claim."""
        if not message.startswith(SIGNED_PREFIX):
            raise ValueError("the wallet signs nothing but claims and its own statements")
        return self._signer.sign(message)
