"""Makes a release in build/release.

RELEASE_KEY=FILE python -m joulestream.host_tools.release
"""

import os
import sys
from pathlib import Path

from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.layout import BUILD
from joulestream.host_tools.release.release import make_release


def main() -> int:
    """Make a release; return 0, or 1 after one line on stderr with the reason."""
    key = os.environ.get("RELEASE_KEY")
    try:
        print(make_release(BUILD / "release", Path(key).expanduser() if key else None))
    except (CommandError, OSError) as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("release: interrupted", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
