"""A ROMFS for a board: a file system in the memory map, which takes no heap for bytecode and texts.

MicroPython uses what lies there in place. An image holds one role: no board needs the other. It is
made with the writer of mpremote, whose command `romfs deploy` brings it to a board.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from mpremote.romfs import VfsRomWriter

from joulestream.host_tools.layout import PACKAGE

ROLES = ("pole", "vehicle")
# MicroPython imports from it.
_LIBRARY = "lib"
# Stand-ins for tests.
_TESTKIT = "testkit"


def make_image(files: Mapping[str, bytes]) -> bytes:
    """Return a ROMFS with these files, by their paths in it. The same files give the same bytes."""
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


def role_files(library: Path, role: str, left_out: Iterable[str] = ()) -> dict[str, bytes]:
    """Return the files of a board's library that `role` can need, by their paths in a ROMFS.

    Args:
        library: the folder with the compiled packages, as build_library() returns it.
        role: one of ROLES.
        left_out: files of the library that the board's image has already.
    """
    packages = {_TESTKIT, *ROLES} - {role}
    others = tuple(f"{PACKAGE}/{package}/" for package in packages)
    paths = {path.relative_to(library).as_posix(): path for path in library.rglob("*.mpy")}
    return {
        f"{_LIBRARY}/{name}": path.read_bytes()
        for name, path in paths.items()
        if not name.startswith(others) and name not in left_out
    }


def _common(one: list[str], other: list[str]) -> int:
    """Return how many of the first folders are the same."""
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return count
