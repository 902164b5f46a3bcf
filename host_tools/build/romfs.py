"""A ROMFS for a board: a file system in the memory map, where bytecode and texts take no heap.

MicroPython uses them in their place. An image holds one role: no board needs the other. It is
made with the writer of mpremote, whose command `romfs deploy` brings it to a board.
"""

from collections.abc import Mapping
from pathlib import Path

from mpremote.romfs import VfsRomWriter

from joulestream.host_tools.layout import PACKAGE

ROLES = ("pole", "vehicle")
# MicroPython imports from it.
_LIBRARY = "lib"
# Stand-ins for tests.
_TESTKIT = "testkit"


def make_image(files: Mapping[str, bytes]) -> bytes:
    """Return a ROMFS with these files, by their paths in it. Equal files give equal bytes."""
    writer = VfsRomWriter()
    open_folders: list[str] = []
    for path in sorted(files, key=lambda path: path.split("/")):
        *folders, name = path.split("/")
        kept = _common(open_folders, folders)
        for _ in open_folders[kept:]:
            writer.closedir()
        for folder in folders[kept:]:
            writer.opendir(folder)
        open_folders = folders
        writer.mkfile(name, files[path])
    for _ in open_folders:
        writer.closedir()
    return bytes(writer.finalise())


def role_image(files: Mapping[str, bytes], role: str) -> bytes:
    """Return the ROMFS of a role.

    Args:
        files: the files of a board, by their paths; those below `lib` are taken.
        role: one of ROLES.
    """
    packages = {_TESTKIT, *ROLES} - {role}
    others = tuple(f"{_LIBRARY}/{PACKAGE}/{package}/" for package in packages)
    return make_image(
        {
            path: data
            for path, data in files.items()
            if path.startswith(f"{_LIBRARY}/") and not path.startswith(others)
        }
    )


def library_files(library: Path) -> dict[str, bytes]:
    """Return the files of a board's library, as build_library() returns it, by their paths."""
    return {
        f"{_LIBRARY}/{path.relative_to(library).as_posix()}": path.read_bytes()
        for path in library.rglob("*.mpy")
    }


def _common(one: list[str], other: list[str]) -> int:
    """Return how many of the first folders are the same."""
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return count
