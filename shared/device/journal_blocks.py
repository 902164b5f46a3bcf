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
- A block is opened by its pointers, then its two heads. It counts as soon as it holds a record.
- Before a block is erased its mark and its heads are set to zeros: an erase that is cut may leave
  a good head and half of the records.

A single block may hold anything, such as a part of another device's journal. It never stops the
journal of the other blocks:

- A head of another journal counts for nothing, unless there are more such heads than own ones.
- A sequence that this journal cannot have reached counts for nothing.
"""

from binascii import crc32
from struct import pack_into, unpack_from

from joulestream.compat import const
from joulestream.device.journal_format import (
    ERASED_MARK,
    HEAD_AT,
    HEAD_SIZE,
    KEY_AT,
    LIFE_OF_BLOCKS,
    MAX_RECORD,
    MOST_BLOCKS_OPENED,
    OVERHEAD,
    POINTERS_AT,
    foreign_journal,
    has_good_crc,
    make_head,
    parse_head,
)

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable
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


class FlashFailing(JournalFull):
    """A journal has no room since blocks failed to erase. After a new mount they may work."""


class BlockRing:
    """The blocks of `device`, and one buffer for the record that is read or written.

    `random(size)` returns bytes that no peer can predict.

    `states` has one number a block: ERASED, DIRTY, BAD, or the sequence of a block in use.
    `open_block` takes the next record; the CRC of the record begins with `crc_start`. `newest` is
    the highest sequence given so far.
    """

    def __init__(self, device: "BlockDevice", random: "Callable[[int], bytes]") -> None:
        self.device = device
        self.count = device.ioctl(_COUNT_BLOCKS, 0) or 0
        self.size = device.ioctl(_BLOCK_SIZE, 0) or 0
        self.states = [ERASED] * self.count
        self.open_block = 0
        self.crc_start = 0
        self.newest = 0
        self._random = random
        self._crc_starts = bytearray(4 * self.count)
        # One buffer for every record: a heap that fragments may have no room for another.
        self.record = bytearray(MAX_RECORD)
        self.view = memoryview(self.record)

    def read_states(self) -> None:
        """Read the state of every block from its head.

        Raises ValueError if more blocks belong to another journal than to this one. It may hold
        claims, so its blocks must not be erased.
        """
        states = self.states
        own = others = 0
        why = ""
        for block in range(self.count):
            states[block] = self._read_state(block)
            if states[block] > 0:
                own += 1
            elif states[block] == DIRTY:
                found = self._foreign_journal(block)
                if found is not None:
                    others += 1
                    why = found
        if others > own:
            raise ValueError(why)
        self._erase_strays()
        self.newest = max(max(states), 0)

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

    def open_next(self, pointers: memoryview, count: int, records_at: int) -> None:
        """Open the next erased block of the ring: write its pointers, then its two heads.

        Args:
            pointers: the bytes of the pointers.
            count: how many pointers they are.
            records_at: the offset of the block's first record.

        Raises JournalFull if no block is erased, or the device's OSError; the block is DIRTY
        then.
        """
        states = self.states
        if ERASED not in states or self.newest >= MOST_BLOCKS_OPENED:
            raise JournalFull("no erased block is left in the journal")
        block = (self.open_block + 1) % self.count
        while states[block] != ERASED:
            block = (block + 1) % self.count
        states[block] = DIRTY  # should a write fail
        if pointers:
            self.device.writeblocks(block, pointers, POINTERS_AT)
        self.newest += 1
        # Drawn now, not at the erase: a copy of the flash tells nothing of blocks opened later.
        crc_start = int.from_bytes(self._random(4), "big")
        head = make_head(self.newest, self.size, records_at, count, crc_start, crc32(pointers))
        self.device.writeblocks(block, head + head, HEAD_AT)
        pack_into(">I", self._crc_starts, 4 * block, crc_start)
        states[block] = self.newest
        self.open_block = block
        self.crc_start = crc_start

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
        """Take a block out of use on the flash itself: zeros over its mark and its heads."""
        self.device.writeblocks(block, bytes(POINTERS_AT), 0)

    def give_up(self, block: int) -> None:
        """Take the newest block out of use; its sequence is free again."""
        self.unmark(block)
        self.states[block] = DIRTY
        self.newest = max(max(self.states), 0)

    def read_head(self, block: int) -> "tuple[int, int, int, int, int] | None":
        """Return the head of a block (journal_format.parse_head), None if both are damaged."""
        view = self._heads(block)
        return parse_head(view[:HEAD_SIZE], self.size) or parse_head(view[HEAD_SIZE:], self.size)

    def used_bytes(self, block: int) -> int:
        """Return the bytes of a block before the erased ones at its end. Overwrites the buffer."""
        end = self.size
        while end:
            at = max(0, end - MAX_RECORD)
            chunk = self.view[: end - at]
            self.device.readblocks(block, chunk, at)
            if self.record.count(b"\xff", 0, end - at) != end - at:
                while chunk[end - at - 1] == 0xFF:
                    end -= 1
                break
            end = at
        return end

    def read_record(self, block: int, offset: int) -> "tuple[int, int]":
        """Read the record at `offset` of `block`, a block in use, into the buffer.

        Returns its number and its size. The number is -1 if there is no good record.
        """
        if offset + OVERHEAD > self.size:  # a damaged pointer
            return -1, 0
        self.device.readblocks(block, self.view[:KEY_AT], offset)
        number, _, key_size, value_size = unpack_from(">HHBH", self.record, 0)
        size = OVERHEAD + key_size + value_size
        if size > MAX_RECORD or offset + size > self.size:
            return -1, 0
        self.device.readblocks(block, self.view[:size], offset)
        crc_start = unpack_from(">I", self._crc_starts, 4 * block)[0]
        return (number if has_good_crc(self.view, size, crc_start) else -1), size

    def _heads(self, block: int) -> memoryview:
        """Return the bytes of both heads of a block."""
        heads = bytearray(2 * HEAD_SIZE)
        self.device.readblocks(block, heads, HEAD_AT)
        return memoryview(heads)

    def _foreign_journal(self, block: int) -> "str | None":
        """Return a sentence on the other journal that a block belongs to, or None."""
        view = self._heads(block)
        return foreign_journal(view[:HEAD_SIZE], self.size) or foreign_journal(
            view[HEAD_SIZE:], self.size
        )

    def _erase_strays(self) -> None:
        """Erase the newest block, again and again, if it is too new to follow the next one.

        After a block of the highest sequence no other could be opened. It is erased at once:
        later, when the journal has counted on, it would seem to follow.
        """
        used = sorted([state for state in self.states if state > 0])
        while len(used) > 1 and used[-1] - used[-2] > LIFE_OF_BLOCKS:
            self.erase(self.states.index(used.pop()))

    def _read_state(self, block: int) -> int:
        """Return the sequence of a block with a good head, else ERASED or DIRTY."""
        head = self.read_head(block)
        if head is not None:
            pack_into(">I", self._crc_starts, 4 * block, head[3])
            return head[0]
        mark = bytearray(HEAD_AT)
        self.device.readblocks(block, mark, 0)
        if mark == ERASED_MARK and self.used_bytes(block) == HEAD_AT:
            return ERASED
        return DIRTY
