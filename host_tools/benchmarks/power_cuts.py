"""A power cut at each operation of a flash, under the real littlefs and the real firmwares."""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from joulestream.host_tools.build import shell

_POINTS = 10_000


def measure() -> dict[str, int]:
    """Return how often the power was cut, and how many of the cuts broke a promise."""
    jobs = os.cpu_count() or 1
    program = [sys.executable, "-m", "joulestream.host_tools.simulation.power_cuts"]

    def run(job: int) -> dict[str, Any]:
        command = [*program, str(1 + 100_000 * job), str(-(-_POINTS // jobs))]
        return json.loads(shell.run(command, "cutting the power"))

    with ThreadPoolExecutor(jobs) as pool:
        found = list(pool.map(run, range(jobs)))
    return {
        "power_cut_points": sum(part["points"] for part in found),
        "power_cut_losses": sum(len(part["failures"]) for part in found),
    }
