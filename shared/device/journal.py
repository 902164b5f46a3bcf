"""A power-fail-safe store of small records: an append-only log on a raw block device.

The log is a ring over all blocks, so that wear is level; the newest record of a key counts. Each
block begins with the places of all records that count when it is opened, so mounting reads the
head of every block and the records of one. The device follows MicroPython's extended block
protocol: `readblocks(n, buf, offset)`, `writeblocks(n, buf, offset)` programs without erasing,
`ioctl(4)` counts blocks, `ioctl(5)` is their size, `ioctl(6, n)` erases one.

    block    "ERSD" | "JNL2" | its sequence (4) | next record's sequence (4) | start of the records
             (2) | number of places (2) | CRC-32 of the places (4) | CRC-32 of the head (4)
             | places, one a slot: block (2), offset (2) | records
    record   sequence (4) | slot (2) | size of key (1) | size of value (2) | key | value
             | CRC-32 (4)

A key keeps its slot; a place is superseded by any record of its slot in the block itself.

Nothing is changed in place, and what a power cut may have left half done is not built upon:

- "ERSD" is written when an erase is complete; without it a block is erased (again).
- A block's head is written after its places, and the block counts once it holds a record.
- A block of which the head alone is damaged is known by its records.
- After every mount the log goes on in a new block, with a copy of the record that was the last:
  its last bits may have been programmed too weakly to be read the same again.
- Two erased blocks are left to `erase_step`, which copies what still counts out of the oldest
  block and erases it. Where fewer are left, the newest blocks hold copies alone, and are given up, but for
  one that was copied from a block that is erased by now.
"""

from binascii import crc32
from struct import pack_into, unpack_from

from joulestream.compat import const

_CLEAN = b"ERSD"
_MAGIC = b"JNL2"
_HEAD_AT = const(4)
_HEAD = const(24)  # bytes of the head, without "ERSD"
_PLACES_AT = const(28)
_PLACE = const(4)
_NO_PLACE = b"\xff\xff\xff\xff"
_FIRST = const(9)  # bytes of a record before its key
_OVERHEAD = const(13)  # bytes of a record beside its key and value
_CRC = const(4)
_MAX_RECORD = const(512)
_DIRTY = const(-1)
_BAD = const(-2)
_OLDEST = const(1)
# Erased blocks that only `erase_step` may use, and how many it keeps.
_SPARE = const(2)
_AHEAD = const(3)
_LEAST_BLOCKS = const(6)
_MOST_KEYS = const(32)


class JournalFull(OSError):
    """No room for another record: too many live ones, or `erase_step` was not called in time."""


class Journal:
    """Newest value of each key on `device`; `put` returns only when the record is stored.

    `most_keys` bounds how many keys there can be, unless the journal was made with a larger bound.
    `damaged` counts records that should count but were unreadable when it was mounted; the newest
    readable ones stand in for them. `erases` counts erased blocks since the mount, `bad_blocks`
    those that failed to erase and are not used before the next mount.
    """

    def __init__(self, device, most_keys=_MOST_KEYS):
        self._device = device
        self._count = device.ioctl(4, 0)
        self._size = device.ioctl(5, 0)
        self._make_room(most_keys)
        if self._count < _LEAST_BLOCKS:
            raise ValueError("a journal needs %d blocks or more" % _LEAST_BLOCKS)
        if self._records_at > self._size // 2:
            raise ValueError("a journal of %d keys needs larger blocks" % most_keys)
        self._sequences = [0] * self._count  # 0: erased, _DIRTY: to be erased, _BAD
        self._forget()
        # One buffer for every record, so that no packet needs room in a heap that fragments.
        self._record = bytearray(_MAX_RECORD)
        self._view = memoryview(self._record)
        self._live = 0
        self._block = 0
        self._offset = self._size  # where the next record goes; the size: into the next block
        self._newest = 0
        self._next_record = 1
        self.damaged = 0
        self.erases = 0
        self.bad_blocks = 0
        self._mount()

    def get(self, key):
        """Return the newest value of `key` (bytes), or None. Raises OSError if it is damaged."""
        if key not in self._index:
            return None
        return bytes(self._read_value(key))

    def keys(self):
        """Return all keys, in no particular order."""
        return list(self._index)

    def put(self, key, value):
        """Store `value` (bytes-like) as the newest of `key` (bytes). Never erases.

        A value that is the newest already is not written again. Raises JournalFull, or the
        device's OSError.
        """
        known = self._index.get(key)
        if known and known[2] == len(value):
            view = self._view[: known[2]]
            self._device.readblocks(known[0], view, known[1])
            if view == value:
                return
        size = _OVERHEAD + len(key) + len(value)
        grows = size - _OVERHEAD - len(key) - known[2] if known else size
        if grows:
            self._check_room(size, grows, known is None)
        if not self.can_put(size):
            raise JournalFull("the journal has no erased block left to write to")
        self._append(key, known, value, size)
        self._live += grows

    @staticmethod
    def records_at(most_keys):
        """Return how many bytes of each block come before its records."""
        return _PLACES_AT + _PLACE * most_keys

    @staticmethod
    def record_size(key_size, value_size):
        """Return how many bytes a record takes."""
        return _OVERHEAD + key_size + value_size

    def can_put(self, size=_MAX_RECORD):
        """Return whether a record of `size` bytes in all can be put without an erase."""
        erased = self._sequences.count(0)
        if self._offset + size > self._size:
            erased -= 1
        return erased >= _SPARE

    def erase_step(self):
        """Do one step of erasing ahead of need: move one record, or erase one block.

        Called when there is time, again and again, it keeps erasing out of every packet. Returns
        whether more is to be done. Raises JournalFull, or the device's OSError.
        """
        sequences = self._sequences
        erased = sequences.count(0)
        if erased >= _AHEAD:
            return False
        if _DIRTY in sequences:
            self._erase(sequences.index(_DIRTY))
            return sequences.count(0) < _AHEAD
        if erased < _SPARE and _BAD in sequences:
            # Perhaps it was a passing fault. There is no other way, so it is asked once a call.
            self.bad_blocks -= 1
            self._erase(sequences.index(_BAD))
            return erased < sequences.count(0) < _AHEAD
        oldest = self._oldest()
        if oldest is None:
            return False
        for key in self._index:
            if self._index[key][0] == oldest:
                self._copy(key)
                return True
        sequences[oldest] = _DIRTY
        return True

    def erase_ahead(self):
        """Tend until nothing is left to do. Raises JournalFull, or the device's OSError."""
        while self.erase_step():
            pass

    # Writing

    def _check_room(self, size, grows, is_new):
        """Raise JournalFull when there is no room for a record of `size`, `grows` of it more."""
        if is_new and len(self._index) >= self._most_keys:
            raise JournalFull("the journal has no room for another key")
        # One block is open and three are erased ahead; the others need not be more than half live.
        capacity = self._size - self._records_at
        room = (self._count - self.bad_blocks - _AHEAD - 1) * (capacity // 2)
        if size > min(_MAX_RECORD, capacity) or self._live + grows > room:
            raise JournalFull("the journal has no room for another record")

    def _append(self, key, place, value, size):
        """Write a record of `key`, whose present `place` is None for a new key."""
        if self._offset + size > self._size:
            self._open_next()
        record = self._record
        value_at = _FIRST + len(key)
        record[value_at : value_at + len(value)] = value  # first: it may be in this very buffer
        if place is None:
            place = [0, 0, 0, self._free_slot()]
        pack_into(">IHBH", record, 0, self._next_record, place[3], len(key), len(value))
        record[_FIRST:value_at] = key
        pack_into(">I", record, size - _CRC, crc32(self._view[: size - _CRC]))
        offset = self._offset
        # A failed write leaves bytes that cannot be programmed again: never reuse the place.
        self._offset = self._size
        self._device.writeblocks(self._block, self._view[:size], offset)
        self._offset = offset + size
        self._next_record += 1
        self._point(key, place, self._block, offset, len(value))

    def _free_slot(self):
        if None in self._slots:
            return self._slots.index(None)
        return len(self._slots)

    def _copy(self, key):
        """Append the record of `key` once more."""
        value = self._read_value(key)
        self._append(key, self._index[key], value, _OVERHEAD + len(key) + len(value))

    def _read_value(self, key):
        """Return the value of `key`, a view of the record buffer. Raises OSError if damaged."""
        block, offset, size, _ = self._index[key]
        if not self._read_record(block, offset - _FIRST - len(key))[0]:
            raise OSError("the journal's record in block %d at %d is damaged" % (block, offset))
        at = _FIRST + len(key)
        return self._view[at : at + size]

    def _point(self, key, place, block, offset, size):
        """Note that the newest record of `key` stands at `offset` of `block`."""
        slot = place[3]
        if key not in self._index:
            self._index[key] = place
            while len(self._slots) <= slot:
                self._slots.append(None)
            self._slots[slot] = key
        place[0] = block
        place[1] = offset + _FIRST + len(key)
        place[2] = size
        pack_into(">HH", self._places, slot * _PLACE, block, offset)

    def _open_next(self):
        """Open the next erased block of the ring: write its places, then its head."""
        sequences = self._sequences
        if 0 not in sequences:
            raise JournalFull("no erased block is left in the journal")
        block = (self._block + 1) % self._count
        while sequences[block] != 0:
            block = (block + 1) % self._count
        sequences[block] = _DIRTY  # should a write fail
        places = self._places_view[: len(self._slots) * _PLACE]
        if places:
            self._device.writeblocks(block, places, _PLACES_AT)
        head = bytearray(_HEAD)
        head[:4] = _MAGIC
        self._newest += 1
        pack_into(
            ">IIHHI",
            head,
            4,
            self._newest,
            self._next_record,
            self._records_at,
            len(self._slots),
            crc32(places),
        )
        pack_into(">I", head, _HEAD - _CRC, crc32(memoryview(head)[: _HEAD - _CRC]))
        self._device.writeblocks(block, head, _HEAD_AT)
        sequences[block] = self._newest
        self._block = block
        self._offset = self._records_at

    def _erase(self, block):
        """Erase a block, or set it aside when that fails."""
        self._sequences[block] = _BAD
        try:
            # A cut erase may leave a head and half of its records. Of zeros it leaves zeros and
            # ones, in whatever order it erases: nothing valid.
            self._unmark(block)
            self._device.ioctl(6, block)
            self._device.writeblocks(block, _CLEAN, 0)
        except OSError:
            self.bad_blocks += 1
            return
        self._sequences[block] = 0
        self.erases += 1

    def _unmark(self, block):
        """Let a block no longer count: "ERSD" goes first, or its head might pass for damaged."""
        self._device.writeblocks(block, bytes(_HEAD_AT), 0)
        self._device.writeblocks(block, bytes(_HEAD), _HEAD_AT)

    def _oldest(self):
        """Return the block that was opened first, but never the one that is open; else None."""
        oldest = None
        for block in range(self._count):
            if self._sequences[block] > 0 and block != self._block:
                if oldest is None or self._sequences[block] < self._sequences[oldest]:
                    oldest = block
        return oldest

    # Mounting

    def _mount(self):
        sequences = self._sequences
        for block in range(self._count):
            sequences[block] = self._read_head(block)
        self._newest = max(max(sequences), 0)
        while True:
            self._take_back_newest()
            if max(sequences) <= 0:
                break
            newest = sequences.index(max(sequences))
            spare = sequences.count(0) + sequences.count(_DIRTY)
            if self._load(newest) and (spare >= _SPARE or not self._is_copied(newest)):
                break
            # Now, for its bits may be weak: what was not read must not be read later either.
            self._unmark(newest)
            sequences[newest] = _DIRTY
        self._take_back_older()
        for key in self._index:
            self._live += _OVERHEAD + len(key) + self._index[key][2]
        self._go_on_in_a_new_block()
        self.erase_ahead()

    def _is_copied(self, newest):
        """Return whether all that the newest block holds, which is loaded, stands in older ones.

        What it was copied from is erased already where programs failed, and used up erased blocks.
        """
        sequences = self._sequences
        copies = {}
        for key in self._index:
            if self._index[key][0] == newest:
                copies[key] = crc32(self._read_value(key))
        own_sequence = sequences[newest]
        sequences[newest] = _DIRTY  # so that it is not read
        same = False
        for sequence in sorted(sequences, reverse=True):
            if sequence <= 0 or same:
                break
            same = self._load(sequences.index(sequence))
        for key in copies:
            same = same and key in self._index and crc32(self._read_value(key)) == copies[key]
        sequences[newest] = own_sequence
        if not same:
            self._load(newest)
        return same

    def _take_back_newest(self):
        """Take blocks newer than any whose head is good back into the ring: it alone is damaged.

        A block that was given up, or was to be erased, has lost its "ERSD".
        """
        sequences = self._sequences
        first_record = 0
        if max(sequences) > 0:
            first_record = self._read_start(sequences.index(max(sequences)))[0]
        found = []
        clean = bytearray(len(_CLEAN))
        for block in range(self._count):
            if sequences[block] == _DIRTY:
                self._device.readblocks(block, clean, 0)
                if clean == _CLEAN:
                    first = self._read_record(block, self._records_at)[0]
                    if first > first_record:
                        found.append((first, block))
        for _, block in sorted(found):
            self._newest += 1
            sequences[block] = self._newest

    def _take_back_older(self):
        """Take blocks back that hold what counts, though their heads are damaged."""
        for key in self._index:
            block = self._index[key][0]
            if self._sequences[block] == _DIRTY:
                self._sequences[block] = _OLDEST

    def _go_on_in_a_new_block(self):
        """Copy the record that was written last, whose bits may be weak, into a new block."""
        last = None
        for key in self._index:
            place = self._index[key]
            if place[0] == self._block and (last is None or place[1] > self._index[last][1]):
                last = key
        if last is None:
            return
        while 0 not in self._sequences and _DIRTY in self._sequences:
            self._erase(self._sequences.index(_DIRTY))
        self._offset = self._size
        self._copy(last)

    def _read_head(self, block):
        """Return the block's sequence, 0 when it is erased, _DIRTY when it is neither."""
        head = bytearray(_PLACES_AT)
        self._device.readblocks(block, head, 0)
        view = memoryview(head)[_HEAD_AT:]
        if _head_good(view):
            return unpack_from(">I", view, 4)[0]
        if head[:_HEAD_AT] == _CLEAN and self._is_erased(block, _HEAD_AT):
            return 0
        return _DIRTY

    def _read_start(self, block):
        """Return the sequence of the block's first record, where its records start, the number of
        places and their CRC; None for the CRC if the head is damaged, which had it.
        """
        head = bytearray(_HEAD)
        self._device.readblocks(block, head, _HEAD_AT)
        if _head_good(head):
            return unpack_from(">IHHI", head, 8)
        first_record = self._read_record(block, self._records_at)[0]
        return first_record, self._records_at, self._most_keys, None

    def _is_erased(self, block, offset):
        """Return whether `block` reads as erased from `offset` on."""
        chunk = self._record
        while offset < self._size:
            size = min(_MAX_RECORD, self._size - offset)
            self._device.readblocks(block, self._view[:size], offset)
            if chunk.count(b"\xff", 0, size) != size:
                return False
            offset += size
        return True

    def _load(self, block):
        """Make the index from the newest block; return False if it holds no record."""
        first_record, records_at, count, places_crc = self._read_start(block)
        self._make_room(max(self._most_keys, (records_at - _PLACES_AT) // _PLACE))
        self._forget()
        self.damaged = 0
        self._next_record = first_record
        if self._scan(block, records_at) == 0:
            self._forget()
            return False
        next_record = self._next_record
        if not self._read_places(block, count, places_crc, first_record):
            self._scan_all()
        self._next_record = next_record
        self._block = block
        return True

    def _make_room(self, most_keys):
        """Set aside what so many keys need; nothing is known of them yet."""
        self._most_keys = most_keys
        self._records_at = self.records_at(most_keys)
        self._places = bytearray(_PLACE * most_keys)  # of every slot, as they are written
        self._places_view = memoryview(self._places)

    def _forget(self):
        self._index = {}  # key: [block, offset of value, size of value, slot]
        self._slots = []  # the key of each slot, None where it was lost
        for at in range(len(self._places)):
            self._places[at] = 0xFF  # no place

    def _read_places(self, block, count, places_crc, first_record):
        """Point at the places of slots that have no record in the block; return False if one is
        unreadable.
        """
        places = bytearray(count * _PLACE)
        self._device.readblocks(block, places, _PLACES_AT)
        if places_crc is not None and crc32(places) != places_crc:
            self.damaged += 1
            return False
        for slot in range(count):
            at = slot * _PLACE
            superseded = slot < len(self._slots) and self._slots[slot] is not None
            if superseded or places[at : at + _PLACE] == _NO_PLACE:
                continue
            where, offset = unpack_from(">HH", places, at)
            sequence = self._read_record(where, offset)[0]
            if not 0 < sequence < first_record or self._slot_in_buffer() != slot:
                self.damaged += 1
                return False
            self._point_at_record(where, offset)
        return True

    def _slot_in_buffer(self):
        """Return the slot of the record in the buffer."""
        return unpack_from(">H", self._record, 4)[0]

    def _scan(self, block, offset):
        """Point at the records of `block` from `offset` on; return how many there are."""
        found = 0
        while True:
            sequence, size = self._read_record(block, offset)
            if sequence != self._next_record:
                # What a power cut tore is the last. A record behind it says that this is damage.
                offset = self._find(block, offset + 1)
                if offset == self._size:
                    return found
                sequence, size = self._read_record(block, offset)
                self.damaged += sequence - self._next_record
                self._next_record = sequence
            self._point_at_record(block, offset)
            self._next_record += 1
            found += 1
            offset += size

    def _find(self, block, offset):
        """Return where in `block`, from `offset` on, the next later record begins, or its size.

        However many records before it are damaged: it is known by its sequence and its CRC.
        """
        first = bytearray(4)
        most = self._size // _OVERHEAD
        while offset + _OVERHEAD <= self._size:
            self._device.readblocks(block, first, offset)
            skipped = unpack_from(">I", first, 0)[0] - self._next_record
            if 0 < skipped <= most and self._read_record(block, offset)[0]:
                return offset
            if first == b"\xff\xff\xff\xff" and self._is_erased(block, offset):
                break
            offset += 1
        return self._size

    def _scan_all(self):
        """Point at the newest readable record of every key, looking through all blocks."""
        self._forget()
        for sequence in sorted(self._sequences):
            if sequence > 0:
                block = self._sequences.index(sequence)
                self._next_record, records_at, _, _ = self._read_start(block)
                self._scan(block, records_at)

    def _read_record(self, block, offset):
        """Read a record into the buffer; return its sequence, 0 if it is not good, and its size.

        The size is 0 when it makes no sense.
        """
        if block >= self._count or offset + _OVERHEAD > self._size:  # a damaged place
            return 0, 0
        self._device.readblocks(block, self._view[:_FIRST], offset)
        sequence, _, key_size, value_size = unpack_from(">IHBH", self._record, 0)
        size = _OVERHEAD + key_size + value_size
        if size > _MAX_RECORD or offset + size > self._size:
            return 0, 0
        self._device.readblocks(block, self._view[:size], offset)
        return (sequence if _crc_good(self._view, size) else 0), size

    def _point_at_record(self, block, offset):
        """Point at the record in the buffer, which stands at `offset` of `block`."""
        _, slot, key_size, value_size = unpack_from(">IHBH", self._record, 0)
        key = bytes(self._view[_FIRST : _FIRST + key_size])
        self._point(key, self._index.get(key) or [0, 0, 0, slot], block, offset, value_size)


def _head_good(head):
    return head[:4] == _MAGIC and _crc_good(head, _HEAD)


def _crc_good(view, size):
    """Return whether the last 4 of `size` bytes are the CRC-32 of those before them."""
    return unpack_from(">I", view, size - _CRC)[0] == crc32(view[: size - _CRC])
