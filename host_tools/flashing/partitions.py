"""The partition table in MicroPython's image for an ESP32, with a partition for the journal.

The stock table gives the rest of the flash to the file system, or has no partition for it, and
then MicroPython adds one. Ours names both: the files up to the journal, and the journal at the end
of the flash. Source: ESP-IDF, "Partition Tables".
"""

import hashlib
import struct
from typing import NamedTuple

from joulestream.host_tools.flashing.targets import MIB, BoardError

_TABLE_AT, _TABLE_BYTES = 0x8000, 0xC00
_ENTRY = struct.Struct("<2sBBII16sI")
_MAGIC, _MD5_MAGIC = b"\xaa\x50", b"\xeb\xeb"
# The first byte of a boot loader; in its fourth byte the flash's size is 1 MB, doubled so often.
_IMAGE_MAGIC, _SIZE_AT = 0xE9, 3
_DATA, _FAT = 1, 0x81
_SECTOR = 0x1000
_FILES, _JOURNAL = "vfs", "journal"
JOURNAL_BYTES = 256 * 1024
# Two releases, their configuration, and room to grow.
_LEAST_FILES = MIB


class Partition(NamedTuple):
    """One row of the table."""

    kind: int
    subtype: int
    offset: int
    size: int
    label: str
    flags: int = 0

    @property
    def end(self) -> int:
        """The first byte behind it."""
        return self.offset + self.size


def flash_bytes(image: bytes) -> int:
    """Return the size of the flash that an image is built for. Raises BoardError."""
    if len(image) <= _TABLE_AT or image[0] != _IMAGE_MAGIC:
        raise BoardError("the image is no image of MicroPython for an ESP32; name its .bin file")
    return MIB << (image[_SIZE_AT] >> 4)


def read(image: bytes, image_at: int) -> list[Partition]:
    """Return the table in an image that begins at the flash's byte `image_at`.

    Raises:
        BoardError: there is none.
    """
    at = _TABLE_AT - image_at
    rows = []
    for start in range(at, at + _TABLE_BYTES, _ENTRY.size):
        entry = image[start : start + _ENTRY.size]
        if len(entry) < _ENTRY.size or entry[:2] != _MAGIC:
            break
        _, kind, subtype, offset, size, label, flags = _ENTRY.unpack(entry)
        name = label.rstrip(b"\0").decode("ascii", "replace")
        rows.append(Partition(kind, subtype, offset, size, name, flags))
    if not rows:
        raise BoardError("the image has no partition table; name MicroPython's .bin file")
    return rows


def with_journal(image: bytes, image_at: int) -> bytes:
    """Return the image with a partition for the journal; one that has it stays as it is.

    Raises:
        BoardError: it is no such image, or the flash has no room.
    """
    total = flash_bytes(image)
    rows = read(image, image_at)
    if any(row.label == _JOURNAL for row in rows):
        return image
    kept = [row for row in rows if row.label != _FILES]
    start = -(-max(row.end for row in kept) // _SECTOR) * _SECTOR
    for row in rows:
        if row.label == _FILES:
            start = max(start, row.offset)
    journal_at = total - JOURNAL_BYTES
    if journal_at - start < _LEAST_FILES:
        raise BoardError(
            f"the image is for {total // MIB} MB of flash, which is too little for the files and"
            " the journal; take a board and an image with 4 MB or more"
        )
    new = [
        *kept,
        Partition(_DATA, _FAT, start, journal_at - start, _FILES),
        Partition(_DATA, _FAT, journal_at, JOURNAL_BYTES, _JOURNAL),
    ]
    at = _TABLE_AT - image_at
    return image[:at] + _table(new) + image[at + _TABLE_BYTES :]


def _table(rows: list[Partition]) -> bytes:
    data = b"".join(
        _ENTRY.pack(
            _MAGIC, row.kind, row.subtype, row.offset, row.size, row.label.encode(), row.flags
        )
        for row in rows
    )
    checked = data + _MD5_MAGIC.ljust(16, b"\xff") + hashlib.md5(data).digest()
    return checked.ljust(_TABLE_BYTES, b"\xff")
