"""NOR flash in memory that fails as real flash does when it loses its supply.

Runs on CPython and on MicroPython. Programming clears bits; erasing a block sets all its bits.

A power cut leaves this behind:

- A program that is cut has programmed its first bytes. The byte after them is weak: at every
  power-up it reads either as before or as intended.
- A block that is cut during its erase is half erased. At every power-up it reads as a new mixture
  of its old bits and ones, until an erase of it is complete.

A firmware must not program a half erased block, and must not program a bit from 0 to 1. Both raise
FlashMisused here.
"""

from joulestream.compat import const
from joulestream.device.journal import Journal
from joulestream.device.ram_flash import RamFlash
from joulestream.testkit.random import Random

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from joulestream.device.journal_blocks import BlockDevice
    from joulestream.fields import Buffer

    class Choices(Protocol):
        """A source of choices, such as testkit.random.Random."""

        def below(self, limit: int) -> int: ...


# One series for all journals of a test, so that no two blocks get the same number from it.
_RANDOM = Random(1)


def mount(flash: "BlockDevice", most_keys: int = 32) -> Journal:
    """Return the journal on `flash`, with repeatable random numbers."""
    return Journal(flash, _RANDOM.bytes, most_keys)


class PowerCut(BaseException):
    """The supply failed in the middle of an operation. No handler of a firmware catches it."""


class FlashMisused(BaseException):
    """A firmware misused its flash. No handler of a firmware catches it, so none can hide it."""


class NorFlash(RamFlash):
    """A block device for joulestream.device.journal, with faults.

    Args:
        blocks: the number of blocks.
        size: the bytes of a block.
        random: decides how weak bytes and half erased blocks read. Without it, they read as
            before the operation that was cut.

    Attributes:
        blocks, size, data: as in RamFlash.
        erasures: how often each block was erased.
        operations: the number of programs and erases.
        bytes_read: the number of bytes that were read.
        cut_in: the programs and erases that still succeed before one is cut, which raises
            PowerCut. None: none is cut.
        torn: the share of its bytes, 0 to 1, that a program has done when it is cut or fails.
        fail_in: the programs and erases that still succeed before one raises OSError. None: none
            fails.
        may_erase: returns whether an erase is allowed now; None: always. An erase at another time
            raises FlashMisused.
    """

    def __init__(self, blocks: int = 8, size: int = 256, random: "Choices | None" = None) -> None:
        super().__init__(blocks, size)
        self.erasures = [0] * blocks
        self.operations = 0
        self.bytes_read = 0
        self.cut_in: int | None = None
        self.fail_in: int | None = None
        self.torn = 0.5
        self.may_erase: Callable[[], bool] | None = None
        self._random = random
        # Weak bytes: block, offset, the byte before the program, the byte that it meant to leave.
        self._weak: list[tuple[int, int, int, int]] = []
        # Half erased blocks, with their content before the erase.
        self._half_erased: dict[int, bytes] = {}

    def power_up(self) -> None:
        """Switch the supply on again: weak bytes and half erased blocks read anew."""
        self.cut_in = self.fail_in = None
        for block, offset, before, after in self._weak:
            self.data[block][offset] = after if self._below(2) else before
        for block in self._half_erased:
            self._smear(block)

    def image(self) -> "NorFlash":
        """Return a sound flash with the content that this one reads as now."""
        other = NorFlash(self.blocks, self.size)
        for block in range(self.blocks):
            other.data[block][:] = self.data[block]
        return other

    def readblocks(self, block: int, buffer: "bytearray | memoryview", offset: int = 0) -> None:
        """Fill `buffer` with the bytes of `block` from `offset` on."""
        self._require(offset + len(buffer) <= self.size, "read beyond the block")
        self.bytes_read += len(buffer)
        super().readblocks(block, buffer, offset)

    def writeblocks(self, block: int, buffer: "Buffer", offset: int = 0) -> None:
        """Program `buffer` into `block` from `offset` on.

        Raises FlashMisused, or the fault that `cut_in` or `fail_in` asks for.
        """
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

    def ioctl(self, operation: int, argument: int) -> int:
        """Count the blocks (4), tell the bytes of one (5) or erase block `argument` (6).

        Raises FlashMisused, or the fault that `cut_in` or `fail_in` asks for.
        """
        if operation != 6:
            return super().ioctl(operation, argument)
        self._require(
            self.may_erase is None or self.may_erase(),
            "erased where there is no time for an erase",
        )
        outcome = self._outcome()
        if outcome is PowerCut:
            if argument not in self._half_erased:
                self._half_erased[argument] = bytes(self.data[argument])
            self._smear(argument)
        if outcome is not None:
            raise outcome
        super().ioctl(operation, argument)
        self.erasures[argument] += 1
        self._half_erased.pop(argument, None)
        self._forget_weak(argument, 0, self.size)
        return 0

    def _require(self, holds: bool, text: str) -> None:
        if not holds:
            raise FlashMisused(text)

    def _outcome(self) -> "type[PowerCut] | OSError | None":
        """Count an operation; return the error that ends it, or None."""
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

    def _forget_weak(self, block: int, offset: int, count: int) -> None:
        """Make bytes sound: they were programmed to the end once more, or erased."""
        if self._weak:
            self._weak = [
                row
                for row in self._weak
                if row[0] != block or not offset <= row[1] < offset + count
            ]

    def _smear(self, block: int) -> None:
        """Let a half erased block read as a new mixture of its old bits and ones."""
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
                erased = self._below(2) == 1
            data[at] = 0xFF if erased else old[at]
        if kind == 3:
            data[edge % self.size] |= self._below(256)

    def _below(self, limit: int) -> int:
        return self._random.below(limit) if self._random else 0
