"""The ring of blocks that a journal writes to: which is erased, which is open, which is next.

    block       0        1        2        3        4        5        6        7
             +--------+--------+--------+--------+--------+--------+--------+--------+
    state    | erased | erased | DIRTY  |   5    |   6    |   7    |   8    | erased |
             +--------+--------+--------+--------+--------+--------+--------+--------+
                                 to be    oldest                     open     opened
                                 erased                                       next

The number of a block in use is its sequence: blocks are opened in the order of the ring, so all
blocks wear alike. Nothing is changed in place, and nothing is built on an operation that a power
cut may have left half done:

- An erase ends with the mark "ERSD". A block without the mark is erased (again) before it is used.
- A block is opened by its pointers, then its head. It counts as soon as it holds a record.
- Before a block is erased its mark and its head are set to zeros: an erase that is cut may leave
  a good head and half of the records.
"""

from binascii import crc32
from struct import unpack_from

from joulestream.compat import const
from joulestream.device.journal_format import (
    ERASED_MARK,
    HEAD_AT,
    HEAD_SIZE,
    KEY_AT,
    MAX_RECORD,
    OVERHEAD,
    POINTERS_AT,
    has_good_crc,
    is_good_head,
    make_head,
)

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Protocol

    from joulestream.fields import Buffer

    class BlockDevice(Protocol):
        """MicroPython's extended block protocol, as a flash driver offers it.

        Each method may raise OSError, and `writeblocks` only programs: it never erases.
        """

        def readblocks(self, block: int, buffer: bytearray | memoryview, offset: int) -> object:
            """Fill `buffer` from `offset` in `block` on."""

        def writeblocks(self, block: int, buffer: Buffer, offset: int) -> object:
            """Program `buffer` from `offset` in `block` on: bits only go from 1 to 0."""

        def ioctl(self, operation: int, argument: int) -> int | None:
            """Count blocks (4), give the size of a block (5), erase one (6)."""


# States of a block; a positive state is the sequence of a block in use.
ERASED = const(0)
DIRTY = const(-1)
BAD = const(-2)

_COUNT_BLOCKS = const(4)
_BLOCK_SIZE = const(5)
_ERASE = const(6)


class JournalFull(OSError):
    """A journal has no room for another record: too much is kept, or too little was erased."""


class BlockRing:
    """The blocks of `device`, and one buffer for the record that is read or written.

    `states` has one number a block: ERASED, DIRTY, BAD, or the sequence of a block in use.
    `open_block` takes the next record. `newest` is the highest sequence given so far.
    """

    def __init__(self, device: "BlockDevice") -> None:
        self.device = device
        self.count = device.ioctl(_COUNT_BLOCKS, 0) or 0
        self.size = device.ioctl(_BLOCK_SIZE, 0) or 0
        self.states = [ERASED] * self.count
        self.open_block = 0
        self.newest = 0
        # One buffer for every record: a heap that fragments may have no room for another.
        self.record = bytearray(MAX_RECORD)
        self.view = memoryview(self.record)

    def read_states(self) -> None:
        """Read the state of every block from its head."""
        for block in range(self.count):
            self.states[block] = self._read_state(block)
        self.newest = max(max(self.states), 0)

    def newest_block(self) -> "int | None":
        """Return the block that was opened last, or None if no block is in use."""
        newest = max(self.states)
        return self.states.index(newest) if newest > 0 else None

    def oldest_block(self) -> "int | None":
        """Return the block that was opened first, other than the open one, or None."""
        oldest = None
        for block in range(self.count):
            if self.states[block] > 0 and block != self.open_block:
                if oldest is None or self.states[block] < self.states[oldest]:
                    oldest = block
        return oldest

    def open_next(
        self, pointers: memoryview, count: int, records_at: int, first_record: int
    ) -> None:
        """Open the next erased block of the ring: write its pointers, then its head.

        Args:
            pointers: the bytes of the pointers.
            count: how many pointers they are.
            records_at: the offset of the block's first record.
            first_record: the sequence of that record.

        Raises JournalFull if no block is erased, or the device's OSError; the block is DIRTY
        then.
        """
        states = self.states
        if ERASED not in states:
            raise JournalFull("no erased block is left in the journal")
        block = (self.open_block + 1) % self.count
        while states[block] != ERASED:
            block = (block + 1) % self.count
        states[block] = DIRTY  # should a write fail
        if pointers:
            self.device.writeblocks(block, pointers, POINTERS_AT)
        head = make_head(self.newest + 1, first_record, records_at, count, crc32(pointers))
        self.newest += 1
        self.device.writeblocks(block, head, HEAD_AT)
        states[block] = self.newest
        self.open_block = block

    def erase(self, block: int) -> None:
        """Erase a block; set it aside as BAD if the device fails."""
        self.states[block] = BAD
        try:
            # An erase of zeros that is cut leaves zeros and ones, in any mixture: nothing valid.
            self.unmark(block)
            self.device.ioctl(_ERASE, block)
            self.device.writeblocks(block, ERASED_MARK, 0)
        except OSError:
            return
        self.states[block] = ERASED

    def unmark(self, block: int) -> None:
        """Take a block out of use on the flash itself: zeros over its mark, then over its head.

        The mark goes first. A block with the mark and no head would pass for a block of which the
        head alone is damaged.
        """
        self.device.writeblocks(block, bytes(HEAD_AT), 0)
        self.device.writeblocks(block, bytes(HEAD_SIZE), HEAD_AT)

    def is_marked(self, block: int) -> bool:
        """Return whether the block bears the mark of a complete erase."""
        mark = bytearray(len(ERASED_MARK))
        self.device.readblocks(block, mark, 0)
        return mark == ERASED_MARK

    def is_erased_from(self, block: int, offset: int) -> bool:
        """Return whether `block` reads as erased from `offset` on. Overwrites the buffer."""
        chunk = self.record
        while offset < self.size:
            size = min(MAX_RECORD, self.size - offset)
            self.device.readblocks(block, self.view[:size], offset)
            if chunk.count(b"\xff", 0, size) != size:
                return False
            offset += size
        return True

    def read_record(self, block: int, offset: int) -> "tuple[int, int]":
        """Read the record at `offset` of `block` into the buffer.

        Returns its sequence, 0 if the record is not good, and its size, 0 if the size makes no
        sense.
        """
        if block >= self.count or offset + OVERHEAD > self.size:  # a damaged pointer
            return 0, 0
        self.device.readblocks(block, self.view[:KEY_AT], offset)
        sequence, _, key_size, value_size = unpack_from(">IHBH", self.record, 0)
        size = OVERHEAD + key_size + value_size
        if size > MAX_RECORD or offset + size > self.size:
            return 0, 0
        self.device.readblocks(block, self.view[:size], offset)
        return (sequence if has_good_crc(self.view, size) else 0), size

    def _read_state(self, block: int) -> int:
        """Return the sequence of a block with a good head, else ERASED or DIRTY."""
        head = bytearray(POINTERS_AT)
        self.device.readblocks(block, head, 0)
        view = memoryview(head)[HEAD_AT:]
        if is_good_head(view):
            return unpack_from(">I", view, 4)[0]
        if head[:HEAD_AT] == ERASED_MARK and self.is_erased_from(block, HEAD_AT):
            return ERASED
        return DIRTY
