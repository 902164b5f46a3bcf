"""The list of a release: the files of one board and one role, with their hashes.

A board keeps the list beside the files, and checks them against it. A signature over the list
covers every file. firmware/runtime/chooser.py and installer.py read it.
"""

import hashlib
from collections.abc import Mapping

_FORMAT = 1


def listing(version: str, board: str, role: str, files: Mapping[str, bytes]) -> bytes:
    """Return the list as text.

    Args:
        version: the release's version.
        board: the board's name, a key of bundles.BUNDLES.
        role: "pole" or "vehicle".
        files: the contents of the files, by their paths in the board's directory.
    """
    lines = [f"joulestream {_FORMAT}", f"version {version}", f"board {board}", f"role {role}"]
    for path in sorted(files):
        data = files[path]
        lines.append(f"file {hashlib.sha256(data).hexdigest()} {len(data)} {path}")
    return "".join(f"{line}\n" for line in lines).encode()
