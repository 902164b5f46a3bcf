"""A store of small records on raw flash that survives a power cut at any moment.

The journal is a log. `put` appends a record to the open block and never changes what is written;
the newest record of a key counts. When the open block is full the next erased block of the ring is
opened. Far behind, `erase_step` makes room: it copies the records that still count out of the
oldest block to the end of the log, then erases that block.

    oldest block                                        open block           erased ahead
    +------------------+   +------------------+         +------------------+   +-----------+
    | pointers         |   | pointers         |         | pointers         |   |           |
    | a=1  b=1  c=1    |   | a=2  b=2  a=3    |  . . .  | a=9  b=7  c=1    |   |           |
    +------------------+   +------------------+         +------------------+   +-----------+
              |                                                    ^
              +---- c=1 still counts: erase_step copied it --------+

The pointers at the beginning of a block tell where the newest record of every key stood when the
block was opened. So a mount reads the heads of all blocks, and the records of one. Values may hold
any bytes: the random number in a block's head tells its records from their content.

A mount repairs what a power cut may have left:

- A last record that is torn is not read; the record before it still counts.
- The last good record may be weak: its last bits may read otherwise the next time. So the log goes
  on in a new block, with a copy of that record.
- A block of which one head is damaged is known by the other.

`put` leaves two erased blocks alone: `erase_step` needs one for its copies, and a mount needs one
for the copy of the last record. If fewer are left at a mount, then the power was cut while
`erase_step` copied. The newest block holds copies alone then, and is given up; it is kept if the
block that they were copied from is erased already.

The bytes on flash are described in journal_format, the ring in journal_blocks, the search for the
newest records in journal_index.
"""

from binascii import crc32

from joulestream.compat import const
from joulestream.device.journal_blocks import BAD, DIRTY, BlockRing, FlashFailing, JournalFull
from joulestream.device.journal_format import MAX_RECORD, room_for_records
from joulestream.device.journal_index import JournalIndex
from joulestream.native import journal_record

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable

    from joulestream.device.journal_blocks import BlockDevice
    from joulestream.fields import Buffer

# As in journal_blocks and journal_format. MicroPython compiles only a module's own constants into
# the code, and each other one costs a search at every packet.
_ERASED = const(0)
_KEY_AT = const(7)
_OVERHEAD = const(11)
# Erased blocks that `put` leaves alone, and how many `erase_step` keeps.
_SPARE = const(2)
_AHEAD = const(3)
_LEAST_BLOCKS = const(6)
# A pointer has 2 bytes for the block and 2 for the offset.
_MOST_BLOCKS = const(65536)
_LARGEST_BLOCK = const(65536)
_MOST_KEYS = const(32)


class Journal:
    """The newest value of each key on `device`; `put` returns only when the record is stored.

    Args:
        device: a block device (journal_blocks.BlockDevice) of 6 blocks or more.
        random: `random(size)` returns bytes that no peer can predict (boards.contract.Board).
        most_keys: how many keys there can be. A journal that was made with more keeps its number.

    `damaged` counts the records that should count and were unreadable at the mount. The newest
    readable record of the key stands in for each of them.

    Any content of the flash can be mounted, except another journal. If no block can be erased for
    new records, the journal can be read, and `put` raises JournalFull.

    Raises ValueError for a device that does not fit, or that holds an older version's journal, or
    one with blocks of another size; and the device's OSError.
    """

    def __init__(
        self,
        device: "BlockDevice",
        random: "Callable[[int], bytes]",
        most_keys: int = _MOST_KEYS,
    ) -> None:
        self._device = device
        self._ring = ring = BlockRing(device, random)
        self._index = index = JournalIndex(ring, most_keys)
        if not _LEAST_BLOCKS <= ring.count <= _MOST_BLOCKS or ring.size > _LARGEST_BLOCK:
            raise ValueError("a journal needs 6 to 65536 blocks of 65536 bytes at most")
        if index.records_at > ring.size // 2:
            raise ValueError("a journal of %d keys needs larger blocks" % most_keys)
        # The same objects for ever, without a way through ring and index for every packet.
        self._states = ring.states
        self._entries = index.entries
        self._view = ring.view
        # The parts of it that the last record and value took. Most have the same sizes, and each
        # new view takes memory.
        self._record_view = self._value_view = ring.view[:0]
        self._size = ring.size
        self._offset = ring.size  # of the next record; the size: it goes into the next block
        self._number = 0  # of the next record in its block
        self._live_bytes = 0
        # Blocks that erase_step emptied since a put, or since there were enough erased ones.
        self._emptied = 0
        self._mount()
        self.damaged = index.damaged

    # No properties here, in ring or in index: MicroPython would search the whole class at every
    # assignment to an attribute.

    def bad_blocks(self) -> int:
        """Return how many blocks failed to erase; they are not used before the next mount."""
        return self._states.count(BAD)

    def open_block(self) -> int:
        """Return the block that takes the next record, if the record fits."""
        return self._ring.open_block

    def location(self, key: bytes) -> "tuple[int, int, int]":
        """Return the block, the offset and the size of the newest record of `key`."""
        block, value_at, size, _ = self._entries[key]
        return block, value_at - _KEY_AT - len(key), _OVERHEAD + len(key) + size

    def get(self, key: bytes) -> "bytes | None":
        """Return the newest value of `key`, or None. Raises OSError if it is damaged."""
        if key not in self._entries:
            return None
        return bytes(self._index.read_value(key))

    def keys(self) -> "list[bytes]":
        """Return all keys, in no particular order."""
        return list(self._entries)

    def put(self, key: bytes, value: "Buffer", instead_of: "bytes | None" = None) -> None:
        """Store `value` as the newest value of `key`. Never erases.

        A value that is the newest already is not written again. A key that is new takes the place
        of the key `instead_of`, in one step: a power cut leaves one of the two. Raises
        JournalFull, or the device's OSError.
        """
        known = self._entries.get(key)
        if known and known[2] == len(value):
            if len(self._value_view) != known[2]:
                self._value_view = self._view[: known[2]]
            self._device.readblocks(known[0], self._value_view, known[1])
            if self._value_view == value:
                return
        size = _OVERHEAD + len(key) + len(value)
        slot = None
        if known:
            grows = len(value) - known[2]
        elif instead_of is None:
            grows = size
        else:
            _, _, old_size, slot = self._entries[instead_of]
            grows = size - (_OVERHEAD + len(instead_of) + old_size)
        if grows:
            self._check_room(size, grows, known is None and slot is None)
        if not self.can_put(size):
            raise self._full("the journal has no erased block left to write to")
        self._append(key, known if slot is None else [0, 0, 0, slot], value, size)
        if slot is not None and instead_of is not None:
            del self._entries[instead_of]
        self._live_bytes += grows
        self._emptied = 0

    def can_add(self, size: int) -> bool:
        """Return whether there is room for one more key, with a record of `size` bytes in all."""
        try:
            self._check_room(size, size, True)
        except JournalFull:
            return False
        return True

    def can_put(self, size: int = MAX_RECORD) -> bool:
        """Return whether a record of `size` bytes in all can be put without an erase."""
        erased = self._states.count(_ERASED)
        if self._offset + size > self._size:
            erased -= 1
        return erased >= _SPARE

    def erase_step(self) -> bool:
        """Do one step towards enough erased blocks: copy one record, or erase one block.

        Called again and again between packets, it keeps slow erases away from them: an erase takes
        45 to 400 ms. Returns whether there is more to do. Raises JournalFull, or the device's
        OSError.
        """
        ring = self._ring
        states = self._states
        erased = states.count(_ERASED)
        if erased >= _AHEAD:
            self._emptied = 0
            return False
        if DIRTY in states:
            ring.erase(states.index(DIRTY))
            return states.count(_ERASED) < _AHEAD
        if erased < _SPARE and BAD in states:
            # The fault may have passed. There is no other way, so one block a call is tried again.
            ring.erase(states.index(BAD))
            return erased < states.count(_ERASED) < _AHEAD
        oldest = ring.oldest_block()
        # Once round the ring all is compact. More rounds would only wear the flash out.
        if oldest is None or self._emptied > ring.count:
            if BAD not in states or self.can_put():
                return False
            # Failed programs used blocks up without a record: none is left to compact.
            ring.erase(states.index(BAD))
            return erased < states.count(_ERASED) < _AHEAD
        for key in self._entries:
            if self._entries[key][0] == oldest:
                self._copy(key)
                return True
        states[oldest] = DIRTY
        self._emptied += 1
        return True

    def erase_block(self) -> None:
        """Do erase steps until one more block is erased: the work of one erase at most.

        Raises JournalFull, or the device's OSError.
        """
        while DIRTY not in self._states and self.erase_step():
            pass
        self.erase_step()

    def erase_ahead(self) -> None:
        """Do all erase steps. Raises JournalFull, or the device's OSError."""
        while self.erase_step():
            pass

    # Writing

    def _full(self, why: str) -> JournalFull:
        """Return the error for want of room, FlashFailing while blocks failed to erase."""
        return FlashFailing(why) if self.bad_blocks() else JournalFull(why)

    def _check_room(self, size: int, grows: int, is_new: bool) -> None:
        """Raise JournalFull if a record of `size` bytes, `grows` of them more, has no room."""
        index = self._index
        if is_new and len(self._entries) >= index.most_keys:
            raise JournalFull("the journal has no room for another key")
        capacity = self._size - index.records_at
        room = room_for_records(self._ring.count - self.bad_blocks(), capacity)
        if size > min(MAX_RECORD, capacity) or self._live_bytes + grows > room:
            raise self._full("the journal has no room for another record")

    def _append(self, key: bytes, entry: "list[int] | None", value: "Buffer", size: int) -> None:
        """Write a record of `key`, whose `entry` in the index is None for a new key."""
        index = self._index
        ring = self._ring
        if self._offset + size > self._size:
            ring.open_next(index.pointers(), index.pointer_count(), index.records_at)
            self._offset = index.records_at
            self._number = 0
        if entry is None:
            entry = [0, 0, 0, index.free_slot()]
        journal_record(ring.record, self._number, entry[3], key, value, ring.crc_start)
        if len(self._record_view) != size:
            self._record_view = self._view[:size]
        offset = self._offset
        # A failed write leaves bytes that cannot be programmed again: the rest of the block is
        # not used.
        self._offset = self._size
        self._device.writeblocks(ring.open_block, self._record_view, offset)
        self._offset = offset + size
        self._number += 1
        index.point(key, entry, ring.open_block, offset, len(value))

    def _copy(self, key: bytes) -> None:
        """Append the newest record of `key` once more."""
        value = self._index.read_value(key)
        self._append(key, self._entries[key], value, _OVERHEAD + len(key) + len(value))

    # Mounting

    def _mount(self) -> None:
        self._ring.read_states()
        while not self._load_newest():
            pass
        self._live_bytes = self._index.live_bytes()
        try:
            self._continue_in_new_block()
            self.erase_ahead()
        except JournalFull:
            pass  # `put` says so too

    def _load_newest(self) -> bool:
        """Load the newest block; return False after giving up that block."""
        ring = self._ring
        newest = ring.newest_block()
        if newest is None:
            return True
        spare = self._states.count(_ERASED) + self._states.count(DIRTY)
        if self._index.load(newest) and (spare >= _SPARE or not self._is_copied(newest)):
            return True
        # At once, for its bits may be weak: a record that was not read now must not be read later.
        ring.give_up(newest)
        return False

    def _is_copied(self, newest: int) -> bool:
        """Return whether older blocks hold all values of the newest block, which is loaded.

        They do not if programs failed: a failed program uses up an erased block, so the block that
        a record was copied from may be erased already.
        """
        index = self._index
        states = self._states
        copies = {}
        for key in self._entries:
            if self._entries[key][0] == newest:
                copies[key] = crc32(index.read_value(key))
        own_sequence = states[newest]
        states[newest] = DIRTY  # so that it is not read
        same = False
        for sequence in sorted(states, reverse=True):
            if sequence <= 0 or same:
                break
            same = index.load(states.index(sequence))
        for key in copies:
            same = same and key in self._entries and crc32(index.read_value(key)) == copies[key]
        states[newest] = own_sequence
        if not same:
            index.load(newest)
        return same

    def _continue_in_new_block(self) -> None:
        """Copy the record that was written last, whose bits may be weak, into a new block."""
        last = self._index.last_key(self._ring.open_block)
        if last is None:
            return
        while _ERASED not in self._states and DIRTY in self._states:
            self._ring.erase(self._states.index(DIRTY))
        self._offset = self._size
        self._copy(last)
