"""A power-fail-safe store of small records: an append-only log on a raw block device.

The log is a ring over all blocks, so that wear is level; the newest record of a key counts. A
record is written once, with its CRC, and never changed in place: a power cut tears at most the
record in flight, which is then ignored. The device follows MicroPython's extended block
protocol: `readblocks(n, buf, offset)`, `writeblocks(n, buf, offset)` programs without erasing,
`ioctl(4)` counts blocks, `ioctl(5)` is their size, `ioctl(6, n)` erases one.
"""

from binascii import crc32
from struct import pack_into

from joulestream.compat import const

_MAGIC = b"JNL1"
_HEADER = const(12)  # magic, sequence, CRC-32 of both
_OVERHEAD = const(8)  # key size, value size (2), end marker, CRC-32
_END = const(0xA5)
_DIRTY = const(-1)
# Reclaiming a block may itself fill the open one, so one more than the next is kept erased.
_ERASED_AHEAD = const(2)
_MAX_RECORD = const(512)


class JournalFull(OSError):
    """The live records leave no room for another one."""


class Journal:
    """Newest value of each key on `device`; `put` returns only when the record is stored."""

    def __init__(self, device):
        self._device = device
        self._count = device.ioctl(4, 0)
        self._size = device.ioctl(5, 0)
        if self._count < 4:
            raise ValueError("a journal needs 4 blocks or more")
        self._sequences = [0] * self._count  # 0: erased, _DIRTY: to be erased
        self._index = {}  # key: [block, offset of value, size of value]
        # One buffer for every record, so that no packet needs room in a heap that fragments.
        self._record = bytearray(_MAX_RECORD)
        self._view = memoryview(self._record)
        self._live = 0
        self._block = -1
        self._offset = self._size
        self._newest = 0
        self._mount()

    def get(self, key):
        """Return the newest value of `key` (bytes), or None."""
        place = self._index.get(key)
        if place is None:
            return None
        block, offset, size = place
        value = bytearray(size)
        self._device.readblocks(block, value, offset)
        return bytes(value)

    def keys(self):
        """Return all keys, in no particular order."""
        return list(self._index)

    def put(self, key, value):
        """Store `value` as the newest of `key`. Raises JournalFull, or the device's OSError.

        A value that is the newest already is not written again.
        """
        size = _OVERHEAD + len(key) + len(value)
        known = self._index.get(key)
        if known and known[2] == len(value):
            view = self._view[: known[2]]
            self._device.readblocks(known[0], view, known[1])
            if view == value:
                return
        replaced = _OVERHEAD + len(key) + known[2] if known else 0
        # Three blocks are open or erased ahead; the others need not be more than half live.
        room = (self._count - 3) * ((self._size - _HEADER) // 2)
        if size > min(_MAX_RECORD, self._size // 2) or self._live - replaced + size > room:
            raise JournalFull("the journal has no room for another record")
        if self._offset + size > self._size:
            self.tend()
        self._append(key, value, size)
        self._live += size - replaced

    def tend(self):
        """Erase ahead of need. Called when there is time, it keeps erasing out of `put`."""
        while self._sequences.count(0) < _ERASED_AHEAD:
            self._reclaim()

    def _append(self, key, value, size):
        if self._offset + size > self._size:
            self._open_next()
        record = self._record
        pack_into(">BH", record, 0, len(key), len(value))
        at = 3 + len(key)
        record[3:at] = key
        record[at : at + len(value)] = value
        record[size - 5] = _END
        pack_into(">I", record, size - 4, crc32(self._view[: size - 4]))
        offset = self._offset
        # A failed write leaves bytes that cannot be programmed again: never reuse the place.
        self._offset = self._size
        self._device.writeblocks(self._block, self._view[:size], offset)
        self._offset = offset + size
        self._point(key, self._block, offset + at, len(value))

    def _point(self, key, block, offset, size):
        """Note where the newest value of `key` stands."""
        place = self._index.get(key)
        if place is None:
            place = self._index[key] = [0, 0, 0]
        place[0] = block
        place[1] = offset
        place[2] = size

    def _open_next(self):
        if 0 not in self._sequences:
            raise JournalFull("no erased block is left in the journal")
        block = (self._block + 1) % self._count
        while self._sequences[block] != 0:
            block = (block + 1) % self._count
        self._newest += 1
        header = bytearray(_HEADER)
        header[:4] = _MAGIC
        header[4:8] = self._newest.to_bytes(4, "big")
        header[8:] = crc32(memoryview(header)[:8]).to_bytes(4, "big")
        self._sequences[block] = _DIRTY  # should the write fail
        self._device.writeblocks(block, header, 0)
        self._sequences[block] = self._newest
        self._block = block
        self._offset = _HEADER

    def _reclaim(self):
        """Erase a dirty block, else the oldest one after copying what is live in it."""
        used = [block for block in range(self._count) if self._sequences[block]]
        oldest = min(used, key=lambda block: self._sequences[block])
        moving = [key for key, place in self._index.items() if place[0] == oldest]
        for key in moving:
            value = self.get(key)
            self._append(key, value, _OVERHEAD + len(key) + len(value))
        if self._sequences[oldest] != _DIRTY:
            # A cut erase may leave the header and half of the records. Of a header of zeros it
            # leaves zeros and ones, in whatever order it erases: nothing valid.
            self._sequences[oldest] = _DIRTY
            self._device.writeblocks(oldest, bytes(_HEADER), 0)
        self._device.ioctl(6, oldest)
        self._sequences[oldest] = 0

    def _mount(self):
        header = bytearray(_HEADER)
        for block in range(self._count):
            self._device.readblocks(block, header, 0)
            if header[:4] == _MAGIC and self._crc_good(header):
                self._sequences[block] = int.from_bytes(header[4:8], "big")
            elif not self._is_erased(block, 0):
                self._sequences[block] = _DIRTY
        if min(self._sequences) > 0:
            # Only reclaiming opens the last erased block. The power went while it copied: what
            # the newest block holds still stands in the oldest.
            self._sequences[self._sequences.index(max(self._sequences))] = _DIRTY
        used = [block for block in range(self._count) if self._sequences[block] > 0]
        used.sort(key=lambda block: self._sequences[block])
        for block in used:
            self._block = block
            self._newest = self._sequences[block]
            self._offset = self._scan(block)
        for key, place in self._index.items():
            self._live += _OVERHEAD + len(key) + place[2]
        self.tend()

    def _is_erased(self, block, offset):
        """Return whether `block` is erased from `offset` on."""
        chunk = self._record
        while offset < self._size:
            size = min(len(chunk), self._size - offset)
            self._device.readblocks(block, self._view[:size], offset)
            if chunk.count(b"\xff", 0, size) != size:
                return False
            offset += size
        return True

    def _crc_good(self, data):
        size = len(data) - 4
        return crc32(data[:size]) == int.from_bytes(data[size:], "big")

    def _scan(self, block):
        """Index the records of `block`; return where the next one may be written."""
        record = self._record
        offset = _HEADER
        while offset + _OVERHEAD <= self._size:
            self._device.readblocks(block, self._view[:3], offset)
            value_at = 3 + record[0]
            value_size = int.from_bytes(record[1:3], "big")
            size = value_at + value_size + 5
            if size > _MAX_RECORD or offset + size > self._size:
                break
            self._device.readblocks(block, self._view[:size], offset)
            if record[size - 5] != _END or not self._crc_good(self._view[:size]):
                break
            key = bytes(record[3:value_at])
            self._point(key, block, offset + value_at, value_size)
            offset += size
        # What is not erased was torn: nothing can be programmed there.
        return offset if self._is_erased(block, offset) else self._size
