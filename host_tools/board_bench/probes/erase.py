"""How many bytes of the link get lost while flash is erased. It runs on the board.

The block that it erases holds nothing: all of its bytes read 0xFF.
"""

import time

_SILENCE_MS = 3_000
_PART = 256


def measure(board, config, asked):
    """Return how many bytes came while blank blocks were erased, and the longest erase in us."""
    storage = board.storage()
    block = _blank(board, storage)
    if block is None:
        return {"has_blank_block": False}
    uart = board.uart("link")
    buffer = bytearray(_PART)
    while uart.readinto(buffer):
        pass
    print("READY")
    came = erases = longest_us = 0
    last_ms = time.ticks_ms()
    while came < asked["bytes"] and time.ticks_diff(time.ticks_ms(), last_ms) < _SILENCE_MS:
        board.feed_watchdog()
        count = uart.readinto(buffer)
        if count:
            last_ms = time.ticks_ms()
            came += count
            # Spread over the bytes that are still to come.
            if erases < asked["erases"] and came > (erases + 1) * asked["bytes"] // 8:
                erases += 1
                begun_us = time.ticks_us()
                storage.ioctl(6, block)
                longest_us = max(longest_us, time.ticks_diff(time.ticks_us(), begun_us))
    return {"has_blank_block": True, "came": came, "erases": erases, "longest_us": longest_us}


def _blank(board, storage):
    """Return the number of a block that reads 0xFF in its whole, or None."""
    size = storage.ioctl(5, 0)
    part = bytearray(_PART)
    blank = b"\xff" * _PART
    for block in range(storage.ioctl(4, 0) - 1, -1, -1):
        board.feed_watchdog()
        for at in range(0, size, _PART):
            storage.readblocks(block, part, at)
            if part != blank:
                break
        else:
            return block
    return None
