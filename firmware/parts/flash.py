"""The journal's part of a chip's own flash, through MicroPython's ports.

    PARTITION   esp32: a partition, found by its label. `writeblocks` with an offset programs
                without an erase, any number of bytes (ports/esp32/esp32_partition.c).
    REGION      rp2: a part of the flash behind the program. The boot ROM programs whole pages of
                256 bytes, from RAM alone, and tells of no fault (RP2040 datasheet, 2.8.3.1.3).

Neither was run on hardware.
"""

import os

from joulestream.compat import const
from joulestream.runtime.fault import PartFault

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.fields import Buffer

PARTITION = const(1)
REGION = const(2)

_BLOCK = const(4096)
_LEAST_BLOCKS = const(6)
_PAGE = const(256)
_ERASED_PAGE = b"\xff" * _PAGE
_COUNT_BLOCKS = const(4)
_BLOCK_SIZE = const(5)
# Of a partition's info(): type, subtype, address, size, label, encrypted.
_TYPE_DATA = const(1)
# Subtypes up to here belong to the boot loader, to Wi-Fi and to NVS (ESP-IDF, partition tables).
_LAST_SYSTEM_SUBTYPE = const(5)
_WORN = "the flash keeps other bytes than were programmed; replace the board"
_FILE_SYSTEMS = ("vfs", "ffat", "romfs")


def open_flash(kind: int, place: "Any") -> "Any":
    """Return the block device at `place`: a label, or the start and size of a region in bytes.

    Raises ValueError, in one sentence, when it cannot hold a journal.
    """
    return open_partition(place) if kind == PARTITION else open_region(*place)


def open_partition(label: str) -> "PartitionFlash":
    """Return the esp32 Partition called `label`."""
    from esp32 import Partition

    try:
        partition = Partition(label)
    except OSError:
        raise ValueError(
            "the flash has no partition '%s'; add it to the partition table, or set"
            " 'board.storage' to the FRAM" % label
        )
    info = partition.info()
    if label in _FILE_SYSTEMS or info[0] != _TYPE_DATA or info[1] <= _LAST_SYSTEM_SUBTYPE:
        raise ValueError("the partition '%s' is not free; give the journal one of its own" % label)
    if info[5]:
        raise ValueError("the partition '%s' is encrypted; make it a plain one" % label)
    _check_shape("the partition '%s'" % label, partition)
    return PartitionFlash(partition)


def open_region(start: int, size: int) -> "PageFlash":
    """Return `size` bytes of the rp2 port's flash, from byte `start` of its storage on."""
    import rp2

    try:
        flash = rp2.Flash(start=start, len=size)
    except ValueError:
        raise ValueError(
            "the flash has no %d bytes at %d behind the program; correct 'board.flash_start' or"
            " 'board.flash_bytes'" % (size, start)
        )
    used = _file_system_bytes()
    if used > start:
        raise ValueError(
            "the file system takes %d bytes of flash and the journal begins at %d; use an image"
            " with a smaller file system, or the FRAM" % (used, start)
        )
    _check_shape("the flash at %d" % start, flash)
    return PageFlash(flash)


def _file_system_bytes() -> int:
    """Return how much of the flash the mounted file system takes, from its start on."""
    try:
        sizes = os.statvfs("/")
    except OSError:  # none is mounted
        return 0
    return sizes[1] * sizes[2]


def _check_shape(name: str, device: "Any") -> None:
    size = device.ioctl(_BLOCK_SIZE, 0)
    if size != _BLOCK:
        raise ValueError("%s has blocks of %d bytes, not %d; replace it" % (name, size, _BLOCK))
    blocks = device.ioctl(_COUNT_BLOCKS, 0)
    if blocks < _LEAST_BLOCKS:
        raise ValueError(
            "%s has %d blocks, fewer than %d; make it larger" % (name, blocks, _LEAST_BLOCKS)
        )


class PartitionFlash:
    """The block device `partition`, with a sentence for a fault of the driver.

    `fault` is the sentence of the last call, if that failed.
    """

    def __init__(self, partition: "Any") -> None:
        self._partition = partition
        self.fault: str | None = None

    def readblocks(self, block: int, buffer: "bytearray | memoryview", offset: int = 0) -> None:
        """Fill `buffer` with the bytes of `block` from `offset` on."""
        try:
            self._partition.readblocks(block, buffer, offset)
        except OSError:
            raise self._failed("read")

    def writeblocks(self, block: int, buffer: "Buffer", offset: int = 0) -> None:
        """Program `buffer` into `block` from `offset` on."""
        try:
            self._partition.writeblocks(block, buffer, offset)
        except OSError:
            raise self._failed("program")
        self.fault = None

    def ioctl(self, operation: int, argument: int) -> int:
        """Count the blocks (4), tell the bytes of one (5) or erase block `argument` (6)."""
        try:
            result: int = self._partition.ioctl(operation, argument)
        except OSError:
            raise self._failed("erase")
        return result

    def _failed(self, verb: str) -> PartFault:
        self.fault = "the flash fails to %s; replace the board" % verb
        return PartFault(self.fault)


class PageFlash:
    """Programs single bytes of `flash`, a device that programs whole pages alone.

    The other bytes of a page are programmed with ones, which change nothing. `fault` is the
    sentence of the last call, if that failed.
    """

    def __init__(self, flash: "Any") -> None:
        self._flash = flash
        self.fault: str | None = None
        self._page = bytearray(_PAGE)
        self._check = bytearray(_PAGE)

    def readblocks(self, block: int, buffer: "bytearray | memoryview", offset: int = 0) -> None:
        """Fill `buffer` with the bytes of `block` from `offset` on."""
        self._flash.readblocks(block, buffer, offset)

    def writeblocks(self, block: int, buffer: "Buffer", offset: int = 0) -> None:
        """Program `buffer` into `block` from `offset` on. Raises PartFault."""
        page = self._page
        data = memoryview(buffer)
        at = 0
        while at < len(data):
            into = (offset + at) % _PAGE
            count = min(_PAGE - into, len(data) - at)
            page[:] = _ERASED_PAGE
            page[into : into + count] = data[at : at + count]
            start = offset + at - into
            self._flash.writeblocks(block, page, start)
            self._flash.readblocks(block, self._check, start)
            for index in range(into, into + count):
                if self._check[index] & ~page[index]:
                    self.fault = _WORN
                    raise PartFault(_WORN)
            at += count
        self.fault = None

    def ioctl(self, operation: int, argument: int) -> int:
        """Count the blocks (4), tell the bytes of one (5) or erase block `argument` (6)."""
        result: int = self._flash.ioctl(operation, argument)
        return result
