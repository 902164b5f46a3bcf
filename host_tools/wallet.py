"""The records of a stopped vehicle's wallet: what it paid, and the debts that it refused.

A vehicle refuses a debt that neither its own meter nor its trust covers, and stops with
CARRIED_DEBT. It keeps that debt, so that its owner can decide, once and for good:

- pay it: the vehicle takes the debt as due, and pays it at the next session, within its budget;
- leave it: the vehicle takes the debt as part of the pole's count, and never pays it. The pole
  goes on asking. It counts the debt as unpaid, so the debt takes a part of the pole's credit.

Either way the channel works again. docs/protocol.md, section 8.1, is normative.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from joulestream.device.journal import Journal
from joulestream.device.payer_record import PayerRecord, PayerRecords
from joulestream.host_tools.errors import CommandError


class RefusedDebtError(CommandError):
    """There is no refused debt to decide on."""


@dataclass(frozen=True)
class Channel:
    """The figures of one channel. Money is in claim units, energy in mWh.

    Attributes:
        channel_id: the channel.
        record: the stored figures (device/payer_record.py).
        is_newest: whether the record was stored last, so that `spent` is the wallet's.
        prepaid: the amount that was signed ahead; below 0 it is owed.
    """

    channel_id: bytes
    record: PayerRecord
    is_newest: bool

    @property
    def prepaid(self) -> int:
        return self.record.signed - (self.record.amount_due - self.record.left_amount)


def channels(journal: Journal) -> Iterator[Channel]:
    """Iterate over all channels of a stopped vehicle's journal."""
    records = PayerRecords(journal)
    for channel_id in records:
        yield Channel(channel_id, _known(records, channel_id), channel_id == records.newest_id)


def pay_refused(journal: Journal, channel_id: bytes) -> int:
    """Let the vehicle pay the debt that it refused on a channel; return the amount.

    Raises RefusedDebtError if it refused none, OSError if the decision cannot be stored.
    """
    return _decide(journal, channel_id, is_left=False)


def leave_refused(journal: Journal, channel_id: bytes) -> int:
    """Let the vehicle go on without paying the debt that it refused; return the amount.

    Raises RefusedDebtError if it refused none, OSError if the decision cannot be stored.
    """
    return _decide(journal, channel_id, is_left=True)


def _decide(journal: Journal, channel_id: bytes, is_left: bool) -> int:
    records = PayerRecords(journal)
    newest_id, newest = records.newest_id, records.newest
    record = _known(records, channel_id)
    amount = record.refused_amount
    if not amount:
        raise RefusedDebtError(f"the vehicle refused no debt on channel {channel_id.hex()}")
    record.amount_due += amount
    if is_left:
        record.left_amount += amount
    record.refused_amount = record.refused_mwh = 0
    records.store(channel_id, record)
    if newest_id is not None and newest is not None and newest_id != channel_id:
        # The newest record tells which channel owns the energy of the vehicle's meter.
        records.store(newest_id, newest)
    return amount


def _known(records: PayerRecords, channel_id: bytes) -> PayerRecord:
    record = records.load(channel_id)
    if record is None:
        raise RefusedDebtError(f"the wallet knows no channel {channel_id.hex()}")
    return record
