"""The watch over the heap: notices that it fills or fragments before an allocation fails."""

import gc

from joulestream.compat import const
from joulestream.units import ticks_diff

# A session needs no single piece larger than a certificate and what it is decoded into.
_RESERVE = const(4096)
_EVERY_MS = const(10_000)


class HeapWatch:
    """Collects garbage now and then, and looks whether a large piece could still be had."""

    def __init__(self, reserve=_RESERVE, every_ms=_EVERY_MS):
        self._reserve = reserve
        self._every_ms = every_ms
        self._looked_ms = None

    def is_low(self, now_ms):
        """Return whether `reserve` bytes in one piece cannot be had; looks every `every_ms`."""
        if self._looked_ms is not None and ticks_diff(now_ms, self._looked_ms) < self._every_ms:
            return False
        self._looked_ms = now_ms
        if not hasattr(gc, "mem_free"):  # CPython's heap grows
            return False
        gc.collect()
        try:
            bytearray(self._reserve)
        except MemoryError:
            return True
        return False
