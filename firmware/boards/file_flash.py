"""NOR flash in a file, for boards that are computers, and for tools that read such a file."""

import os

from joulestream.compat import const
from joulestream.device.journal_format import ERASED_MARK, MAGIC, OLD_MAGIC

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.fields import Buffer

# Written again and again: a fragmented heap may have no room for a whole block.
_ERASED_PAGE = b"\xff" * 256
_ENOENT = const(2)
_ENOSPC = const(28)
# A new file has this ending until it is whole. The name is fixed, so that the remains of a start
# that was cut off are written over by the next.
_UNFINISHED = ".joulestream-new"


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
        _write(self._stream, present)

    def ioctl(self, operation: int, argument: int) -> int:
        """Count the blocks (4), tell the bytes of one (5) or erase block `argument` (6)."""
        if operation == 4:
            return self._blocks
        if operation == 5:
            return self._size
        if operation == 6:
            self._stream.seek(argument * self._size)
            _write_erased(self._stream, self._size)
        return 0


class FileFlash(StreamFlash):
    """A StreamFlash in the file at `path`. A file that is missing is made, erased: all or nothing.

    Raises ValueError when the file has another size or content that no journal wrote, or when
    `block_size` is no multiple of 256; OSError when the file cannot be opened or made.
    """

    def __init__(self, path: str, blocks: int, block_size: int) -> None:
        super().__init__(None, blocks, block_size)
        try:
            self._stream = open(path, "r+b", buffering=0)
        except OSError as error:
            # Any other fault is no reason to write over the file.
            if error.errno != _ENOENT:
                raise
            _make_erased(path, blocks * block_size)
            self._stream = open(path, "r+b", buffering=0)
        size = self._stream.seek(0, 2)
        if size != blocks * block_size:
            raise ValueError(
                "%s has %d bytes, not %d blocks of %d; correct 'storage_blocks' and "
                "'storage_block_size', or name another file" % (path, size, blocks, block_size)
            )
        if not self._is_journal():
            # A mount would erase it.
            raise ValueError("%s holds no journal; name another file, or move it away" % path)

    def _is_journal(self) -> bool:
        """Return whether a block has a journal's mark, or the flash is new."""
        mark = bytearray(len(MAGIC))
        for block in range(self._blocks):
            self.readblocks(block, mark)
            if mark in (MAGIC, OLD_MAGIC, ERASED_MARK):
                return True
        page = bytearray(len(_ERASED_PAGE))
        for block in range(self._blocks):
            for offset in range(0, self._size, len(page)):
                self.readblocks(block, page, offset)
                if page != _ERASED_PAGE:
                    return False
        return True


def _write(stream: "Any", data: "Buffer") -> None:
    """Write `data`. Raises OSError when not all of it was written, as a full disk may do."""
    if stream.write(data) != len(data):
        raise OSError(_ENOSPC)


def _write_erased(stream: "Any", size: int) -> None:
    for _ in range(0, size, len(_ERASED_PAGE)):
        _write(stream, _ERASED_PAGE)


def _make_erased(path: str, size: int) -> None:
    """Make a file of `size` erased bytes, which gets its name when it is whole and on the disk.

    Raises OSError; then there is no such file.
    """
    unfinished = path + _UNFINISHED
    try:
        with open(unfinished, "wb") as file:
            _write_erased(file, size)
            # On MicroPython this alone puts the bytes on the disk.
            file.flush()
            if hasattr(os, "fsync"):
                os.fsync(file.fileno())
        os.rename(unfinished, path)
    except OSError:
        try:
            os.remove(unfinished)
        except OSError:
            pass
        raise
