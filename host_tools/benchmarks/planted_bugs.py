"""Bugs that are planted again, one at a time, in a copy of the tree: are they found?"""

import sys

from joulestream.host_tools import progress
from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.layout import ROOT


def measure() -> dict[str, int]:
    """Return how many bugs were planted, and how many of them their tests found.

    Raises CommandError if the tests fail without any bug.
    """
    script = ROOT / "tests" / "planted_bugs.py"
    done = progress.run([sys.executable, str(script)], "the planted bugs")
    lines = done.stdout.splitlines()
    seen = sum(line.startswith("seen ") for line in lines)
    unseen = sum(line.startswith("UNSEEN ") for line in lines)
    if not seen + unseen:
        raise CommandError(f"no bug could be planted: {done.stderr.strip()}")
    return {"planted_bugs": seen + unseen, "planted_bugs_found": seen}
