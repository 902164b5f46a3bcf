"""The bytes of a journal on flash: the head of a block, its pointers, its records.

All integers are big-endian. A block, with its offsets in bytes:

    0       4        34       64
    +-------+--------+--------+-------------------+-------------------+-----------------------+
    | "ERSD"| head   | head   | pointer of slot 0 | pointer of slot 1 | ... room for one a key |
    |       |        | again  | (4 bytes)         |                   |                       |
    +-------+--------+--------+-------------------+-------------------+-----------------------+
    | record | record | record | ... erased bytes, all 0xFF                                   |
    +-----------------------------------------------------------------------------------------+

- "ERSD" is programmed when an erase is complete. A block without it must be erased.
- The head stands there twice, so damage of one byte loses no block.
- Each pointer is the block (2) and the offset (2) of the newest record of one key, at the time
  when this block was opened. A slot is the number of a key; a key keeps its slot.

A head:

    "JNL3" | sequence (6) | size of block (4) | records at (2) | pointers (2) | CRC start (4)
    | CRC-32 of the pointers (4) | CRC-32 of the head (4)

- `sequence` counts the blocks in the order in which they were opened, from 1 on. It has 47 bits.
  A block of flash endures 100,000 erases, so the count never ends.
- `records at` is the offset of the first record; it depends on the most keys a journal can have.
- `pointers` counts the pointers that were written.
- `CRC start` is a random number, drawn when the block is opened. The CRC-32 of each record in the
  block begins with it.

A record:

    number (2) | slot (2) | size of key (1) | size of value (2) | key | value | CRC-32 (4)

`number` counts the records of the block, from 0 on. Peers choose parts of keys and values. But
nobody can choose bytes that pass for a record: the CRC of a record begins with the block's CRC
start, which no peer knows. A copy of the whole flash does not help, since the next start opens a
new block. No head can stand in keys or values, since a head is read at the beginning of a block
alone.
"""

from binascii import crc32
from struct import pack_into, unpack_from

from joulestream.compat import const

ERASED_MARK = b"ERSD"
MAGIC = b"JNL3"
# A journal of the first version must not be erased: it may hold claims.
OLD_MAGIC = b"JNL2"
OLD_HEAD_SIZE = const(24)
HEAD_AT = const(4)
# Bytes of one head.
HEAD_SIZE = const(30)
POINTERS_AT = const(64)
POINTER_SIZE = const(4)
# A slot without a record has the bytes of erased flash.
NO_POINTER = b"\xff\xff\xff\xff"
# Bytes of a record before its key.
KEY_AT = const(7)
# Bytes of a record beside its key and its value.
OVERHEAD = const(11)
MAX_RECORD = const(512)
CRC_SIZE = const(4)
# A head with a greater sequence is not good, so the next sequence always fits.
MOST_BLOCKS_OPENED = const((1 << 47) - 1)
# A journal never opens so many blocks in its life: 65,536 blocks endure 100,000 erases each.
LIFE_OF_BLOCKS = const(1 << 33)


def records_at(most_keys: int) -> int:
    """Return the bytes of each block before its records, in a journal of so many keys."""
    return POINTERS_AT + POINTER_SIZE * most_keys


def room_for_records(blocks: int, capacity: int) -> int:
    """Return the bytes that the newest records of all keys may take.

    Args:
        blocks: the blocks of the journal that can be erased.
        capacity: the bytes for records in one block.
    """
    # One block is open and three are erased ahead. Of the others, half may be in use: else each
    # erase would free too little.
    return (blocks - 4) * (capacity // 2)


def record_size(key_size: int, value_size: int) -> int:
    """Return the bytes of a record, given those of its key and its value."""
    return OVERHEAD + key_size + value_size


def make_head(
    sequence: int, size: int, records_at: int, pointers: int, crc_start: int, pointers_crc: int
) -> bytearray:
    """Return the head of a block of `size` bytes, as the module describes it."""
    head = bytearray(HEAD_SIZE)
    head[:4] = MAGIC
    head[4:10] = sequence.to_bytes(6, "big")
    pack_into(">IHHII", head, 10, size, records_at, pointers, crc_start, pointers_crc)
    crc = crc32(memoryview(head)[: HEAD_SIZE - CRC_SIZE])
    pack_into(">I", head, HEAD_SIZE - CRC_SIZE, crc)
    return head


def parse_head(head: memoryview, size: int) -> "tuple[int, int, int, int, int] | None":
    """Return the fields of a head, without the size; None if it is none of this journal.

    They are: sequence, records at, pointers, CRC start, CRC of the pointers.

    Args:
        head: HEAD_SIZE bytes.
        size: the bytes of a block.
    """
    if head[:4] != MAGIC or not has_good_crc(head, HEAD_SIZE, 0):
        return None
    sequence = int.from_bytes(bytes(head[4:10]), "big")
    own_size, start, pointers, crc_start, pointers_crc = unpack_from(">IHHII", head, 10)
    if own_size != size:
        return None
    if not 0 < sequence <= MOST_BLOCKS_OPENED or not records_at(pointers) <= start <= size // 2:
        return None
    return sequence, start, pointers, crc_start, pointers_crc


def foreign_journal(head: memoryview, size: int) -> "str | None":
    """Return a sentence on the other journal that a head belongs to, or None; as parse_head."""
    if head[:4] == OLD_MAGIC and has_good_crc(head, OLD_HEAD_SIZE, 0):
        return "the flash holds an older version's journal; collect with that version"
    if head[:4] == MAGIC and has_good_crc(head, HEAD_SIZE, 0):
        own_size = unpack_from(">I", head, 10)[0]
        if own_size != size:
            return "the flash has blocks of %d bytes, not %d" % (own_size, size)
    return None


def has_good_crc(view: "bytearray | memoryview", size: int, crc_start: int) -> bool:
    """Return whether the last 4 of `size` bytes are the CRC-32 of the bytes before them."""
    crc: int = unpack_from(">I", view, size - CRC_SIZE)[0]
    return crc == crc32(view[: size - CRC_SIZE], crc_start)
