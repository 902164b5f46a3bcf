"""Where the newest record of each key stands, found again from the flash at a mount.

The newest block leads to everything: its own records are scanned, and for every other key its
pointers name the block and the offset of the key's newest record. Only if a pointer proves wrong
are all blocks scanned, from the oldest to the newest.
"""

from binascii import crc32
from struct import pack_into, unpack_from

from joulestream.compat import const
from joulestream.device.journal_format import (
    KEY_AT,
    NO_POINTER,
    OVERHEAD,
    POINTER_SIZE,
    POINTERS_AT,
    records_at,
)

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.device.journal_blocks import BlockRing

# As in journal_format. MicroPython compiles only a module's own constants into the code, and each
# other one costs `point` a search at every packet.
_KEY_AT = const(7)
_POINTER_SIZE = const(4)


class JournalIndex:
    """The newest record of each key in the blocks of `ring`, for up to `most_keys` keys.

    `entries` maps a key to a list: its block, the offset and the size of its value, its slot. The
    same dictionary stays for the index's life. `damaged` counts the records that should count and
    were unreadable at the last `load`.
    """

    def __init__(self, ring: "BlockRing", most_keys: int) -> None:
        self._ring = ring
        self.entries: dict[bytes, list[int]] = {}
        self.damaged = 0
        self._slots: list[bytes | None] = []  # None: the key of the slot was lost
        self._make_room(most_keys)

    def pointers(self) -> memoryview:
        """Return the pointers to the newest records of all keys, as a block begins with them."""
        return self._pointers_view[: len(self._slots) * POINTER_SIZE]

    def pointer_count(self) -> int:
        """Return how many slots are in use, or were."""
        return len(self._slots)

    def free_slot(self) -> int:
        """Return the lowest slot that no key has."""
        if None in self._slots:
            return self._slots.index(None)
        return len(self._slots)

    def point(self, key: bytes, entry: "list[int]", block: int, offset: int, size: int) -> None:
        """Note that the newest record of `key` stands at `offset` of `block`.

        `entry` is the key's list in `entries`, or a new list with its slot; `size` is that of the
        value.
        """
        slot = entry[3]
        if key not in self.entries:
            self.entries[key] = entry
            while len(self._slots) <= slot:
                self._slots.append(None)
            self._slots[slot] = key
        entry[0] = block
        entry[1] = offset + _KEY_AT + len(key)
        entry[2] = size
        pack_into(">HH", self._pointers, slot * _POINTER_SIZE, block, offset)

    def read_value(self, key: bytes) -> memoryview:
        """Return the value of `key`, a view of the ring's buffer. Raises OSError if damaged."""
        block, offset, size, _ = self.entries[key]
        if self._ring.read_record(block, offset - KEY_AT - len(key))[0] < 0:
            raise OSError("the journal's record in block %d at %d is damaged" % (block, offset))
        at = KEY_AT + len(key)
        return self._ring.view[at : at + size]

    def live_bytes(self) -> int:
        """Return the bytes of the newest records of all keys."""
        return sum([OVERHEAD + len(key) + self.entries[key][2] for key in self.entries])

    def last_key(self, block: int) -> "bytes | None":
        """Return the key whose newest record is the last one in `block`, or None."""
        last = None
        for key in self.entries:
            entry = self.entries[key]
            if entry[0] == block and (last is None or entry[1] > self.entries[last][1]):
                last = key
        return last

    def load(self, block: int) -> bool:
        """Make the index from the newest block, `block`; return False if it holds no record."""
        self._forget()
        self.damaged = 0
        head = self._ring.read_head(block)
        if head is None:
            return False
        _, start, count, _, pointers_crc = head
        most_keys = self.most_keys
        if start > self.records_at:
            self._make_room((start - POINTERS_AT) // POINTER_SIZE)
        if self._scan(block, start) == 0:
            self._forget()
            # A head alone does not make the room for records smaller.
            if most_keys < self.most_keys:
                self._make_room(most_keys)
            return False
        if not self._read_pointers(block, count, pointers_crc):
            self._scan_all()
        self._ring.open_block = block
        return True

    def _make_room(self, most_keys: int) -> None:
        """Set aside the memory for the pointers of so many keys."""
        self.most_keys = most_keys
        self.records_at = records_at(most_keys)
        self._pointers = bytearray(NO_POINTER * most_keys)
        self._pointers_view = memoryview(self._pointers)

    def _forget(self) -> None:
        self.entries.clear()
        self._slots.clear()
        for at in range(len(self._pointers)):
            self._pointers[at] = 0xFF  # NO_POINTER in every slot

    def _read_pointers(self, block: int, count: int, pointers_crc: int) -> bool:
        """Follow the pointers of all slots that have no record in `block` itself.

        Returns False at the first pointer that leads to no record of its slot in an older block.
        """
        states = self._ring.states
        pointers = bytearray(count * POINTER_SIZE)
        self._ring.device.readblocks(block, pointers, POINTERS_AT)
        if crc32(pointers) != pointers_crc:
            self.damaged += 1
            return False
        for slot in range(count):
            at = slot * POINTER_SIZE
            superseded = slot < len(self._slots) and self._slots[slot] is not None
            if superseded or pointers[at : at + POINTER_SIZE] == NO_POINTER:
                continue
            other, offset = unpack_from(">HH", pointers, at)
            if (
                other >= len(states)
                or not 0 < states[other] < states[block]
                or self._ring.read_record(other, offset)[0] < 0
                or self._slot_in_buffer() != slot
            ):
                self.damaged += 1
                return False
            self._point_at_record(other, offset)
        return True

    def _scan(self, block: int, offset: int) -> int:
        """Point at the records of `block` from `offset` on; return how many there are."""
        end = self._ring.used_bytes(block)
        found = expected = 0
        while True:
            number, size = self._ring.read_record(block, offset)
            if number != expected:
                # A record that a power cut tore is the last of its block. If another record
                # follows, this one is damaged.
                offset = self._find(block, offset + 1, end, expected)
                if offset == end:
                    return found
                number, size = self._ring.read_record(block, offset)
                self.damaged += number - expected
            self._point_at_record(block, offset)
            expected = number + 1
            found += 1
            offset += size

    def _find(self, block: int, offset: int, end: int, missing: int) -> int:
        """Return where in `block`, from `offset` on, the next record begins.

        Its number is greater than `missing`: any number of records before it may be damaged.
        Returns `end`, where the erased bytes begin, if there is none. No value can hold bytes that
        pass for a record (journal_format).
        """
        first = bytearray(2)
        most = self._ring.size // OVERHEAD
        last = self._ring.size - OVERHEAD
        while offset < end and offset <= last:
            self._ring.device.readblocks(block, first, offset)
            skipped = unpack_from(">H", first, 0)[0] - missing
            if 0 < skipped <= most and self._ring.read_record(block, offset)[0] >= 0:
                return offset
            offset += 1
        return end

    def _scan_all(self) -> None:
        """Point at the newest readable record of every key: scan all blocks, the oldest first."""
        self._forget()
        states = self._ring.states
        for sequence in sorted(states):
            if sequence > 0:
                block = states.index(sequence)
                head = self._ring.read_head(block)
                if head is not None:
                    self._scan(block, head[1])

    def _drop(self, key: bytes) -> None:
        """Forget the key and its slot."""
        slot = self.entries.pop(key)[3]
        self._slots[slot] = None
        self._pointers[slot * POINTER_SIZE : (slot + 1) * POINTER_SIZE] = NO_POINTER

    def _slot_in_buffer(self) -> int:
        """Return the slot of the record in the buffer."""
        return unpack_from(">H", self._ring.record, 2)[0]

    def _point_at_record(self, block: int, offset: int) -> None:
        """Point at the record in the buffer, which stands at `offset` of `block`.

        After a loss, a key may have got another slot, and a slot another key: the newest counts.
        """
        _, slot, key_size, value_size = unpack_from(">HHBH", self._ring.record, 0)
        key = bytes(self._ring.view[KEY_AT : KEY_AT + key_size])
        if slot >= self.most_keys:
            self.damaged += 1
            return
        before = self._slots[slot] if slot < len(self._slots) else None
        if before is not None and before != key:
            self._drop(before)
        if key in self.entries and self.entries[key][3] != slot:
            self._drop(key)
        self.point(key, self.entries.get(key) or [0, 0, 0, slot], block, offset, value_size)
