"""NOR flash in a file, for boards that are computers, and for tools that read such a file."""

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.fields import Buffer

# Written again and again: a fragmented heap may have no room for a whole block.
_ERASED_PAGE = b"\xff" * 256


class StreamFlash:
    """A block device in an open stream, of `blocks` blocks of `block_size` bytes each.

    An erase sets a block to ones, programming clears bits. `stream` can be read, written and
    sought in bytes; it has the size of the flash. Raises ValueError when `block_size` is no
    multiple of 256.
    """

    def __init__(self, stream: "Any", blocks: int, block_size: int) -> None:
        if block_size % len(_ERASED_PAGE):
            raise ValueError("blocks of %d bytes are no multiple of 256" % block_size)
        self._stream = stream
        self._blocks = blocks
        self._size = block_size

    def readblocks(self, block: int, buffer: "bytearray | memoryview", offset: int = 0) -> None:
        """Fill `buffer` with the bytes of `block` from `offset` on."""
        self._stream.seek(block * self._size + offset)
        self._stream.readinto(buffer)

    def writeblocks(self, block: int, buffer: "Buffer", offset: int = 0) -> None:
        """Program `buffer` into `block` from `offset` on: bits only go from 1 to 0."""
        present = bytearray(len(buffer))
        self.readblocks(block, present, offset)
        for at, byte in enumerate(buffer):
            present[at] &= byte
        self._stream.seek(block * self._size + offset)
        self._stream.write(present)

    def ioctl(self, operation: int, argument: int) -> int:
        """Count the blocks (4), tell the bytes of one (5) or erase block `argument` (6)."""
        if operation == 4:
            return self._blocks
        if operation == 5:
            return self._size
        if operation == 6:
            self._stream.seek(argument * self._size)
            for _ in range(0, self._size, len(_ERASED_PAGE)):
                self._stream.write(_ERASED_PAGE)
        return 0


class FileFlash(StreamFlash):
    """A StreamFlash in the file at `path`. A file that is missing is made, erased.

    Raises ValueError when the file has another size or `block_size` is no multiple of 256.
    """

    def __init__(self, path: str, blocks: int, block_size: int) -> None:
        super().__init__(None, blocks, block_size)
        try:
            self._stream = open(path, "r+b", buffering=0)
        except OSError:
            with open(path, "wb") as file:
                for _ in range(0, blocks * block_size, len(_ERASED_PAGE)):
                    file.write(_ERASED_PAGE)
            self._stream = open(path, "r+b", buffering=0)
        if self._stream.seek(0, 2) != blocks * block_size:
            raise ValueError("%s is not a flash of %d blocks" % (path, blocks))
