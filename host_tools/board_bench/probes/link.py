"""The far end of the check `link`: it sends back all that comes. It runs on the board."""

import time

_SILENCE_MS = 3_000


def measure(board, config, asked):
    """Return how many bytes came; it ends when nothing has come for a while."""
    uart = board.uart("link")
    buffer = bytearray(256)
    while uart.readinto(buffer):
        pass
    print("READY")
    view = memoryview(buffer)
    came = 0
    last_ms = time.ticks_ms()
    while came < asked["bytes"] and time.ticks_diff(time.ticks_ms(), last_ms) < _SILENCE_MS:
        board.feed_watchdog()
        count = uart.readinto(buffer)
        if not count:
            continue
        last_ms = time.ticks_ms()
        came += count
        sent = 0
        while sent < count:
            sent += uart.write(view[sent:count])
    return {"came": came}
