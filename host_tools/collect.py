"""Collecting: reads the best claims out of the flash image of a stopped pole.

Reading changes nothing, so it can be repeated. After the ledger has paid, `mark_collected` writes
the ledger's word into the image. Then the pole knows what it need not be owed any more, and
nothing ever asks for an empty journal. `note_restored` marks an image that is an older copy.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from joulestream.channel import Certificate, genuine_reason
from joulestream.device.payee_records import PayeeRecords
from joulestream.errors import MalformedError
from joulestream.host_tools.flash_image import (
    BLOCK_SIZE,
    BLOCKS,
    FlashImage,
    FlashImageError,
    edited,
    open_journal,
    read_image,
    readable,
)
from joulestream.host_tools.settlement import ChannelClaim
from joulestream.pole.clock import mark_restored


def collect(
    image_path: str | Path, blocks: int = BLOCKS, block_size: int = BLOCK_SIZE
) -> list[ChannelClaim]:
    """Return the best claim of each channel in a pole's flash image.

    Args:
        image_path: file with the raw flash of the pole, block after block.
        blocks: number of blocks in the flash.
        block_size: bytes in a block.

    Returns the claims in the order of their channel ids. A claim whose certificate cannot be read
    has no certificate, and says so in `error`.

    Raises FlashImageError if the file is not the flash of a pole.
    """
    image = read_image(image_path, blocks, block_size)
    return list(_claims(_records(image, image_path)))


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

    Raises FlashImageError if the image cannot be read or written; it is as before then.
    """
    if not certificates:
        return
    with edited(image_path, blocks, block_size) as image:
        records = _records(image, image_path)
        try:
            for certificate in certificates:
                _check_mark(records, certificate)
                records.erase_ahead()
                records.collect(certificate)
        except OSError as error:
            raise FlashImageError(f"{image_path} takes no more records: {error}") from None
        except MalformedError as error:
            raise FlashImageError(f"{image_path} holds a broken certificate: {error}") from None


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
            with readable(image_path, "pole"):
                PayeeRecords(journal, len(image.data()))
                journal.erase_ahead()
                mark_restored(journal, now_s)
        except OSError as error:
            raise FlashImageError(f"{image_path} takes no more records: {error}") from None


def _check_mark(records: PayeeRecords, certificate: Certificate) -> None:
    """Raise FlashImageError unless the certificate is of a channel here and of its issuer."""
    name = certificate.channel_id.hex()
    held = records.certificate(certificate.channel_id)
    if held is None:
        raise FlashImageError(f"the pole knows no channel {name}; check the certificate")
    if held.issuer_key != certificate.issuer_key or genuine_reason(certificate):
        raise FlashImageError(
            f"the certificate of channel {name} is not signed by the issuer of the channel"
        )


def _records(image: FlashImage, image_path: str | Path) -> PayeeRecords:
    """Return the records in an image. Raises FlashImageError, with `image_path` for its name."""
    journal = open_journal(image, image_path)
    with readable(image_path, "pole"):
        return PayeeRecords(journal, len(image.data()))


def _claims(records: PayeeRecords) -> Iterator[ChannelClaim]:
    for channel_id in sorted(records):
        record = records.load(channel_id)
        certificate: Certificate | None = None
        error = ""
        try:
            certificate = records.certificate(channel_id)
            if certificate is None:
                error = "the pole's flash holds no certificate of this channel"
        except MalformedError as malformed:
            error = f"the certificate in the pole's flash is not readable: {malformed}"
        yield ChannelClaim(
            channel_id,
            certificate,
            record.amount,
            record.signature,
            error,
            min(records.standing(channel_id).collected, record.amount) if certificate else 0,
        )
