"""NOR flash in memory that behaves as badly as the real one when its supply fails.

Runs on CPython and on MicroPython. Programming clears bits, erasing a block sets them. A program
that is cut has done its first bytes; the byte in flight is weak: at every power-up it may read as
before or as intended. A block whose erase is cut reads as anything between old and erased, anew at
every power-up, until it is erased. Programming what is weak, or setting a bit, is an error here.
"""


class PowerCut(BaseException):
    """The supply went away in the middle of an operation: nothing in a firmware may catch it."""


class FlashMisused(BaseException):
    """A firmware did to its flash what it must never do: no handler of its own may hide it."""


class NorFlash:
    """A block device as joulestream.journal wants it; `random` is a testkit Random.

    `cut_in` counts down with every program and erase; when it reaches 0, the power goes in the
    middle of that operation, a program having done `torn` (0 to 1) of its bytes. `fail_in` does
    the same for an OSError. `may_erase()` tells whether an erase is allowed now.
    """

    def __init__(self, blocks=8, size=256, random=None):
        self.blocks = blocks
        self.size = size
        self.data = [bytearray(b"\xff" * size) for _ in range(blocks)]
        self.erasures = [0] * blocks
        self.operations = 0
        self.bytes_read = 0
        self.cut_in = None
        self.fail_in = None
        self.torn = 0.5
        self.may_erase = None
        self._random = random
        self._weak = []  # (block, offset, one reading, another)
        self._half_erased = {}  # block: what it held

    def power_up(self):
        """Read anew what a power cut left weak."""
        self.cut_in = self.fail_in = None
        for block, offset, before, after in self._weak:
            self.data[block][offset] = after if self._below(2) else before
        for block in self._half_erased:
            self._smear(block)

    def image(self):
        """Return a sound flash with what this one reads like now."""
        other = NorFlash(self.blocks, self.size)
        for block in range(self.blocks):
            other.data[block][:] = self.data[block]
        return other

    def readblocks(self, block, buffer, offset=0):
        self._require(offset + len(buffer) <= self.size, "read beyond the block")
        self.bytes_read += len(buffer)
        buffer[:] = memoryview(self.data[block])[offset : offset + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        self._require(offset + len(buffer) <= self.size, "programmed beyond the block")
        sound = block not in self._half_erased or not any(buffer)
        self._require(sound, "programmed a half erased block")
        count = len(buffer)
        outcome = self._outcome()
        if outcome:
            count = min(int(count * self.torn), count - 1)
        data = self.data[block]
        present = data[offset : offset + count]
        wanted = bytes(buffer[:count])
        zeros = int.from_bytes(wanted, "big")
        self._require(zeros & int.from_bytes(present, "big") == zeros, "programmed over")
        data[offset : offset + count] = wanted
        if outcome is None:
            self._forget_weak(block, offset, count)
            return
        at = offset + count
        if outcome is PowerCut:
            self._weak.append((block, at, data[at], data[at] & buffer[count]))
        raise outcome

    def ioctl(self, operation, argument):
        if operation == 4:
            return self.blocks
        if operation == 5:
            return self.size
        self._require(not self.may_erase or self.may_erase(), "erased where no time is for it")
        outcome = self._outcome()
        if outcome is PowerCut:
            if argument not in self._half_erased:
                self._half_erased[argument] = bytes(self.data[argument])
            self._smear(argument)
        if outcome is not None:
            raise outcome
        self.data[argument][:] = b"\xff" * self.size
        self.erasures[argument] += 1
        self._half_erased.pop(argument, None)
        self._forget_weak(argument, 0, self.size)
        return 0

    def _require(self, holds, text):
        if not holds:
            raise FlashMisused(text)

    def _outcome(self):
        """Count an operation; return None, or the error it ends with."""
        self.operations += 1
        outcome = None
        if self.cut_in is not None:
            self.cut_in -= 1
            if self.cut_in < 0:
                self.cut_in = 0
                return PowerCut
        if self.fail_in is not None:
            self.fail_in -= 1
            if self.fail_in < 0:
                self.fail_in = None
                outcome = OSError(5)
        return outcome

    def _forget_weak(self, block, offset, count):
        """A byte that was programmed again to what it should be, or erased, is sound."""
        if self._weak:
            self._weak = [
                row
                for row in self._weak
                if row[0] != block or not offset <= row[1] < offset + count
            ]

    def _smear(self, block):
        """Let a half erased block read as bits of old and erased, in any mixture."""
        old = self._half_erased[block]
        kind = self._below(4)
        edge = self._below(self.size + 1)
        data = self.data[block]
        for at in range(self.size):
            if kind == 0:
                erased = at < edge
            elif kind == 1:
                erased = at >= edge
            else:
                erased = self._below(2)
            data[at] = 0xFF if erased else old[at]
        if kind == 3:
            data[edge % self.size] |= self._below(256)

    def _below(self, limit):
        return self._random.below(limit) if self._random else 0


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
