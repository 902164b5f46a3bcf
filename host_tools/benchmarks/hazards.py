"""When the heartbeat ends after every fault and every pair of faults, in every order."""

from typing import Any

from joulestream.host_tools.hazards.play import LIMIT_MS, pairs, play, schedules
from joulestream.pole.charger import TRANSITIONS


def measure() -> dict[str, Any]:
    """Return the latest end of the heartbeat, the numbers of pairs and rows, and the failures."""
    worst_ms = 0
    worst: list[str] = []
    failed: list[str] = []
    count = 0
    for pair in pairs():
        count += 1
        for schedule in schedules(*pair):
            outcome = play(schedule)
            told = [f"{fault.name} at {at_ms}" for fault, at_ms in schedule]
            if outcome.why or outcome.heartbeat_ms > LIMIT_MS:
                failed.append(f"{', '.join(told)}: {outcome.why}")
            if outcome.heartbeat_ms > worst_ms:
                worst_ms, worst = outcome.heartbeat_ms, told
    return {
        "heartbeat_end_worst_ms": worst_ms,
        "heartbeat_end_worst": ", ".join(worst),
        "fault_pairs": count,
        "fault_pairs_failed": failed,
        "pilot_transitions": sum(len(rows) for rows in TRANSITIONS),
    }
