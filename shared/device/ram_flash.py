"""NOR flash in memory, for boards without another storage, and for tests."""

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.fields import Buffer

_ERASED = b"\xff"


class RamFlash:
    """NOR flash in memory without faults, small enough for a board.

    Args:
        blocks: the number of blocks.
        size: the bytes of a block.

    Attributes:
        blocks, size: the same.
        data: the content of each block, as it reads now.
    """

    def __init__(self, blocks: int = 8, size: int = 2048) -> None:
        self.blocks = blocks
        self.size = size
        self.data = [bytearray(_ERASED * size) for _ in range(blocks)]

    def readblocks(self, block: int, buffer: "bytearray | memoryview", offset: int = 0) -> None:
        """Fill `buffer` with the bytes of `block` from `offset` on."""
        buffer[:] = memoryview(self.data[block])[offset : offset + len(buffer)]

    def writeblocks(self, block: int, buffer: "Buffer", offset: int = 0) -> None:
        """Program `buffer` into `block` from `offset` on: bits only go from 1 to 0."""
        data = self.data[block]
        for at in range(len(buffer)):
            data[offset + at] &= buffer[at]

    def ioctl(self, operation: int, argument: int) -> int:
        """Count the blocks (4), tell the bytes of one (5) or erase block `argument` (6)."""
        if operation == 4:
            return self.blocks
        if operation == 5:
            return self.size
        if operation == 6:
            self.data[argument][:] = _ERASED * self.size
        return 0

    def copy(self) -> "RamFlash":
        """Return a flash with the same content now. Changes of one do not change the other."""
        other = RamFlash(self.blocks, self.size)
        for block in range(self.blocks):
            other.data[block][:] = self.data[block]
        return other
