"""A device's flash in a file, read into memory, and written back whole where it is changed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Annotated

import typer

from joulestream.boards.file_flash import StreamFlash
from joulestream.device.journal import Journal, JournalFull
from joulestream.device.own_record import UnreadableRecord
from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.files import FileError, read_file, write_whole
from joulestream.host_tools.storage_lock import StorageLock

_ERASED = b"\xff"
# Defaults of storage_blocks and storage_block_size in the configuration of a board.
BLOCKS = 64
BLOCK_SIZE = 4096
# A journal with fewer blocks has no room for its copies. The others are those of a configuration.
_FEWEST_BLOCKS = 6
_MOST_BLOCKS = 4096
_LARGEST_BLOCK = 65536

BlocksOption = Annotated[int, typer.Option("--blocks", help="Number of blocks in the flash.")]
BlockSizeOption = Annotated[int, typer.Option("--block-size", help="Bytes in a block.")]


class FlashImageError(CommandError):
    """A file is no flash image: one sentence that says why, and how to mend it."""


class FlashImage(StreamFlash):
    """A copy in memory of the flash in a file: a block device that the journal can mount.

    Args:
        data: the raw image, block after block; copied.
        block_size: bytes in a block.

    Attributes:
        block_size: the same.

    Raises ValueError when `block_size` is no multiple of 256.
    """

    def __init__(self, data: bytes, block_size: int) -> None:
        self._image = BytesIO(data)
        self.block_size = block_size
        super().__init__(self._image, len(data) // block_size, block_size)

    @classmethod
    def read(cls, path: str | Path, blocks: int, block_size: int) -> "FlashImage":
        """Return a copy of the image in a file.

        Args:
            path: the file.
            blocks: how many blocks the flash has.
            block_size: bytes in a block.

        Raises FlashImageError when it cannot be read or has another size.
        """
        size = blocks * block_size
        try:
            # A larger file is not read: one byte more is enough to know.
            data = read_file(path, size + 1, cut=True)
        except FileError as error:
            raise FlashImageError(f"flash image {error}") from None
        if len(data) != size:
            raise FlashImageError(
                f"{path} has {'more' if len(data) > size else 'fewer'} than {size} bytes, which "
                f"are {blocks} blocks of {block_size}; give the numbers of blocks and bytes that "
                "the device is configured with"
            )
        try:
            return cls(data, block_size)
        except ValueError as error:
            raise FlashImageError(f"{path} cannot be read: {error}") from None

    def data(self) -> bytes:
        """Return the raw image as it is now."""
        return self._image.getvalue()

    def is_erased(self) -> bool:
        """Return whether nothing is stored in it at all."""
        data = self.data()
        return data.count(_ERASED) == len(data)


def read_image(path: str | Path, blocks: int, block_size: int) -> FlashImage:
    """Return a copy of a device's image, as `FlashImage.read`; the numbers are checked too."""
    if not (_FEWEST_BLOCKS <= blocks <= _MOST_BLOCKS and 1 <= block_size <= _LARGEST_BLOCK):
        raise FlashImageError(
            f"a flash has {_FEWEST_BLOCKS} blocks or more, {_MOST_BLOCKS} at most, of up to "
            f"{_LARGEST_BLOCK} bytes; correct the numbers"
        )
    return FlashImage.read(path, blocks, block_size)


@contextmanager
def edited(path: str | Path, blocks: int, block_size: int) -> Iterator[FlashImage]:
    """Give the image of a stopped device, to be changed; write it back when the block is left.

    The file is replaced whole, and only if the block raises nothing. Arguments are those of
    `FlashImage.read`.

    Raises FlashImageError when the file cannot be read or written, or a program uses it;
    StorageInUse when another process holds its lock.
    """
    real = Path(os.path.realpath(path))
    with StorageLock(real.parent, real.name):
        image = read_image(real, blocks, block_size)
        before = image.data()
        yield image
        if image.data() == before:
            return
        # A firmware that was started without the host tools holds no lock.
        if _is_open(real):
            raise FlashImageError(f"{path} is in use; stop the device, then repeat the command")
        if FlashImage.read(real, blocks, block_size).data() != before:
            raise FlashImageError(
                f"{path} changed meanwhile; stop the device, then repeat the command"
            )
        try:
            # A device that runs as a user of its own must still be able to open its flash.
            write_whole(real, image.data(), like=real.stat())
        except OSError as error:
            raise FlashImageError(f"{path} cannot be written: {error.strerror}") from None


def open_journal(image: FlashImage, name: str | Path) -> Journal:
    """Return the journal in a device's image.

    Raises FlashImageError if there is none, with `name` for the image.
    """
    blank = image.is_erased()
    try:
        # A host adds no keys. The journal keeps the number of keys that its device gave it.
        journal = Journal(image, os.urandom, 1)
    except JournalFull as error:
        raise FlashImageError(f"{name} holds no sound journal: {error}; check the file") from None
    except ValueError as error:
        raise FlashImageError(
            f"{name} cannot be read in blocks of {image.block_size} bytes: {error}; give the size "
            "that the device is configured with"
        ) from None
    if not journal.keys() and not blank:
        raise FlashImageError(f"{name} holds no journal; check the file and its block size")
    return journal


@contextmanager
def readable(name: str | Path, device: str) -> Iterator[None]:
    """Raise FlashImageError if a record that is read inside the block is of another version.

    Args:
        name: the image's file.
        device: "pole" or "vehicle".
    """
    try:
        yield
    except UnreadableRecord as error:
        raise FlashImageError(
            f"{name} holds a record that is not readable, or not a {device}'s ({error}); check "
            f"the file, and use the version of Joulestream that the {device} runs"
        ) from None


def _is_open(path: Path) -> bool:
    """Return whether a process has the file open, as far as this system and user can tell."""
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(descriptor) == str(path):
                return True
        except OSError:  # the process ended, or is another user's
            continue
    return False
