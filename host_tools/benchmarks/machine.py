"""The machine that was measured on: figures in seconds mean nothing without it."""

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path


def describe() -> dict[str, str | int]:
    """Return processor, number of cores, system, Python, compiler and today's date."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count() or 1,
        "system": _system(),
        "python": platform.python_version(),
        "compiler": _compiler(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def sentence(machine: dict[str, str | int]) -> str:
    """Return the description as one sentence."""
    return (
        f"Measured on {machine['date']}: {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['system']}, Python {machine['python']}, {machine['compiler']}."
    )


def _cpu() -> str:
    try:
        found = re.search(
            r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8")
        )
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"] + " " + platform.machine()
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()} {platform.machine()}"


def _compiler() -> str:
    try:
        done = subprocess.run(["gcc", "--version"], capture_output=True, text=True)
    except OSError:
        return "no gcc"
    return done.stdout.splitlines()[0] if done.stdout else "no gcc"
