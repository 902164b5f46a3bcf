"""Run on the emulated board, which has no flash: mounts the file system in its memory as /.

The emulator loads an image of it to `AT`, behind the memory that MicroPython uses;
host_tools/rv32/make_image.py makes the image with the constants and the class of this file.
"""

import os
import sys

import vfs

AT = 0x84000000
BLOCK = 512
BLOCKS = 1536


class Disk:
    """A block device in `memory`, a buffer of `BLOCK` * `BLOCKS` bytes."""

    def __init__(self, memory):
        self._data = memoryview(memory)

    def readblocks(self, block, buffer, offset=0):
        start = block * BLOCK + offset
        buffer[:] = self._data[start : start + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        start = block * BLOCK + offset
        self._data[start : start + len(buffer)] = buffer

    def ioctl(self, operation, argument):
        return {4: BLOCKS, 5: BLOCK, 6: 0}.get(operation)


def mount():
    import uctypes

    vfs.mount(Disk(uctypes.bytearray_at(AT, BLOCK * BLOCKS)), "/")
    os.chdir("/")
    sys.path[:] = ["", "/lib"]


if __name__ == "__main__":
    mount()
