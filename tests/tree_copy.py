"""A copy of the source tree, for tests that change it and run the changed programs."""

import os
import shutil
from collections.abc import Container
from pathlib import Path

from joulestream.host_tools.layout import ROOT, import_path

_FOLDERS = ("shared", "firmware", "host_tools", "tests", "docs")
# These belong to the sources of one tree; a copy makes its own.
_OWN = ("lib", "bytecode")


def copy_tree(directory: Path, shared: Container[str] | None = None) -> dict[str, str]:
    """Copy the sources into `directory`; return the environment in which Python imports the copy.

    Args:
        directory: an empty directory.
        shared: the names below build/ that the copy shares with the original by links; None
            stands for everything built.
    """
    ignore = shutil.ignore_patterns("__pycache__", ".pytest_cache")
    for folder in _FOLDERS:
        shutil.copytree(ROOT / folder, directory / folder, ignore=ignore)
    for name in ("pyproject.toml", "LICENSE"):
        shutil.copy2(ROOT / name, directory)
    build = directory / "build"
    build.mkdir()
    for path in (ROOT / "build").iterdir():
        if path.name not in _OWN and (shared is None or path.name in shared):
            (build / path.name).symlink_to(path)
    paths = (import_path(directory, build), directory / "shared" / "cpython")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    environment.pop("PYTEST_XDIST_WORKER", None)
    return environment
