"""Runs on the emulated board, which has no flash: mounts the file system in its memory as /.

The emulator loads an image of the file system to the address `AT`, above the memory that
MicroPython uses. host_tools/rv32/make_image.py makes the image with the constants and the class of
this file.
"""

import os
import sys

import vfs

AT = 0x84000000
BLOCK = 512
BLOCKS = 4096

# The operations of a block device's ioctl (MicroPython, class AbstractBlockDev).
_BLOCK_COUNT = 4
_BLOCK_SIZE = 5
_ERASE = 6


class Disk:
    """A block device in memory.

    Args:
        memory: a writable buffer of whole blocks.
        block: bytes in a block.
    """

    def __init__(self, memory: bytearray, block: int = BLOCK) -> None:
        self._data = memoryview(memory)
        self._block = block

    def readblocks(self, block: int, buffer: bytearray, offset: int = 0) -> None:
        """Fill `buffer` with the bytes of `block` from `offset` on."""
        start = block * self._block + offset
        buffer[:] = self._data[start : start + len(buffer)]

    def writeblocks(self, block: int, buffer: bytes, offset: int = 0) -> None:
        """Write `buffer` into `block` from `offset` on."""
        start = block * self._block + offset
        self._data[start : start + len(buffer)] = buffer

    def ioctl(self, operation: int, argument: int) -> "int | None":
        """Return the number of blocks (4) or the bytes of one (5); memory needs no erasing (6)."""
        blocks = len(self._data) // self._block
        return {_BLOCK_COUNT: blocks, _BLOCK_SIZE: self._block, _ERASE: 0}.get(operation)


def mount() -> None:
    """Mount the image at `AT` as /, and import from /, /lib and a ROMFS only."""
    import uctypes

    vfs.mount(Disk(uctypes.bytearray_at(AT, BLOCK * BLOCKS)), "/")
    os.chdir("/")
    roms = [path for path in sys.path if path.startswith("/rom")]
    sys.path[:] = ["", "/lib"] + roms


if __name__ == "__main__":
    mount()
