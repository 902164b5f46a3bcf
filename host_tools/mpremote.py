"""The real mpremote on an emulated board."""

import sys

from joulestream.host_tools import progress
from joulestream.host_tools.build.shell import ToolchainError


def run_mpremote(port: str, words: list[str], title: str, emulator: int) -> str:
    """Run mpremote on the board whose REPL is at `port`; return its output.

    Args:
        port: path of a terminal.
        words: commands of mpremote and their arguments.
        title: the board's name, for the message of a failure.
        emulator: the process that emulates the board. Its work counts as progress.

    Raises:
        ToolchainError: it fails, which a script with an uncaught exception also means, or it
            hangs: the board computes long without a word (see progress.py).
    """
    command = [sys.executable, "-m", "mpremote", "connect", port, *words]
    try:
        done = progress.run(command, title, also=[emulator])
    except progress.Stalled as error:
        raise ToolchainError(str(error)) from error
    if done.returncode:
        said = done.stdout + done.stderr
        shown = " ".join(word for word in words if word != "resume")
        raise ToolchainError(f"mpremote {shown} failed:\n{said}")
    return done.stdout
