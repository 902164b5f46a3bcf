"""Repeatable random numbers, the same on CPython and on MicroPython."""

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    import builtins


class Random:
    """A generator of pseudo-random numbers: a seed gives the same series on both runtimes.

    Source: G. Marsaglia, "Xorshift RNGs", 2003, with 32 bits of state.

    Args:
        seed: any integer.
    """

    def __init__(self, seed: int) -> None:
        # The golden ratio times 2^32 spreads small seeds over all bits. A state of 0 would stay 0.
        self._state = seed * 2654435761 % (1 << 32) or 1

    def below(self, limit: int) -> int:
        """Return a number from 0 to `limit` - 1."""
        state = self._state
        state ^= state << 13 & 0xFFFFFFFF
        state ^= state >> 17
        state ^= state << 5 & 0xFFFFFFFF
        self._state = state
        return state % limit

    def bytes(self, size: int) -> "builtins.bytes":
        """Return `size` bytes."""
        return bytes([self.below(256) for _ in range(size)])
