"""The errors that end a command, as sentences for the person at the terminal."""

import traceback
from pathlib import Path


class CommandError(Exception):
    """A command cannot do its work.

    The text is one sentence: what is wrong, where, and what to do. Each part of the host tools has
    a subclass of its own; `joulestream.host_tools.cli` alone prints it.
    """


class Unavailable(CommandError):
    """A ledger or another store cannot be reached, read or written: nothing was decided."""


def sentence(error: Exception) -> str:
    """Return the one line that tells a person about any exception."""
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return one_line(where + error.strerror)
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    text = one_line(str(error))
    # Our own exceptions say what is wrong. Of another, kind and place help to find the fault.
    if text and type(error).__module__.startswith("joulestream."):
        return text
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return (
        f"a fault of the program: {type(error).__name__}{where}{text and ': '}{text}; "
        "report it, with the traceback that JOULESTREAM_TRACEBACK=1 shows"
    )


def one_line(text: str) -> str:
    """Return `text` in one line, with no character that controls a terminal."""
    words = " ".join(text.split())
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in words
    )
