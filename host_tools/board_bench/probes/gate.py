"""When the gate opens the contactor by itself: no step completes any more. It runs on the board.

The processor stays in a loop that gives no heartbeat, as a firmware that hangs does. The line
CONTACTOR stays high all that time.
"""

import time

_LONGEST_US = 3_000_000
_HOLD_MS = 600


def measure(board, config, asked):
    """Return the time from the last heartbeat to the opening in us; None: it did not open."""
    found = {"gate": board.gate(), "gate_ms": board.gate_ms(), "opened_us": None}
    found["has_feedback"] = board.contactor_feedback() is not None
    found["closed"] = False
    if not found["has_feedback"]:
        return found
    try:
        board.contactor(True)
        begun_ms = time.ticks_ms()
        while time.ticks_diff(time.ticks_ms(), begun_ms) < _HOLD_MS:
            board.feed_watchdog()
            time.sleep_ms(1)
        found["closed"] = board.contactor_feedback()
        begun_us = time.ticks_us()
        while board.contactor_feedback():
            if time.ticks_diff(time.ticks_us(), begun_us) > _LONGEST_US:
                return found
        found["opened_us"] = time.ticks_diff(time.ticks_us(), begun_us)
    finally:
        board.contactor(False)
    return found
