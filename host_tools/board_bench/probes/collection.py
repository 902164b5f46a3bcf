"""How long a collection of garbage takes. It runs on the board, after the firmware's modules."""

import gc
import time

_COLLECTIONS = 20


def measure(board, config, asked):
    """Return the times of some collections in us, and the heap."""
    import joulestream.pole.main  # noqa: F401 - fills the heap as a firmware does

    times_us = []
    for _ in range(_COLLECTIONS):
        kept = [bytearray(16) for _ in range(200)]
        begun_us = time.ticks_us()
        gc.collect()
        times_us.append(time.ticks_diff(time.ticks_us(), begun_us))
        del kept
    return {
        "times_us": times_us,
        "heap_free": gc.mem_free(),
        "heap_used": gc.mem_alloc(),
        "hold_ms": config.get("contactor_hold_ms", 450),
    }
