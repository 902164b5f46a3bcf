"""What a pole knows of each channel, in its journal: certificate, best claim, amount due, energy.

A record holds the whole claim of its channel: a host that reads the record can settle it.
"""

from joulestream.channel import CHANNEL_ID_SIZE, KEY_SIZE, SIGNATURE_SIZE, Certificate
from joulestream.device import journal_keys
from joulestream.device.journal import JournalFull
from joulestream.device.journal_format import record_size
from joulestream.fields import BYTES, UINT, Record, size_of, write_fields


class PayeeRecord(Record):
    """A channel's standing: `amount` with its `signature` is the best claim.

    `amount_due` is what all energy delivered so far costs; both are totals in claim units, and
    `remainder` is what was rounded off the latter, in millionths.
    """

    amount: int
    signature: bytes
    amount_due: int
    remainder: int
    energy_mwh: int
    LAYOUT = (
        ("amount", 8, UINT),
        ("signature", SIGNATURE_SIZE, BYTES),
        ("amount_due", 8, UINT),
        ("remainder", 4, UINT),
        ("energy_mwh", 6, UINT),
    )


class _Channel:
    """What is kept in memory of a channel: its journal key, issuer's key and best amount."""

    def __init__(self, channel_id):
        self.key = journal_keys.PAYEE_RECORD + channel_id
        self.issuer_key = None
        self.amount = 0


class PayeeRecords:
    """All channels' records in `journal`, `most` of them at the most."""

    def __init__(self, journal, most):
        self._journal = journal
        self._most = most
        # One buffer for every packet's record.
        self._buffer = bytearray(size_of(PayeeRecord.LAYOUT))
        key_size = len(journal_keys.PAYEE_RECORD) + CHANNEL_ID_SIZE
        self._record_size = record_size(key_size, len(self._buffer))
        self._channels = {}  # channel id: _Channel
        for key in journal.keys():
            if key[:1] == journal_keys.PAYEE_RECORD:
                self._mount(key[1:])

    def __iter__(self):
        return iter(list(self._channels))

    def load(self, channel_id):
        """Return the channel's record; a new one when the channel was never seen."""
        data = self._journal.get(journal_keys.PAYEE_RECORD + channel_id)
        if data is not None:
            return PayeeRecord.from_bytes(data)
        return PayeeRecord(
            amount=0,
            signature=bytes(SIGNATURE_SIZE),
            amount_due=0,
            remainder=0,
            energy_mwh=0,
        )

    def certificate(self, channel_id):
        """Return the certificate the channel was last opened with, or None."""
        data = self._journal.get(journal_keys.CERTIFICATE + channel_id)
        return None if data is None else Certificate.from_bytes(data)

    def can_store(self):
        """Return whether a packet can be stored without an erase, and something smaller beside."""
        return self._journal.can_put(2 * self._record_size)

    def erase_ahead(self):
        """Erase ahead as far as possible. Raises JournalFull or OSError."""
        self._journal.erase_ahead()

    def admit(self, certificate, record):
        """Store `certificate` and `record`: what opens or renews a session. Never erases.

        Raises JournalFull or OSError.
        """
        channel_id = certificate.channel_id
        if channel_id not in self._channels and len(self._channels) >= self._most:
            raise JournalFull("there is no room for another channel")
        self._journal.put(journal_keys.CERTIFICATE + channel_id, certificate.to_bytes())
        self.store(channel_id, record)
        self._channels[channel_id].issuer_key = self._shared(certificate.issuer_key)

    def store(self, channel_id, record):
        """Store `record`; it is safe when this returns. Never erases.

        Raises JournalFull or OSError.
        """
        channel = self._channels.get(channel_id)
        if channel is None:
            channel = _Channel(channel_id)
        write_fields(PayeeRecord.LAYOUT, record, self._buffer, 0)
        self._journal.put(channel.key, self._buffer)
        channel.amount = record.amount
        self._channels[channel_id] = channel

    def uncollected(self, issuer_key, but_channel_id):
        """Return the sum of best claims on the issuer's channels, one channel left out."""
        total = 0
        for channel_id in self._channels:
            channel = self._channels[channel_id]
            if channel.issuer_key == issuer_key and channel_id != but_channel_id:
                total += channel.amount
        return total

    def _mount(self, channel_id):
        """Take up a channel from the journal."""
        channel = self._channels[channel_id] = _Channel(channel_id)
        channel.amount = self.load(channel_id).amount
        data = self._journal.get(journal_keys.CERTIFICATE + channel_id)
        if data is not None:
            # Its place alone: a record is worth its claim even with an unreadable certificate.
            issuer_key = data[-SIGNATURE_SIZE - KEY_SIZE : -SIGNATURE_SIZE]
            channel.issuer_key = self._shared(issuer_key)

    def _shared(self, issuer_key):
        """Return the key, the same object for all channels of one issuer."""
        for channel_id in self._channels:
            known = self._channels[channel_id].issuer_key
            if known == issuer_key:
                return known
        return issuer_key
