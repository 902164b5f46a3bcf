"""Builds the goals of the Makefile.

python -m joulestream.host_tools.build native    all that runs on this computer
python -m joulestream.host_tools.build modules   the native module for every board
python -m joulestream.host_tools.build frozen    our packages for an image of MicroPython
"""

import argparse
import sys

from joulestream.host_tools.build.frozen import frozen
from joulestream.host_tools.build.native import modules, native
from joulestream.host_tools.build.shell import ToolchainError

GOALS = {"native": native, "modules": modules, "frozen": frozen}


def main() -> int:
    """Build a goal; return 0, or 1 after one line on stderr with the reason."""
    parser = argparse.ArgumentParser(
        prog="python -m joulestream.host_tools.build",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("goal", choices=GOALS)
    try:
        GOALS[parser.parse_args().goal]()
    except ToolchainError as error:
        print(f"build: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("build: interrupted", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
