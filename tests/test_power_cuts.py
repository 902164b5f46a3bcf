"""Nothing acknowledged is lost when the power goes in the middle of an operation of a flash.

Five thousand such cuts are played, by programs of their own, since each cut is a fork.
`make bench` plays ten thousand, and `make soak` two hundred thousand.
"""

import json
import os
import subprocess
import sys

import pytest

PROGRAM = "joulestream.host_tools.simulation.power_cuts"
POINTS = int(os.environ.get("JOULESTREAM_POWER_CUTS", "5000"))
# Programs that run side by side, each with seeds of its own.
CHUNKS = 4
# More seeds than a chunk can play.
SEEDS_APART = 100_000


def power_cuts(first_seed, points):
    """Run the program with `points` cuts in all; return its figures."""
    done = subprocess.run(
        [sys.executable, "-m", PROGRAM, str(first_seed), str(points)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_nothing_acknowledged_is_lost(chunk):
    found = power_cuts(1 + chunk * SEEDS_APART, -(-POINTS // CHUNKS))
    assert found["failures"] == []
    assert found["points"] == -(-POINTS // CHUNKS)
