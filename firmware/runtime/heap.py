"""The watch over the heap: it notices a full or fragmented heap before an allocation fails."""

import gc

from joulestream.compat import const
from joulestream.units import Timer

# A session needs no single piece larger than a certificate and the record decoded from it.
_RESERVE = const(4096)
_EVERY_MS = const(10_000)


class HeapWatch:
    """Collects garbage every `every_ms`, and then tries to allocate `reserve` bytes."""

    def __init__(self, reserve: int = _RESERVE, every_ms: int = _EVERY_MS) -> None:
        self._reserve = reserve
        self._every_ms = every_ms
        self._pause = Timer()

    def is_low(self, now_ms: int) -> bool:
        """Return whether `reserve` bytes in one piece cannot be had at the tick `now_ms`.

        Between two looks the answer is False.
        """
        if not self._pause.is_over(now_ms):
            return False
        self._pause.start(now_ms, self._every_ms)
        if not hasattr(gc, "mem_free"):  # CPython's heap grows
            return False
        gc.collect()
        try:
            bytearray(self._reserve)
        except MemoryError:
            return True
        return False
