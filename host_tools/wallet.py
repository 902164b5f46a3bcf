"""The records of a vehicle's wallet: the amounts that it paid, and the debts that it refused.

A vehicle refuses a debt that neither its own meter nor its trust covers, and stops with
CARRIED_DEBT. It keeps that debt, so that its owner can decide, once and for good:

- pay it: the vehicle takes the debt as due, and pays it at the next session, within its budget.
  What it took on the pole's word before counts as proven from now on, so its trust is whole again;
- leave it: the vehicle takes the debt as part of the pole's count, and never pays it. The pole
  goes on asking. It counts the debt as unpaid, so the debt takes a part of the pole's credit.

Either way the channel works again. docs/protocol.md, section 8.1, is normative.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joulestream.channel import Certificate
from joulestream.device.journal import Journal
from joulestream.device.payer_record import PayerRecord, PayerRecords
from joulestream.host_tools.certificate_files import read_certificate, write_certificate
from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.flash_image import (
    FlashImageError,
    edited,
    open_journal,
    read_image,
    readable,
)

# The fields that a table for people shows.
BRIEF = (
    "channel_id",
    "capacity_claim_units",
    "signed_claim_units",
    "due_claim_units",
    "unproven_claim_units",
    "left_claim_units",
    "refused_claim_units",
    "why",
)


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
    """Iterate over the channels of a stopped vehicle's journal, but those of another version."""
    records = PayerRecords(journal)
    for channel_id in records:
        if channel_id not in records.unreadable:
            yield Channel(channel_id, _known(records, channel_id), channel_id == records.newest_id)


def pay_refused(journal: Journal, channel_id: bytes) -> int:
    """Let the vehicle pay the debt that it refused, or took on trust; return the amount.

    Raises RefusedDebtError if there is none, OSError if the decision cannot be stored.
    """
    return _decide(journal, channel_id, is_left=False)


def leave_refused(journal: Journal, channel_id: bytes) -> int:
    """Let the vehicle go on without paying the debt that it refused; return the amount.

    Raises RefusedDebtError if it refused none, OSError if the decision cannot be stored.
    """
    return _decide(journal, channel_id, is_left=True)


def _decide(journal: Journal, channel_id: bytes, is_left: bool) -> int:
    records = PayerRecords(journal)
    if records.unreadable:
        # It may be the newest, so the amount that is spent is not known.
        records.load(records.unreadable[0])
    newest_id, newest = records.newest_id, records.newest
    record = _known(records, channel_id)
    amount = record.refused_amount
    if not is_left:
        amount += record.unproven_amount
    if not amount:
        raise RefusedDebtError(f"the vehicle refused no debt on channel {channel_id.hex()}")
    record.amount_due += record.refused_amount
    if is_left:
        record.left_amount += amount
    else:
        record.unproven_amount = 0
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


def show(
    image_path: Path, certificate_paths: Sequence[Path], blocks: int, block_size: int
) -> list[dict[str, Any]]:
    """Return the fields to show of each channel of a stopped vehicle, as `show_channels`.

    Args:
        image_path: file with the raw flash of the vehicle.
        certificate_paths: the vehicle's certificate files; some may be missing.
        blocks: number of blocks in the flash.
        block_size: bytes in a block.

    Raises CommandError if the image or a certificate cannot be read.
    """
    journal = open_journal(read_image(image_path, blocks, block_size), image_path)
    unreadable = set(PayerRecords(journal).unreadable)
    known = list(channels(journal))
    if unreadable and not known:
        raise FlashImageError(
            f"{image_path} holds records that are not readable, or not a vehicle's; check the "
            "file, and use the version of Joulestream that the vehicle runs"
        )
    return show_channels(known, unreadable, certificate_paths)


def show_channels(
    known: Sequence[Channel], unreadable: set[bytes], certificate_paths: Sequence[Path]
) -> list[dict[str, Any]]:
    """Return the fields to show of each channel, those that are only certified so far included.

    Args:
        known: the channels with readable records.
        unreadable: the ids of the others.
        certificate_paths: the vehicle's certificate files; some may be missing.

    Raises CommandError if a certificate cannot be read.
    """
    certificates: dict[bytes, Certificate] = {}
    for path in certificate_paths:
        if path.exists():
            found = read_certificate(path)
            older = certificates.get(found.channel_id)
            if older is None or found.issued_at_s > older.issued_at_s:
                certificates[found.channel_id] = found
    known_channels = {channel.channel_id: channel for channel in known}
    return [
        {
            **_fields(channel_id, known_channels.get(channel_id), certificates.get(channel_id)),
            "why": "the record is of another version" if channel_id in unreadable else "",
        }
        for channel_id in sorted(known_channels.keys() | certificates.keys() | unreadable)
    ]


def decide(
    image_path: Path, channel_id: bytes, is_left: bool, blocks: int, block_size: int
) -> int:
    """Pay or leave the debt that a stopped vehicle refused on a channel; return the amount.

    Raises CommandError if there is none, or the image cannot be read or written.
    """
    with edited(image_path, blocks, block_size) as image:
        journal = open_journal(image, image_path)
        action = leave_refused if is_left else pay_refused
        try:
            journal.erase_ahead()
            with readable(image_path, "vehicle"):
                return action(journal, channel_id)
        except OSError as error:
            raise FlashImageError(f"{image_path} takes no more records: {error}") from None


def take_certificate(new_path: Path, paths: Sequence[Path]) -> Path:
    """Give a vehicle a new certificate; return the file that holds it now.

    Args:
        new_path: the file with the certificate.
        paths: the vehicle's certificate files, as its configuration names them.

    Raises CommandError if it is no genuine certificate, is not newer than the one of its channel,
    or no file can take it.
    """
    new = read_certificate(new_path)
    free = None
    for path in paths:
        if not path.exists():
            free = free or path
            continue
        old = read_certificate(path)
        if old.channel_id != new.channel_id:
            continue
        if old.issued_at_s >= new.issued_at_s:
            raise CommandError(f"{path} holds a certificate that is as new; nothing was changed")
        free = path
        break
    if free is None:
        raise CommandError(
            f"no file can take {new_path}; add the name of a new one to 'certificates' in the "
            "vehicle's configuration, and name it with --certificate"
        )
    write_certificate(free, new)
    return free


def _fields(
    channel_id: bytes, channel: Channel | None, certificate: Certificate | None
) -> dict[str, Any]:
    record = channel.record if channel else None
    return {
        "channel_id": channel_id.hex(),
        "capacity_claim_units": certificate.capacity if certificate else None,
        "signed_claim_units": record.signed if record else 0,
        "due_claim_units": record.amount_due if record else 0,
        "prepaid_claim_units": channel.prepaid if channel else 0,
        "unproven_claim_units": record.unproven_amount if record else 0,
        "left_claim_units": record.left_amount if record else 0,
        "refused_claim_units": record.refused_amount if record else 0,
        "refused_energy_mwh": record.refused_mwh if record else 0,
        "expires_at_s": certificate.expires_at_s if certificate else None,
    }
