"""What the tests that run on CPython and on MicroPython share."""

import json
from io import BytesIO

from joulestream.errors import PeerError

VECTORS = __file__.rsplit("/", 1)[0] + "/vectors/" if "/" in __file__ else "vectors/"


def load_section(name, key):
    """Return what `key` names in the JSON file `name`, which is too large for a board's heap.

    The file is written with an indentation of 1, so that a section ends where a line is indented
    by one again.
    """
    text = bytearray()
    start = b' "%s": ' % key.encode()
    with open(VECTORS + name, "rb") as file:
        for line in file:
            if line.startswith(start):
                text += line[len(start) :].strip()
            elif text and (line[1:2] == b'"' or line[:1] != b" "):
                break
            elif text:
                text += line.strip()
    return json.load(BytesIO(memoryview(text)[: len(text) - text.endswith(b",")]))


def raised(call, *arguments, **named):
    """Return the exception that a call raises, None if it raises none."""
    try:
        call(*arguments, **named)
    except Exception as error:
        return error
    return None


def peer_reason(call, *arguments):
    """Return the reason code of the PeerError that a call raises, 0 if it raises nothing."""
    try:
        call(*arguments)
    except PeerError as error:
        return error.reason
    return 0


class Random:
    """Repeatable numbers, the same on both runtimes (Marsaglia's xorshift, 32 bits)."""

    def __init__(self, seed):
        self._state = seed * 2654435761 % (1 << 32) or 1

    def below(self, limit):
        """Return a number from 0 to `limit` - 1."""
        state = self._state
        state ^= state << 13 & 0xFFFFFFFF
        state ^= state >> 17
        state ^= state << 5 & 0xFFFFFFFF
        self._state = state
        return state % limit

    def bytes(self, size):
        """Return `size` bytes."""
        return bytes([self.below(256) for _ in range(size)])


class RamFlash:
    """NOR flash in memory: erased to ones by block, programming clears bits."""

    def __init__(self, blocks=8, size=2048):
        self._data = [bytearray(b"\xff" * size) for _ in range(blocks)]
        self._size = size

    def readblocks(self, block, buffer, offset=0):
        buffer[:] = self._data[block][offset : offset + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        data = self._data[block]
        for at in range(len(buffer)):
            data[offset + at] &= buffer[at]

    def ioctl(self, operation, argument):
        if operation == 6:
            self._data[argument][:] = b"\xff" * self._size
        return len(self._data) if operation == 4 else self._size

    def copy(self):
        """Return the flash as it is now, to be read without disturbing who uses it."""
        other = RamFlash(len(self._data), self._size)
        for at in range(len(self._data)):
            other._data[at][:] = self._data[at]
        return other
