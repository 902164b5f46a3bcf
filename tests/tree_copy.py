"""A copy of the source tree, for tests that change it and run the changed programs."""

import os
import shutil
from pathlib import Path

from joulestream.host_tools.layout import ROOT, import_path

_FOLDERS = ("shared", "firmware", "host_tools", "tests", "docs")
# These belong to the sources of one tree; a copy makes its own.
_OWN = ("lib", "bytecode")


def copy_tree(directory: Path) -> dict[str, str]:
    """Copy the sources into `directory`; return the environment in which Python imports the copy.

    Everything built is shared with the original by links.
    """
    ignore = shutil.ignore_patterns("__pycache__", ".pytest_cache")
    for folder in _FOLDERS:
        shutil.copytree(ROOT / folder, directory / folder, ignore=ignore)
    shutil.copy2(ROOT / "pyproject.toml", directory)
    build = directory / "build"
    build.mkdir()
    for path in (ROOT / "build").iterdir():
        if path.name not in _OWN:
            (build / path.name).symlink_to(path)
    paths = (import_path(directory, build), directory / "shared" / "cpython")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    environment.pop("PYTEST_XDIST_WORKER", None)
    return environment
