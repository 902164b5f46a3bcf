"""The records that a vehicle keeps of each channel in its journal, and the rules of storing them.

The newest record of all also tells what holds for the whole wallet: the budget that is spent, and
the channel that the energy of the own meter belongs to. So it costs a packet no second record.
"""

from joulestream.channel import CHANNEL_ID_SIZE
from joulestream.compat import const
from joulestream.device.journal import JournalFull
from joulestream.device.journal_format import record_size
from joulestream.device.journal_keys import PAYER_RECORD, VEHICLE_CHANNELS
from joulestream.device.own_record import UnreadableRecord, read_own
from joulestream.device.put_again import put_again
from joulestream.fields import BYTES, UINT, Record, size_of, write_fields

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Iterator

    from joulestream.device.journal import Journal

PERIOD_SIZE = const(8)


class WalletError(ValueError):
    """The wallet broke a rule of money: an internal fault, which ends the firmware's loop.

    It is no OSError, so no handler of a failing flash hides it.
    """


# The fields that each packet changes.
_OF_A_PACKET = (
    ("signed", 8, UINT),
    ("amount_due", 8, UINT),
    ("remainder", 4, UINT),
    ("energy_mwh", 6, UINT),
    ("billed_mwh", 6, UINT),
    ("own_mwh", 6, UINT),
    ("own_total_mwh", 6, UINT),
    ("number", 6, UINT),
    ("spent", 8, UINT),
)


class PayerRecord(Record):
    """The vehicle's record of one channel, and the figures of the whole wallet at its storing.

    Money is in claim units, energy in mWh.

    - `signed`: the highest amount that the vehicle signed.
    - `amount_due`, `remainder`, `energy_mwh`: those of the offer or invoice that the vehicle
      accepted last. `remainder` is in millionths of a claim unit; the pole counts the energy.
    - `billed_mwh`, `own_mwh`: energy that the pole billed, and that the vehicle's own meter
      counted, in all of the channel's life.
    - `own_total_mwh`: the own meter's total up to which its energy belongs to a channel.
    - `number`: counts the records that the wallet stored. The highest one is the newest.
    - `period`, `spent`: the budget period, and all that was spent in it so far on any channel.
    - `price_per_kwh`: price of the energy after `energy_mwh`. From `next_from_mwh` on the price
      is `next_price_per_kwh`, which is the same price where no change is agreed.
    - `tail_mwh`: the most energy that can still flow once the vehicle falls silent. The energy of
      the own meter belongs to this channel if the record is the newest and `tail_mwh` is not 0.
    - `unproven_amount`: money that the vehicle owes on the pole's word alone, with no energy of
      its own meter to prove it (vehicle/carried_debt.py).
    - `left_amount`: the part of `amount_due` that the owner leaves unpaid.
    - `refused_amount`, `refused_mwh`: the debt that the vehicle refused last, for its owner to pay
      or to leave (host_tools/wallet.py).
    """

    signed: int
    amount_due: int
    remainder: int
    energy_mwh: int
    billed_mwh: int
    own_mwh: int
    own_total_mwh: int
    number: int
    spent: int
    period: bytes
    price_per_kwh: int
    next_price_per_kwh: int
    next_from_mwh: int
    tail_mwh: int
    unproven_amount: int
    left_amount: int
    refused_amount: int
    refused_mwh: int
    LAYOUT = _OF_A_PACKET + (
        ("period", PERIOD_SIZE, BYTES),
        ("price_per_kwh", 8, UINT),
        ("next_price_per_kwh", 8, UINT),
        ("next_from_mwh", 6, UINT),
        ("tail_mwh", 6, UINT),
        ("unproven_amount", 8, UINT),
        ("left_amount", 8, UINT),
        ("refused_amount", 8, UINT),
        ("refused_mwh", 6, UINT),
    )


class PayerRecords:
    """The records of all channels.

    Args:
        journal: holds the records.
        period: the budget period, PERIOD_SIZE bytes; None: that of the newest record.

    Attributes:
        spent: all that was spent in this period on any channel, in claim units.
        newest_id: the channel whose record was stored last, or None.
        newest: that record as it was mounted, or None.
        unreadable: the channels whose records are of another version. Each may be the newest, so a
            wallet with one must not sign.

    Raises OSError if a record is damaged.
    """

    def __init__(self, journal: "Journal", period: "bytes | None" = None) -> None:
        self._journal = journal
        # Every packet writes one record. The buffer is made once.
        self._buffer = bytearray(size_of(PayerRecord.LAYOUT))
        self._record_size = record_size(len(PAYER_RECORD) + CHANNEL_ID_SIZE, len(self._buffer))
        # Of the channel stored last: its id, its journal key, and figures of its record.
        self._channel_id = self._journal_key = b""
        self._stored_number = 0
        self._stored_signed = self._stored_due = self._stored_mwh = 0
        self._stored_spent = 0
        self._number = 0
        self.spent = 0
        self.newest_id: bytes | None = None
        self.newest: PayerRecord | None = None
        self.unreadable: list[bytes] = []
        spent: dict[bytes, int] = {}
        for channel_id in self:
            try:
                record = self._read(channel_id)
            except UnreadableRecord:
                self.unreadable.append(channel_id)
                continue
            assert record is not None
            spent[record.period] = max(spent.get(record.period, 0), record.spent)
            if record.number >= self._number:
                self._number = record.number
                self.newest_id, self.newest = channel_id, record
        if period is None:
            period = self.newest.period if self.newest else bytes(PERIOD_SIZE)
        self.period = period
        # Each record holds the total at its own storing, so the largest one counts.
        self.spent = self._stored_spent = spent.get(period, 0)

    def __iter__(self) -> "Iterator[bytes]":
        """Iterate over the ids of all channels."""
        prefix = len(PAYER_RECORD)
        return iter([key[prefix:] for key in self._journal.keys() if key[:prefix] == PAYER_RECORD])

    def can_store(self) -> bool:
        """Return whether a packet's record, and one more, can be stored without an erase."""
        can_put: bool = self._journal.can_put(2 * self._record_size)
        return can_put

    def can_add(self) -> bool:
        """Return whether there is room for one more channel."""
        # The journal's last key is not for a channel: a fault must find room too.
        return len(list(self)) < VEHICLE_CHANNELS and self._journal.can_add(self._record_size)

    def load(self, channel_id: bytes) -> "PayerRecord | None":
        """Return the channel's record, or None for a channel that is new to this wallet.

        Raises WalletError for a record that is not the one stored last, UnreadableRecord for one
        of another version.
        """
        record = self._read(channel_id)
        if record is None:
            return None
        if channel_id == self._channel_id:
            if record.number != self._stored_number or self._shrinks(record):
                raise WalletError("the journal lost a record; restart the vehicle")
        if record.period == self.period and record.spent > self.spent:
            raise WalletError("the journal holds more spent than this wallet; restart the vehicle")
        return record

    def store(self, channel_id: bytes, record: PayerRecord) -> None:
        """Store `record`. It is safe when this returns.

        Raises WalletError for a record in which an amount or an energy shrank that never shrinks,
        OSError (JournalFull among them) when the journal cannot store it.
        """
        if channel_id != self._channel_id:
            self._select(channel_id)
        if not self._stored_number and not self.can_add():
            raise JournalFull("the wallet has no room for another channel")
        record.period = self.period
        self._put(PayerRecord.LAYOUT, record)
        self.newest_id = channel_id

    def store_in_place(self, old_id: bytes, channel_id: bytes, record: PayerRecord) -> None:
        """Store `record`, of a new channel, in the place of the channel `old_id`.

        The figures of the whole wallet are in the new record. Raises as `store` does.
        """
        self._select(channel_id)
        record.period = self.period
        self._put(PayerRecord.LAYOUT, record, PAYER_RECORD + old_id)
        self.newest_id = channel_id

    def holds(self, channel_id: bytes, record: PayerRecord) -> bool:
        """Return whether the journal holds all that `record` promises: money, energy, budget.

        The own meter's figures may be older there: its total tells from where to count anew.
        """
        return (
            channel_id == self._channel_id
            and record.signed == self._stored_signed
            and record.amount_due == self._stored_due
            and record.billed_mwh == self._stored_mwh
            and self.spent == self._stored_spent
        )

    def store_packet(self, channel_id: bytes, record: PayerRecord) -> None:
        """Store the figures of a packet in `record`, whose other fields are stored already.

        Raises as `store` does.
        """
        if channel_id != self._channel_id:
            self.store(channel_id, record)
        else:
            self._put(_OF_A_PACKET, record)

    def _put(
        self,
        layout: "tuple[tuple[str, int, int], ...]",
        record: PayerRecord,
        instead_of: "bytes | None" = None,
    ) -> None:
        if self.spent < self._stored_spent or self._shrinks(record):
            raise WalletError("signed, due, billed and spent amounts never shrink")
        record.spent = self.spent
        record.number = self._number + 1
        write_fields(layout, record, self._buffer, 0)
        put_again(self._journal, self._journal_key, self._buffer, instead_of)
        self._number = record.number
        self._stored_spent = record.spent
        self._note(record)

    def _select(self, channel_id: bytes) -> None:
        """Read the figures that the journal holds of the channel to be stored next."""
        record = self._read(channel_id)
        self._channel_id = channel_id
        self._journal_key = PAYER_RECORD + channel_id
        self._stored_number = self._stored_signed = self._stored_due = self._stored_mwh = 0
        if record is not None:
            self._note(record)

    def _note(self, record: PayerRecord) -> None:
        self._stored_number = record.number
        self._stored_signed = record.signed
        self._stored_due = record.amount_due - record.left_amount
        self._stored_mwh = record.billed_mwh

    def _shrinks(self, record: PayerRecord) -> bool:
        """Return whether a figure that never shrinks is less in `record` than in the journal."""
        return (
            record.signed < self._stored_signed
            or record.amount_due - record.left_amount < self._stored_due
            or record.billed_mwh < self._stored_mwh
        )

    def _read(self, channel_id: bytes) -> "PayerRecord | None":
        data = self._journal.get(PAYER_RECORD + channel_id)
        return None if data is None else read_own(PayerRecord, data)
