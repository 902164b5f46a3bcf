"""Runs the programs that fetch and build, and installs the ones that are missing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from joulestream.host_tools.errors import CommandError


class ToolchainError(CommandError):
    """A source cannot be fetched, or a program cannot be built: one sentence that says why."""


def say(text: str) -> None:
    """Print progress at once, on stderr: stdout is for the results of a command."""
    print(text, file=sys.stderr, flush=True)


def run(command: list[str], task: str, cwd: Path | None = None) -> str:
    """Run a command and return its output.

    Args:
        command: program and arguments.
        task: the name of the work in the error message.
        cwd: directory to run it in.

    Raises:
        ToolchainError: it cannot be started or fails; with its last line that tells an error.
    """
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise ToolchainError(f"{task}: {command[0]}: {error.strerror}") from error
    if done.returncode:
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
        telling = [line for line in lines if "rror" in line or line.startswith("E: ")] or lines
        reason = telling[0] if telling else f"exit status {done.returncode}"
        raise ToolchainError(f"{task}: {reason}")
    return done.stdout


def require_tools(packages: dict[str, str]) -> None:
    """Make sure that programs exist, installing Debian packages when that is possible.

    Args:
        packages: Debian packages (names separated by spaces) by the program they bring.

    Raises:
        ToolchainError: some are missing and could not be installed; it names the packages.
    """
    missing = [packages[tool] for tool in packages if shutil.which(tool) is None]
    if not missing:
        return
    names = " ".join(missing).split()
    install(names)
    still = [tool for tool in packages if shutil.which(tool) is None]
    if still:
        raise ToolchainError(f"{', '.join(still)} missing: please install {' '.join(names)}")


def install(names: list[str]) -> None:
    """Install Debian packages when that is possible; otherwise do nothing.

    Raises:
        ToolchainError: the installation failed; it names the packages.
    """
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    say(f"installing {' '.join(names)}")
    command = ["apt-get", "install", "-y", "--no-install-recommends", *names]
    try:
        run(["apt-get", "update"], "apt-get update")
        run(command, "apt-get install")
    except ToolchainError as error:
        raise ToolchainError(f"please install {' '.join(names)} ({error})") from error
