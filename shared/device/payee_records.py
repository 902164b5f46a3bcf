"""The records that a pole keeps of each channel in its journal, and the rules of storing them.

A record holds the whole claim of its channel: a host that reads the record can settle it.
"""

from joulestream.channel import (
    CERTIFICATE_SIZE,
    CHANNEL_ID_SIZE,
    KEY_SIZE,
    SIGNATURE_SIZE,
    Certificate,
)
from joulestream.compat import const
from joulestream.device import journal_keys
from joulestream.device.journal import JournalFull
from joulestream.device.journal_format import record_size
from joulestream.device.own_record import UnreadableRecord, read_own
from joulestream.device.put_again import put_again
from joulestream.fields import BYTES, UINT, Record, size_of, write_fields

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Iterator

    from joulestream.device.journal import Journal


# What the fields of a record hold.
_MOST_DUE = const(0xFFFFFFFFFFFFFFFF)
_MOST_MWH = const(0xFFFFFFFFFFFF)


class BrokenRecord(Exception):
    """A record broke a rule of money: an internal fault, which ends the firmware's loop.

    It is no OSError, so no handler of a failing flash hides it.
    """


class PayeeRecord(Record):
    """The pole's record of one channel. Money is in claim units, energy in mWh.

    - `amount`, `signature`: the best claim; the amount is the total ever paid.
    - `amount_due`: the price of all energy delivered so far, rounded down.
    - `remainder`: the rest that the rounding left, in millionths of a claim unit.
    - `energy_mwh`: all energy delivered on the channel.
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


def new_record() -> PayeeRecord:
    """Return the record of a channel that is new to the pole."""
    return PayeeRecord(
        amount=0,
        signature=bytes(SIGNATURE_SIZE),
        amount_due=0,
        remainder=0,
        energy_mwh=0,
    )


def bound_record(record: PayeeRecord) -> None:
    """Let no figure of `record` outgrow its field.

    No capacity pays so much, so nothing is lost. A pole that could not store a figure would bill
    the same energy at each start, and never start.
    """
    record.amount_due = min(record.amount_due, _MOST_DUE)
    record.energy_mwh = min(record.energy_mwh, _MOST_MWH)


class Standing(Record):
    """The ledger's word on one channel. It is stored with the channel's certificate.

    - `settled`: the highest amount that a certificate said the ledger had accepted.
    - `collected_at_s`: `issued_at_s` of the first certificate that said so; 0 if there is none.
    - `collected`: the highest amount that a host saw arrive on the operator's account. An issuer's
      word is not enough for it, or an issuer could owe more than it is trusted for.
    """

    settled: int
    collected_at_s: int
    collected: int
    LAYOUT = (("settled", 8, UINT), ("collected_at_s", 8, UINT), ("collected", 8, UINT))

    def note(self, certificate: Certificate) -> None:
        """Take the certificate's word into account. A lower amount changes nothing."""
        if certificate.claimed > self.settled:
            self.settled = certificate.claimed
            self.collected_at_s = certificate.issued_at_s


_STANDING_SIZE = size_of(Standing.LAYOUT)


class _Channel:
    """The figures of a channel in memory: journal key, best and collected amount, and issuers.

    `issuer_key` is the key of the stored certificate's issuer. `vouching_key` is the key of the
    issuer whose certificate the session uses: mostly the same, and another one until it is stored.
    """

    def __init__(self, channel_id: bytes) -> None:
        self.key = journal_keys.PAYEE_RECORD + channel_id
        self.issuer_key: bytes | None = None
        self.vouching_key: bytes | None = None
        self.amount = 0
        self.collected = 0

    def debt(self) -> int:
        """Return the best claim, less the amount that was collected, in claim units."""
        return max(self.amount - self.collected, 0)


def _outlasts(held: Certificate, mark: Certificate) -> bool:
    """Return whether `mark`, whose claimed amount the standing holds, has no other news.

    The mark of an open channel must not shorten what the vehicle was given. That of a closing or
    closed channel has expired when it is issued, and ends all charging on the channel.
    """
    return (
        held.expires_at_s > mark.expires_at_s > mark.issued_at_s
        and mark.claimable_until_s >= held.claimable_until_s
    )


class PayeeRecords:
    """The records of all channels.

    A record or certificate of another version is kept as it is. Its channel keeps its place, is
    never taken for a new one, and takes no claims. It may owe all that its certificate allows.

    Args:
        journal: holds the records.
        most: how many channels there can be.

    Raises OSError if a record is damaged.
    """

    def __init__(self, journal: "Journal", most: int) -> None:
        self._journal = journal
        self._most = most
        # One buffer for the record of every packet.
        self._buffer = bytearray(size_of(PayeeRecord.LAYOUT))
        key_size = len(journal_keys.PAYEE_RECORD) + CHANNEL_ID_SIZE
        self._record_size = record_size(key_size, len(self._buffer))
        self._certificate_size = record_size(key_size, _STANDING_SIZE + CERTIFICATE_SIZE)
        self._channels: dict[bytes, _Channel] = {}
        self._unreadable: set[bytes] = set()
        # The channel stored last, and the figures that the journal holds of it.
        self._last: _Channel | None = None
        self._stored_due = 0
        self._stored_energy_mwh = 0
        for key in journal.keys():
            if key[:1] == journal_keys.PAYEE_RECORD:
                self._mount(key[1:])
            elif key[:1] == journal_keys.CERTIFICATE:
                self._mount_certificate(key[1:])

    def __iter__(self) -> "Iterator[bytes]":
        """Iterate over the ids of all channels."""
        return iter(list(self._channels))

    def __contains__(self, channel_id: bytes) -> bool:
        """Return whether the journal holds a record of the channel."""
        return channel_id in self._channels

    def after(self, channel_id: bytes) -> "bytes | None":
        """Return the channel with the next id after `channel_id`, or None behind the last one.

        Channels may come and go between two calls, and none of the others is left out.
        """
        found = None
        for each in self._channels:
            if each > channel_id and (found is None or each < found):
                found = each
        return found

    def is_readable(self, channel_id: bytes) -> bool:
        """Return whether nothing that the journal holds of the channel is of another version."""
        return channel_id not in self._unreadable

    def count_unreadable(self) -> int:
        """Return of how many channels something is of another version."""
        return len(self._unreadable)

    def load(self, channel_id: bytes) -> PayeeRecord:
        """Return the channel's record; a new record for a channel that is new to the pole.

        Raises BrokenRecord if the journal lost money that this pole knows of, UnreadableRecord or
        another OSError if the record cannot be read.
        """
        record = self._read(channel_id)
        channel = self._channels.get(channel_id)
        if channel is not None and record.amount < channel.amount:
            raise BrokenRecord("the journal lost an amount that was paid")
        if channel is not None and channel is self._last:
            if (record.amount_due, record.energy_mwh) != (
                self._stored_due,
                self._stored_energy_mwh,
            ):
                raise BrokenRecord("the journal holds another record than the one stored last")
        return record

    def certificate(self, channel_id: bytes) -> "Certificate | None":
        """Return the certificate of the channel's last session, or None.

        Raises UnreadableRecord or another OSError.
        """
        data = self._journal.get(journal_keys.CERTIFICATE + channel_id)
        return None if data is None else read_own(Certificate, data[_STANDING_SIZE:])

    def standing(self, channel_id: bytes) -> Standing:
        """Return the ledger's word on the channel, as the stored certificates gave it.

        Raises UnreadableRecord or another OSError.
        """
        data = self._journal.get(journal_keys.CERTIFICATE + channel_id)
        if data is None:
            return Standing(settled=0, collected_at_s=0, collected=0)
        return read_own(Standing, data[:_STANDING_SIZE])

    def can_store(self) -> bool:
        """Return whether a packet's record, and a smaller one, can be stored without an erase."""
        return self._journal.can_put(2 * self._record_size)

    def can_admit(self) -> bool:
        """Return whether a certificate, and what `can_store` promises, can be stored."""
        return self._journal.can_put(self._certificate_size + 2 * self._record_size)

    def erase_ahead(self) -> None:
        """Erase ahead as far as possible. Raises JournalFull or OSError."""
        self._journal.erase_ahead()

    def admit(
        self,
        certificate: Certificate,
        record: PayeeRecord,
        instead_of: "bytes | None" = None,
    ) -> None:
        """Store a certificate and `record`, which holds a claim under it. Never erases.

        A channel that is new takes the place of the channel `instead_of`, if it is given. The
        journal forgets that one in the same step in which it gets the new claim.

        Raises JournalFull, OSError, or BrokenRecord as `store` does.
        """
        channel_id = certificate.channel_id
        is_new = channel_id not in self._channels
        if is_new and instead_of is None and len(self._channels) >= self._most:
            raise JournalFull("there is no room for another channel")
        standing = self.standing(channel_id)
        standing.note(certificate)
        self._put_certificate(certificate, standing, self._orphan() if is_new else None)
        self.store(channel_id, record, instead_of if is_new else None)
        channel = self._channels[channel_id]
        channel.issuer_key = channel.vouching_key = self._shared(certificate.issuer_key)
        # A channel that comes back to a place may have been collected before.
        channel.collected = standing.collected

    def store(
        self, channel_id: bytes, record: PayeeRecord, instead_of: "bytes | None" = None
    ) -> None:
        """Store `record`; it survives a power cut when this returns. Never erases.

        `instead_of` is a channel that gives its place to this one.

        Raises BrokenRecord, and stores nothing, if the amount, the amount due or the energy is
        less than the journal holds; JournalFull or OSError if the journal cannot store it, and
        UnreadableRecord if it would overwrite a record of another version.
        """
        channel = self._channels.get(channel_id)
        if channel is None:
            channel = _Channel(channel_id)
        if channel is not self._last:
            self._select(channel, channel_id)
        if (
            record.amount < channel.amount
            or record.amount_due < self._stored_due
            or record.energy_mwh < self._stored_energy_mwh
        ):
            raise BrokenRecord("the amounts and the energy of a channel never shrink")
        write_fields(PayeeRecord.LAYOUT, record, self._buffer, 0)
        if instead_of is None:
            put_again(self._journal, channel.key, self._buffer)
        else:
            put_again(self._journal, channel.key, self._buffer, self._channels[instead_of].key)
            del self._channels[instead_of]
        channel.amount = record.amount
        self._stored_due = record.amount_due
        self._stored_energy_mwh = record.energy_mwh
        self._channels[channel_id] = channel

    def count(self, issuer_key: "bytes | None" = None) -> int:
        """Return how many channels there are, or how many of one issuer."""
        if issuer_key is None:
            return len(self._channels)
        rows = self._channels.values()
        return sum([1 for channel in rows if channel.issuer_key == issuer_key])

    def issuer_key(self, channel_id: bytes) -> "bytes | None":
        """Return the key of the channel's issuer; None if its certificate is missing."""
        return self._channels[channel_id].issuer_key

    def vouch(self, channel_id: bytes, issuer_key: bytes) -> None:
        """Count the channel's claims as those of this issuer too; the next `admit` stores it.

        Until then a restart brings the issuer before it back, so they count for both.
        """
        if channel_id in self._channels:
            self._channels[channel_id].vouching_key = self._shared(issuer_key)

    def debt(self, channel_id: bytes) -> int:
        """Return the channel's best claim, less the amount that was collected; 0 for a new one."""
        channel = self._channels.get(channel_id)
        return 0 if channel is None else channel.debt()

    def uncollected(self, issuer_key: bytes, but_channel_id: bytes) -> int:
        """Return the debt of the issuer's channels, without one channel's, in claim units."""
        total = 0
        for channel_id in self._channels:
            channel = self._channels[channel_id]
            if channel_id != but_channel_id:
                if channel.issuer_key == issuer_key or channel.vouching_key == issuer_key:
                    total += channel.debt()
        return total

    def collect(self, certificate: Certificate) -> bool:
        """Note that `certificate.claimed` arrived on the operator's account.

        A host calls it for a pole that is stopped, or over the service line. The certificate is
        a genuine one of the channel, which its ledger gave after it had paid.

        Returns False for a channel that is not known here. Raises JournalFull or OSError.
        """
        channel_id = certificate.channel_id
        channel = self._channels.get(channel_id)
        if channel is None:
            return False
        standing = self.standing(channel_id)
        standing.note(certificate)
        channel.collected = standing.collected = max(standing.collected, certificate.claimed)
        held = self.certificate(channel_id)
        if held is not None and (
            held.issued_at_s > certificate.issued_at_s or _outlasts(held, certificate)
        ):
            certificate = held
        self._put_certificate(certificate, standing)
        return True

    def _put_certificate(
        self, certificate: Certificate, standing: Standing, instead_of: "bytes | None" = None
    ) -> None:
        key = journal_keys.CERTIFICATE + certificate.channel_id
        value = standing.to_bytes() + certificate.to_bytes()
        put_again(self._journal, key, value, None if key == instead_of else instead_of)
        if instead_of is not None:
            self._unreadable.discard(instead_of[len(journal_keys.CERTIFICATE) :])

    def _orphan(self) -> "bytes | None":
        """Return the key of a certificate that no record needs any more, or None."""
        for key in self._journal.keys():
            if key[:1] == journal_keys.CERTIFICATE and key[1:] not in self._channels:
                return key
        return None

    def _select(self, channel: _Channel, channel_id: bytes) -> None:
        """Read the figures that the journal holds of the channel to be stored next."""
        record = self._read(channel_id)
        self._stored_due = record.amount_due
        self._stored_energy_mwh = record.energy_mwh
        self._last = channel

    def _read(self, channel_id: bytes) -> PayeeRecord:
        data = self._journal.get(journal_keys.PAYEE_RECORD + channel_id)
        if data is not None:
            return read_own(PayeeRecord, data)
        return new_record()

    def _mount(self, channel_id: bytes) -> None:
        """Take a channel over from the journal."""
        channel = self._channels[channel_id] = _Channel(channel_id)
        data = self._journal.get(journal_keys.CERTIFICATE + channel_id)
        has_certificate = data is not None and len(data) == _STANDING_SIZE + CERTIFICATE_SIZE
        if data is not None and len(data) >= SIGNATURE_SIZE + KEY_SIZE:
            # Only these bytes are read: a record is worth its claim even if the certificate is
            # of another version.
            issuer_key = data[-SIGNATURE_SIZE - KEY_SIZE : -SIGNATURE_SIZE]
            channel.issuer_key = channel.vouching_key = self._shared(issuer_key)
        if has_certificate:
            channel.collected = self.standing(channel_id).collected
        try:
            channel.amount = self._read(channel_id).amount
        except UnreadableRecord:
            self._unreadable.add(channel_id)
            certificate = self.certificate(channel_id) if has_certificate else None
            channel.amount = certificate.capacity if certificate else 0

    def _mount_certificate(self, channel_id: bytes) -> None:
        """Note whether a certificate, of a channel with or without a record, is readable."""
        if self._journal.location(journal_keys.CERTIFICATE + channel_id)[2] != (
            self._certificate_size
        ):
            self._unreadable.add(channel_id)

    def _shared(self, issuer_key: bytes) -> bytes:
        """Return the key, as the same object for all channels of one issuer."""
        for channel_id in self._channels:
            known = self._channels[channel_id].issuer_key
            if known is not None and known == issuer_key:
                return known
        return issuer_key
