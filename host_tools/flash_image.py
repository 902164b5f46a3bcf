"""A pole's flash as a file, read into memory: nothing is ever written to the file."""

from pathlib import Path

from joulestream.host_tools.errors import CommandError

_ERASED = b"\xff"


class FlashImageError(CommandError):
    """A file that is no flash image; one sentence that says why and what to do."""


class FlashImage:
    """A NOR flash in memory: erasing sets a block to ones, programming clears bits.

    It is the block device that joulestream.journal asks for.

    Args:
        data: the raw image, block after block; copied.
        block_size: bytes in a block.
    """

    def __init__(self, data: bytes, block_size: int) -> None:
        self._data = bytearray(data)
        self._size = block_size

    @classmethod
    def read(cls, path: str | Path, blocks: int, block_size: int) -> "FlashImage":
        """Return a copy of the image in a file.

        Args:
            path: the file.
            blocks: how many blocks the flash has.
            block_size: bytes in a block.

        Raises FlashImageError when it cannot be read or has another size.
        """
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise FlashImageError(f"flash image {path} cannot be read: {error.strerror}") from None
        if len(data) != blocks * block_size:
            raise FlashImageError(
                f"{path} has {len(data)} bytes, not {blocks} blocks of {block_size}; "
                "give the numbers of blocks and bytes that the pole is configured with"
            )
        return cls(data, block_size)

    def is_erased(self) -> bool:
        """Return whether nothing is stored in it at all."""
        return self._data == _ERASED * len(self._data)

    def readblocks(self, block: int, buffer: bytearray | memoryview, offset: int = 0) -> None:
        """Fill `buffer` from `offset` in `block` on."""
        start = block * self._size + offset
        buffer[:] = self._data[start : start + len(buffer)]

    def writeblocks(
        self, block: int, buffer: bytes | bytearray | memoryview, offset: int = 0
    ) -> None:
        """Program `buffer` from `offset` in `block` on: bits only go from 1 to 0."""
        start = block * self._size + offset
        for at, byte in enumerate(buffer, start):
            self._data[at] &= byte

    def ioctl(self, operation: int, argument: int) -> int:
        """Count blocks (4), give their size (5), erase one (6)."""
        if operation == 4:
            return len(self._data) // self._size
        if operation == 5:
            return self._size
        if operation == 6:
            start = argument * self._size
            self._data[start : start + self._size] = _ERASED * self._size
        return 0
