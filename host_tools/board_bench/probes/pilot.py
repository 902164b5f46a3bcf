"""The readings of the pilot's input. It runs on the board."""

import time

_READINGS = 50


def measure(board, config, asked):
    """Return the states of some readings in a row, and the peak in mV if the board tells it."""
    board.pause(False)
    states = {}
    for _ in range(_READINGS):
        state = board.pilot_state()
        states[state] = states.get(state, 0) + 1
        board.feed_watchdog()
        time.sleep_ms(2)
    last = board.pilot_state()
    peak = getattr(board, "_peak_mv", None)
    return {"state": last, "states": states, "peak_mv": peak() if peak and board._adc else None}
