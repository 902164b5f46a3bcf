"""Files that exist whole or not at all, and directories for files that are thrown away."""

import os
import tempfile
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write `text` to a file: an interruption leaves the old file, or none, but no part of one.

    Raises:
        OSError: the file cannot be written.
    """
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        unfinished.write_text(text)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def scratch_directory(purpose: str) -> "tempfile.TemporaryDirectory[str]":
    """Return a temporary directory, in memory where the system offers that.

    It is for a ledger that is thrown away: on a disk each of its transactions waits for the disk.

    Args:
        purpose: one word for the directory's name.
    """
    memory = Path("/dev/shm")
    place = memory if os.access(memory, os.W_OK) else None
    return tempfile.TemporaryDirectory(prefix=f"joulestream-{purpose}-", dir=place)
