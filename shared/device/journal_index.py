"""Where the newest record of each key stands, found again from the flash at a mount.

The newest block leads to everything: its own records are scanned, and for every other key its
pointers name the block and the offset of the key's newest record. Only if a pointer proves wrong
are all blocks scanned, from the oldest to the newest.
"""

from binascii import crc32
from struct import pack_into, unpack_from

from joulestream.compat import const
from joulestream.device.journal_format import (
    HEAD_AT,
    HEAD_SIZE,
    KEY_AT,
    NO_POINTER,
    OVERHEAD,
    POINTER_SIZE,
    POINTERS_AT,
    is_good_head,
    records_at,
)

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.device.journal_blocks import BlockRing

# As in journal_format. MicroPython compiles only a module's own constants into the code, and each
# other one costs `point` a search at every packet.
_KEY_AT = const(9)
_POINTER_SIZE = const(4)


class JournalIndex:
    """The newest record of each key in the blocks of `ring`, for up to `most_keys` keys.

    `entries` maps a key to a list: its block, the offset and the size of its value, its slot. The
    same dictionary stays for the index's life. `next_record` is the sequence of the next record.
    `damaged` counts the records that should count and were unreadable at the last `load`.
    """

    def __init__(self, ring: "BlockRing", most_keys: int) -> None:
        self._ring = ring
        self.entries: dict[bytes, list[int]] = {}
        self.next_record = 1
        self.damaged = 0
        self._make_room(most_keys)
        self._forget()

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
        if not self._ring.read_record(block, offset - KEY_AT - len(key))[0]:
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

    def first_record(self, block: int) -> int:
        """Return the sequence of the first record of `block`, 0 if there is none."""
        return self._read_start(block)[0]

    def load(self, block: int) -> bool:
        """Make the index from the newest block, `block`; return False if it holds no record."""
        first_record, start, count, pointers_crc = self._read_start(block)
        self._make_room(max(self.most_keys, (start - POINTERS_AT) // POINTER_SIZE))
        self._forget()
        self.damaged = 0
        self.next_record = first_record
        if self._scan(block, start) == 0:
            self._forget()
            return False
        next_record = self.next_record
        if not self._read_pointers(block, count, pointers_crc, first_record):
            self._scan_all()
        self.next_record = next_record
        self._ring.open_block = block
        return True

    def _make_room(self, most_keys: int) -> None:
        """Set aside the memory for the pointers of so many keys."""
        self.most_keys = most_keys
        self.records_at = records_at(most_keys)
        self._pointers = bytearray(POINTER_SIZE * most_keys)
        self._pointers_view = memoryview(self._pointers)

    def _forget(self) -> None:
        self.entries.clear()
        self._slots: list[bytes | None] = []  # None: the key of the slot was lost
        for at in range(len(self._pointers)):
            self._pointers[at] = 0xFF  # NO_POINTER in every slot

    def _read_start(self, block: int) -> "tuple[int, int, int, int | None]":
        """Return what a block says of itself: first record, records at, pointers, their CRC.

        The CRC is None if the head is damaged; the head alone has it.
        """
        head = bytearray(HEAD_SIZE)
        self._ring.device.readblocks(block, head, HEAD_AT)
        if is_good_head(head):
            return unpack_from(">IHHI", head, 8)
        first_record = self._ring.read_record(block, self.records_at)[0]
        return first_record, self.records_at, self.most_keys, None

    def _read_pointers(
        self, block: int, count: int, pointers_crc: "int | None", first_record: int
    ) -> bool:
        """Follow the pointers of all slots that have no record in `block` itself.

        Returns False at the first pointer that leads to no record of its slot.
        """
        pointers = bytearray(count * POINTER_SIZE)
        self._ring.device.readblocks(block, pointers, POINTERS_AT)
        if pointers_crc is not None and crc32(pointers) != pointers_crc:
            self.damaged += 1
            return False
        for slot in range(count):
            at = slot * POINTER_SIZE
            superseded = slot < len(self._slots) and self._slots[slot] is not None
            if superseded or pointers[at : at + POINTER_SIZE] == NO_POINTER:
                continue
            other, offset = unpack_from(">HH", pointers, at)
            sequence = self._ring.read_record(other, offset)[0]
            if not 0 < sequence < first_record or self._slot_in_buffer() != slot:
                self.damaged += 1
                return False
            self._point_at_record(other, offset)
        return True

    def _scan(self, block: int, offset: int) -> int:
        """Point at the records of `block` from `offset` on; return how many there are."""
        found = 0
        while True:
            sequence, size = self._ring.read_record(block, offset)
            if sequence != self.next_record:
                # A record that a power cut tore is the last of its block. If another record
                # follows, this one is damaged.
                offset = self._find(block, offset + 1)
                if offset == self._ring.size:
                    return found
                sequence, size = self._ring.read_record(block, offset)
                self.damaged += sequence - self.next_record
                self.next_record = sequence
            self._point_at_record(block, offset)
            self.next_record += 1
            found += 1
            offset += size

    def _find(self, block: int, offset: int) -> int:
        """Return where in `block`, from `offset` on, the next later record begins.

        Returns the block's size if there is none. Any number of records before it may be damaged:
        its sequence and its CRC tell that it is a record.
        """
        first = bytearray(4)
        most = self._ring.size // OVERHEAD
        while offset + OVERHEAD <= self._ring.size:
            self._ring.device.readblocks(block, first, offset)
            skipped = unpack_from(">I", first, 0)[0] - self.next_record
            if 0 < skipped <= most and self._ring.read_record(block, offset)[0]:
                return offset
            if first == NO_POINTER and self._ring.is_erased_from(block, offset):
                break
            offset += 1
        return self._ring.size

    def _scan_all(self) -> None:
        """Point at the newest readable record of every key: scan all blocks, the oldest first."""
        self._forget()
        states = self._ring.states
        for sequence in sorted(states):
            if sequence > 0:
                block = states.index(sequence)
                self.next_record, start, _, _ = self._read_start(block)
                self._scan(block, start)

    def _slot_in_buffer(self) -> int:
        """Return the slot of the record in the buffer."""
        return unpack_from(">H", self._ring.record, 4)[0]

    def _point_at_record(self, block: int, offset: int) -> None:
        """Point at the record in the buffer, which stands at `offset` of `block`."""
        _, slot, key_size, value_size = unpack_from(">IHBH", self._ring.record, 0)
        key = bytes(self._ring.view[KEY_AT : KEY_AT + key_size])
        self.point(key, self.entries.get(key) or [0, 0, 0, slot], block, offset, value_size)
