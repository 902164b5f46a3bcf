"""The bytes of a journal on flash: the head of a block, its pointers, its records.

All integers are big-endian. A block, with its offsets in bytes:

    0       4       8          12             16           18         20       24       28
    +-------+-------+----------+--------------+------------+----------+--------+--------+
    | "ERSD"| "JNL2"| sequence | first record | records at | pointers | CRC of | CRC of |
    |       |       | of block |              | (2 bytes)  | (2)      | point. | head   |
    +-------+-------+----------+--------------+------------+----------+--------+--------+
    | pointer of slot 0 | pointer of slot 1 | ... room for one pointer a key            |
    +-----------------------------------------------------------------------------------+
    | record | record | record | ... erased bytes, all 0xFF                             |
    +-----------------------------------------------------------------------------------+

- "ERSD" is programmed when an erase is complete. A block without it must be erased.
- `sequence` counts the blocks in the order in which they were opened, from 1 on.
- `first record` is the sequence of the block's first record.
- `records at` is the offset of the first record; it depends on the most keys a journal can have.
- `pointers` counts the pointers that were written. Each pointer is the block (2) and the offset
  (2) of the newest record of one key, at the time when this block was opened. A slot is the
  number of a key; a key keeps its slot.

A record:

    sequence (4) | slot (2) | size of key (1) | size of value (2) | key | value | CRC-32 (4)
"""

from binascii import crc32
from struct import pack_into, unpack_from

from joulestream.compat import const

ERASED_MARK = b"ERSD"
MAGIC = b"JNL2"
HEAD_AT = const(4)
# Bytes of the head, which does not include "ERSD".
HEAD_SIZE = const(24)
POINTERS_AT = const(28)
POINTER_SIZE = const(4)
# A slot without a record has the bytes of erased flash.
NO_POINTER = b"\xff\xff\xff\xff"
# Bytes of a record before its key.
KEY_AT = const(9)
# Bytes of a record beside its key and its value.
OVERHEAD = const(13)
MAX_RECORD = const(512)
CRC_SIZE = const(4)


def records_at(most_keys: int) -> int:
    """Return the bytes of each block before its records, in a journal of so many keys."""
    return POINTERS_AT + POINTER_SIZE * most_keys


def record_size(key_size: int, value_size: int) -> int:
    """Return the bytes of a record, given those of its key and its value."""
    return OVERHEAD + key_size + value_size


def make_head(
    sequence: int, first_record: int, records_at: int, pointers: int, pointers_crc: int
) -> bytearray:
    """Return the head of a block, as the module describes it, without "ERSD"."""
    head = bytearray(HEAD_SIZE)
    head[:4] = MAGIC
    pack_into(">IIHHI", head, 4, sequence, first_record, records_at, pointers, pointers_crc)
    pack_into(">I", head, HEAD_SIZE - CRC_SIZE, crc32(memoryview(head)[: HEAD_SIZE - CRC_SIZE]))
    return head


def is_good_head(head: "bytearray | memoryview") -> bool:
    """Return whether `head`, the HEAD_SIZE bytes at HEAD_AT, is complete and undamaged."""
    return head[:4] == MAGIC and has_good_crc(head, HEAD_SIZE)


def has_good_crc(view: "bytearray | memoryview", size: int) -> bool:
    """Return whether the last 4 of `size` bytes are the CRC-32 of the bytes before them."""
    return unpack_from(">I", view, size - CRC_SIZE)[0] == crc32(view[: size - CRC_SIZE])
