"""Turns the bytes of a fuzzer's input into decisions, and reports broken invariants."""

import builtins
from collections.abc import Sequence
from typing import Any


class InvariantBroken(AssertionError):
    """An invariant does not hold: a sentence that describes the fault."""


def fail_unless(holds: object, fault: str) -> None:
    """Raise InvariantBroken with the sentence `fault` unless `holds` is true."""
    if not holds:
        raise InvariantBroken(fault)


class Choices:
    """Takes decisions from `data`, from its front to its end. After the end they are all 0.

    Each decision takes whole bytes. So a fuzzer that changes one byte changes one decision.
    """

    def __init__(self, data: bytes) -> None:
        self._data = bytes(data)
        self._at = 0

    def __bool__(self) -> bool:
        """Return whether there are bytes left."""
        return self._at < len(self._data)

    def bytes(self, size: int) -> builtins.bytes:
        """Return the next `size` bytes, followed by zeros if there are fewer."""
        taken = self._data[self._at : self._at + size]
        self._at += size
        return taken + bytes(size - len(taken))

    def rest(self) -> builtins.bytes:
        """Return all bytes that are left."""
        taken = self._data[self._at :]
        self._at = len(self._data)
        return taken

    def uint(self, size: int) -> int:
        """Return an unsigned integer of the next `size` bytes."""
        return int.from_bytes(self.bytes(size), "big")

    def below(self, limit: int) -> int:
        """Return a number from 0 to `limit` - 1; `limit` is at most 65,536."""
        return self.uint(1 if limit <= 256 else 2) % limit

    def one_of(self, values: Sequence[Any]) -> Any:
        """Return one of `values`, a sequence."""
        return values[self.below(len(values))]
