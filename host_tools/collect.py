"""Collecting: reads the best claims out of the flash image of a stopped pole.

The image file is only read. Collecting removes nothing from the pole, so it can be repeated.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from joulestream.channel import Certificate
from joulestream.device.journal import Journal, JournalFull
from joulestream.device.payee_records import PayeeRecords
from joulestream.errors import MalformedError
from joulestream.host_tools.flash_image import FlashImage, FlashImageError
from joulestream.host_tools.settlement import ChannelClaim

# Defaults of storage_blocks and storage_block_size in the configuration of a board.
BLOCKS = 64
BLOCK_SIZE = 4096
# A journal with fewer blocks has no room for its copies. The others are those of a configuration.
_FEWEST_BLOCKS = 6
_MOST_BLOCKS = 4096
_LARGEST_BLOCK = 65536


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
    records = _read_records(image_path, blocks, block_size)
    return list(_claims(records))


def _read_records(image_path: str | Path, blocks: int, block_size: int) -> PayeeRecords:
    if not (_FEWEST_BLOCKS <= blocks <= _MOST_BLOCKS and 1 <= block_size <= _LARGEST_BLOCK):
        raise FlashImageError(
            f"a pole's flash has {_FEWEST_BLOCKS} blocks or more, {_MOST_BLOCKS} at most, of up "
            f"to {_LARGEST_BLOCK} bytes; correct the numbers"
        )
    image = FlashImage.read(image_path, blocks, block_size)
    blank = image.is_erased()
    try:
        journal = Journal(image, os.urandom)
        records = PayeeRecords(journal, blocks * block_size)
    except MalformedError as error:
        raise FlashImageError(
            f"{image_path} holds a record that is not readable ({error}); "
            "use the version of Joulestream that the pole runs"
        ) from None
    except JournalFull as error:
        raise FlashImageError(
            f"{image_path} was not written by a pole: {error}; check the file"
        ) from None
    except ValueError as error:
        raise FlashImageError(
            f"{image_path} cannot be read in blocks of {block_size} bytes: {error}; give the size "
            "that the pole is configured with"
        ) from None
    if not journal.keys() and not blank:
        raise FlashImageError(
            f"{image_path} holds no journal; check the file and the size of its blocks"
        )
    return records


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
        yield ChannelClaim(channel_id, certificate, record.amount, record.signature, error)
