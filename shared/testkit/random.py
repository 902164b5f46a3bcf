"""Repeatable random numbers, the same on CPython and on MicroPython."""


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
