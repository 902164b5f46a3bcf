"""Run on the emulated board, which has no flash: mounts a file system in memory as /."""

import os
import sys

import vfs

BLOCK = 512
BLOCKS = 1536


class RamDisk:
    """A block device in memory."""

    def __init__(self):
        self._data = bytearray(BLOCK * BLOCKS)

    def readblocks(self, block, buffer, offset=0):
        start = block * BLOCK + offset
        buffer[:] = memoryview(self._data)[start : start + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        start = block * BLOCK + offset
        self._data[start : start + len(buffer)] = buffer

    def ioctl(self, operation, argument):
        return {4: BLOCKS, 5: BLOCK, 6: 0}.get(operation)


def mount():
    disk = RamDisk()
    vfs.VfsLfs2.mkfs(disk)
    vfs.mount(disk, "/")
    os.chdir("/")
    sys.path[:] = ["", "/lib"]


mount()
