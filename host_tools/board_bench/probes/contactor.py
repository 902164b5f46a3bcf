"""How fast the contactor follows its coil, by the auxiliary contact. It runs on the board."""

import time

_CLICKS = 10
_LONGEST_US = 1_000_000
_REST_MS = 400


def measure(board, config, asked):
    """Return the times of closing and opening in us; the last one is None if it never came."""
    if board.contactor_feedback() is None:
        return {"has_feedback": False}
    closing_us = []
    opening_us = []
    try:
        for _ in range(_CLICKS):
            closing_us.append(_switch(board, True))
            _hold(board, _REST_MS)
            opening_us.append(_switch(board, False))
            _hold(board, _REST_MS)
            if None in (closing_us[-1], opening_us[-1]):
                break
    finally:
        board.contactor(False)
    return {"has_feedback": True, "closing_us": closing_us, "opening_us": opening_us}


def _switch(board, closed):
    begun_us = time.ticks_us()
    board.contactor(closed)
    while board.contactor_feedback() is not closed:
        board.feed_watchdog()
        if time.ticks_diff(time.ticks_us(), begun_us) > _LONGEST_US:
            return None
    return time.ticks_diff(time.ticks_us(), begun_us)


def _hold(board, time_ms):
    begun_ms = time.ticks_ms()
    while time.ticks_diff(time.ticks_ms(), begun_ms) < time_ms:
        board.feed_watchdog()
        time.sleep_ms(1)
