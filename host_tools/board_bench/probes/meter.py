"""The figures of the configured meter for some seconds. It runs on the board."""

import time

from joulestream.errors import reason_name
from joulestream.meter.config import check_meter
from joulestream.meter.counter import open_meter
from joulestream.units import TICKS_PERIOD


def measure(board, config, asked):
    """Return the power figures in mW, the energy in mWh, and the faults of the line."""
    if not config.get("meter"):
        return {"has_meter": False}
    counter = open_meter(check_meter(config["meter"]), board, config["max_power_mw"])
    begun_ms = last_ms = time.ticks_ms()
    powers_mw = []
    changed_ms = None
    while time.ticks_diff(time.ticks_ms(), begun_ms) < asked["seconds"] * 1_000:
        now_ms = time.ticks_ms()
        counter.advance(bool(asked["current_flows"]), now_ms & (TICKS_PERIOD - 1))
        if counter.changed_ms != changed_ms and not counter.doubt:
            changed_ms = counter.changed_ms
            powers_mw.append(counter.power_mw)
        board.feed_watchdog()
        time.sleep_ms(5)
        last_ms = now_ms
    return {
        "has_meter": True,
        "model": config["meter"].get("model", ""),
        "powers_mw": powers_mw,
        "energy_mwh": counter.total_mwh,
        "elapsed_ms": time.ticks_diff(last_ms, begun_ms),
        "reading_ms": counter.reading_ms,
        "bad_answers": counter.driver.bad_answers,
        "skipped_bytes": counter.driver.skipped_bytes,
        "doubt": reason_name(counter.doubt) if counter.doubt else None,
    }
