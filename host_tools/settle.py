"""Settling: the best claims in a pole's flash, paid on the ledger."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joulestream.channel import KIND_SQL, Certificate
from joulestream.device.journal import Journal, JournalFull
from joulestream.device.payee_records import PayeeRecords
from joulestream.errors import MalformedError
from joulestream.host_tools.flash_image import FlashImage, FlashImageError
from joulestream.host_tools.ledger import Ledger, LedgerError

BLOCKS = 64
BLOCK_SIZE = 4096
_FEWEST_BLOCKS = 6

PAID = "paid"
NOTHING_NEW = "nothing new"
OTHER_LEDGER = "other ledger"
REFUSED = "refused"


@dataclass(frozen=True)
class Settlement:
    """What became of one channel's best claim.

    Attributes:
        channel_id: 32 bytes.
        outcome: PAID, NOTHING_NEW (the ledger had paid as much before, or nothing was claimed),
            OTHER_LEDGER (the certificate names one to settle on), or REFUSED.
        claimed: the total that the claim is for, in claim units.
        paid_now: what the ledger paid now, in claim units.
        paid_now_base_units: the same in base units.
        why: for REFUSED and OTHER_LEDGER, what to know; otherwise empty.
    """

    channel_id: bytes
    outcome: str
    claimed: int
    paid_now: int = 0
    paid_now_base_units: int = 0
    why: str = ""

    def fields(self) -> dict[str, Any]:
        """Return what to show of it."""
        return {
            "channel_id": self.channel_id.hex(),
            "outcome": self.outcome,
            "claimed_claim_units": self.claimed,
            "paid_now_claim_units": self.paid_now,
            "paid_now_base_units": self.paid_now_base_units,
            "why": self.why,
        }


def settle(
    journal_path: str | Path,
    ledger: Ledger,
    now_s: int,
    blocks: int = BLOCKS,
    block_size: int = BLOCK_SIZE,
) -> list[Settlement]:
    """Claim every channel's best claim in a pole's flash image; to repeat it pays nothing more.

    The claim alone decides: a pole's certificate only tells where its channel lives.

    Args:
        journal_path: file with the pole's flash, which is only read.
        ledger: where to claim.
        now_s: unix time of the claims.
        blocks: how many blocks the flash has.
        block_size: bytes in a block.

    Returns what became of each channel, in the order of their ids.

    Raises FlashImageError for a file that is no pole's flash.
    """
    records = read_records(journal_path, blocks, block_size)
    return [_settle(records, channel_id, ledger, now_s) for channel_id in sorted(records)]


def read_records(journal_path: str | Path, blocks: int, block_size: int) -> PayeeRecords:
    """Return the payee records in a pole's flash image. Raises FlashImageError when it is none."""
    if blocks < _FEWEST_BLOCKS or block_size < 1:
        raise FlashImageError(f"a pole's flash has {_FEWEST_BLOCKS} blocks or more; correct it")
    image = FlashImage.read(journal_path, blocks, block_size)
    blank = image.is_erased()
    try:
        journal = Journal(image)
        records = PayeeRecords(journal, blocks * block_size)
    except MalformedError as error:
        raise FlashImageError(
            f"{journal_path} holds a record that is not readable ({error}); "
            "use the version of Joulestream that the pole runs"
        ) from None
    except JournalFull as error:
        raise FlashImageError(
            f"{journal_path} was not written by a pole: {error}; check the file"
        ) from None
    if not journal.keys() and not blank:
        raise FlashImageError(
            f"{journal_path} holds no journal; check the file and the size of its blocks"
        )
    return records


def _settle(records: PayeeRecords, channel_id: bytes, ledger: Ledger, now_s: int) -> Settlement:
    record = records.load(channel_id)
    if record.amount == 0:
        return Settlement(channel_id, NOTHING_NEW, 0)
    try:
        payment = ledger.claim(channel_id, record.amount, record.signature, now_s)
    except LedgerError as error:
        outcome, why = REFUSED, str(error)
        certificate = _certificate(records, channel_id)
        if certificate is not None and not _is_on(certificate, ledger):
            outcome = OTHER_LEDGER
            why = f"kind {certificate.kind}, number {certificate.chain_id}"
        return Settlement(channel_id, outcome, record.amount, why=why)
    return Settlement(
        channel_id,
        PAID if payment.paid_now else NOTHING_NEW,
        record.amount,
        payment.paid_now,
        payment.paid_now_base_units,
    )


def _certificate(records: PayeeRecords, channel_id: bytes) -> Certificate | None:
    try:
        return records.certificate(channel_id)
    except MalformedError:
        return None


def _is_on(certificate: Certificate, ledger: Ledger) -> bool:
    place = (certificate.kind, certificate.chain_id, certificate.contract)
    return place == (KIND_SQL, ledger.number, ledger.key)
