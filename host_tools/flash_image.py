"""A pole's flash in a file, read into memory. Nothing is written to the file."""

from io import BytesIO
from pathlib import Path

from joulestream.boards.file_flash import StreamFlash
from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.files import FileError, read_file

_ERASED = b"\xff"


class FlashImageError(CommandError):
    """A file is no flash image: one sentence that says why, and how to mend it."""


class FlashImage(StreamFlash):
    """A copy in memory of the flash in a file: a block device that the journal can mount.

    Args:
        data: the raw image, block after block; copied.
        block_size: bytes in a block.

    Raises ValueError when `block_size` is no multiple of 256.
    """

    def __init__(self, data: bytes, block_size: int) -> None:
        self._image = BytesIO(data)
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
                "the pole is configured with"
            )
        try:
            return cls(data, block_size)
        except ValueError as error:
            raise FlashImageError(f"{path} cannot be read: {error}") from None

    def is_erased(self) -> bool:
        """Return whether nothing is stored in it at all."""
        data = self._image.getvalue()
        return data.count(_ERASED) == len(data)
