"""The power goes at every operation of a flash, ten thousand times; nothing stored is lost."""

import json
import os
import subprocess
import sys

import pytest

PROGRAM = "joulestream.host_tools.simulation.power_cuts"
POINTS = int(os.environ.get("JOULESTREAM_POWER_CUTS", "10000"))
CHUNKS = 4
# Seeds of one chunk never reach those of the next.
SEEDS_APART = 100_000


def power_cuts(first_seed, points, environment=None):
    """Run histories with that many cuts in all; return the program's figures."""
    done = subprocess.run(
        [sys.executable, "-m", PROGRAM, str(first_seed), str(points)],
        env={**os.environ, **(environment or {})},
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
