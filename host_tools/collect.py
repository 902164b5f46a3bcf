"""Collecting: reads the best claims out of the flash image of a stopped pole.

Reading changes nothing, so it can be repeated. After the ledger has paid, `mark_collected` writes
the ledger's word into the image. Then the pole knows what it need not be owed any more, and
nothing ever asks for an empty journal. `note_restored` marks an image that is an older copy.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from joulestream.channel import Certificate, genuine_reason
from joulestream.device.own_record import UnreadableRecord
from joulestream.device.payee_records import PayeeRecords
from joulestream.host_tools.flash_image import (
    BLOCK_SIZE,
    BLOCKS,
    FlashImage,
    FlashImageError,
    edited,
    open_journal,
    read_image,
)
from joulestream.host_tools.settlement import ChannelClaim
from joulestream.pole.restored import mark_restored


class NotMarked(FlashImageError):
    """Some channels are not marked; the others are. `channel_ids` names those that are not."""

    def __init__(self, why: str, channel_ids: set[bytes]) -> None:
        super().__init__(why)
        self.channel_ids = channel_ids


def collect(
    image_path: str | Path, blocks: int = BLOCKS, block_size: int = BLOCK_SIZE
) -> list[ChannelClaim]:
    """Return the best claim of each channel in a pole's flash image.

    Args:
        image_path: file with the raw flash of the pole, block after block.
        blocks: number of blocks in the flash.
        block_size: bytes in a block.

    Returns the claims in the order of their channel ids. A claim whose certificate cannot be read
    has no certificate, and says so in `error`. A claim whose record cannot be
    read says so too, and has no signature.

    Raises FlashImageError if the file is not the flash of a pole.
    """
    image = read_image(image_path, blocks, block_size)
    claims = list(_claims(_records(image, image_path)))
    if claims and not any(claim.signature for claim in claims):
        raise FlashImageError(
            f"{image_path} holds records that are not readable, or not a pole's; check the file, "
            "and use the version of Joulestream that the pole runs"
        )
    return claims


def mark_collected(
    image_path: str | Path,
    certificates: Sequence[Certificate],
    blocks: int = BLOCKS,
    block_size: int = BLOCK_SIZE,
) -> None:
    """Note in a stopped pole's flash image what the ledger has paid.

    Args:
        image_path: file with the raw flash of the pole.
        certificates: genuine ones of the pole's channels, which their ledgers gave after they had
            paid `claimed`.
        blocks: number of blocks in the flash.
        block_size: bytes in a block.

    Raises:
        NotMarked: some channels are not marked, but the others are.
        FlashImageError: the image cannot be read or written; it is as before then.
    """
    if not certificates:
        return
    faults: dict[bytes, str] = {}
    with edited(image_path, blocks, block_size) as image:
        records = _records(image, image_path)
        try:
            for certificate in certificates:
                fault = _mark_fault(records, certificate)
                if fault:
                    faults[certificate.channel_id] = fault
                    continue
                records.erase_ahead()
                records.collect(certificate)
        except OSError as error:
            raise FlashImageError(f"{image_path} takes no more records: {error}") from None
    if faults:
        first = next(iter(faults.values()))
        raise NotMarked(f"{len(faults)} of {len(certificates)} channels: {first}", set(faults))


def note_restored(
    image_path: str | Path, now_s: int, blocks: int = BLOCKS, block_size: int = BLOCK_SIZE
) -> None:
    """Note in an older copy of a pole's flash that it goes back into its pole now.

    The copy lacks the claims that the pole took since. A certificate from before `now_s` may hide
    that the ledger has paid them, so the pole takes none of those any more.

    Args:
        image_path: file with the raw flash of the pole.
        now_s: unix time.
        blocks: number of blocks in the flash.
        block_size: bytes in a block.

    Raises FlashImageError if the image cannot be read or written; it is as before then.
    """
    with edited(image_path, blocks, block_size) as image:
        journal = open_journal(image, image_path)
        try:
            journal.erase_ahead()
            mark_restored(journal, now_s)
        except OSError as error:
            raise FlashImageError(f"{image_path} takes no more records: {error}") from None


def _mark_fault(records: PayeeRecords, certificate: Certificate) -> str:
    """Return why the certificate cannot mark its channel, as a sentence; empty if it can."""
    name = certificate.channel_id.hex()
    if not records.is_readable(certificate.channel_id):
        return f"the pole's records of channel {name} are not readable"
    held = records.certificate(certificate.channel_id)
    if held is None:
        return f"the pole knows no channel {name}; check the certificate"
    if held.issuer_key != certificate.issuer_key or genuine_reason(certificate):
        return f"the certificate of channel {name} is not signed by the issuer of the channel"
    return ""


def _records(image: FlashImage, image_path: str | Path) -> PayeeRecords:
    """Return the records in an image. Raises FlashImageError, with `image_path` for its name."""
    return PayeeRecords(open_journal(image, image_path), len(image.data()))


def _claims(records: PayeeRecords) -> Iterator[ChannelClaim]:
    for channel_id in sorted(records):
        certificate: Certificate | None = None
        error = ""
        try:
            certificate = records.certificate(channel_id)
            if certificate is None:
                error = "the pole's flash holds no certificate of this channel"
        except UnreadableRecord as unreadable:
            error = f"the certificate in the pole's flash is of another version: {unreadable}"
        try:
            record = records.load(channel_id)
        except UnreadableRecord as unreadable:
            error = f"the claim in the pole's flash is of another version: {unreadable}"
            yield ChannelClaim(channel_id, certificate, 0, b"", error)
            continue
        yield ChannelClaim(
            channel_id,
            certificate,
            record.amount,
            record.signature,
            error,
            min(records.standing(channel_id).collected, record.amount) if certificate else 0,
        )
