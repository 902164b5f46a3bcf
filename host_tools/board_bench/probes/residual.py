"""Whether the residual-current device trips at its test. It runs on the board."""

import time

_LONGEST_MS = 7_000


def measure(board, config, asked):
    """Return the times of tripping and of being ready again in ms; None: it never came."""
    if board.residual_tripped() is None:
        return {"has_device": False}
    try:
        board.test_residual(True)
        tripped_ms = _await(board, True)
        board.test_residual(False)
        ready_ms = _await(board, False)
    finally:
        board.test_residual(False)
    return {"has_device": True, "tripped_ms": tripped_ms, "ready_ms": ready_ms}


def _await(board, tripped):
    begun_ms = time.ticks_ms()
    while board.residual_tripped() is not tripped:
        board.feed_watchdog()
        if time.ticks_diff(time.ticks_ms(), begun_ms) > _LONGEST_MS:
            return None
    return time.ticks_diff(time.ticks_ms(), begun_ms)
