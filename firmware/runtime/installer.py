"""Installs a release into the directory that does not run. mpremote or an update brings its files.

    prepare    keeps, copies or removes the files on the board, and names the missing ones
    finish     checks the hash of every file; only then the directory counts as complete

The list of the files is a text: a header of words with one value each (`chooser.header`), then a
line `file SHA256 SIZE PATH` for each file. The release that runs is never touched. After an
interruption `prepare` goes on with the files that are whole.
"""

import hashlib
import os
from binascii import hexlify

from joulestream.compat import const
from joulestream.runtime import chooser

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# The list of the release that comes, and its configuration if that is a new one.
INCOMING = "/incoming.release"
INCOMING_CONFIG = "/incoming.json"

_PIECE = const(512)
_IS_FOLDER = const(0x4000)
_BLOCK_BYTES, _BLOCKS_FREE = const(0), const(3)
# Of littlefs: a folder has two blocks, and every file that is no part of its folder has one.
_FOLDER_BLOCKS = const(2)


def look(paths: "list[str]") -> "dict[str, Any]":
    """Return the state of the board, the digests of the files `paths`, and of its releases.

    Each release has the words of its header, the digest of its list and of its configuration, and
    the paths of files that are not as the list says.
    """
    releases: list[dict[str, Any] | None] = []
    for directory in chooser.DIRECTORIES:
        path = "%s/%s" % (directory, chooser.RELEASE)
        try:
            release: dict[str, Any] = chooser.header(path)
        except (OSError, ValueError):
            releases.append(None)
            continue
        release["digest"] = digest(path)
        release["config"] = digest("%s/%s" % (directory, chooser.CONFIG))
        release["wrong"] = wrong(path, directory)
        releases.append(release)
    return {
        "state": chooser.load(),
        "releases": releases,
        "files": {path: digest(path) for path in paths},
    }


def target() -> int:
    """Return the directory that a new release goes to: the one that would not start now."""
    complete = [chooser.is_complete(directory) for directory in chooser.DIRECTORIES]
    _, own = chooser.choose(chooser.load() & ~chooser.HOLD, (complete[0], complete[1]))
    return 0 if own is None else own ^ chooser.DIRECTORY


def prepare(number: int) -> "list[str]":
    """Make directory `number` ready for the release of INCOMING; return the paths that it lacks.

    Raises ValueError, in one sentence, when the release does not fit.
    """
    directory, other = chooser.DIRECTORIES[number], chooser.DIRECTORIES[number ^ 1]
    remove("%s/%s" % (directory, chooser.RELEASE))
    wanted = {path: (sha, size) for sha, size, path in _files(INCOMING)}
    _make_folders(directory)
    for path in list(_walk(directory)):
        entry = wanted.get(path[len(directory) + 1 :])
        if entry is None:
            remove(path)
        elif digest(path) == entry[0]:
            del wanted[path[len(directory) + 1 :]]
    _check_room(directory, [size for _, size in wanted.values()])
    missing = []
    for path, (sha, _) in wanted.items():
        source, copied = "%s/%s" % (other, path), "%s/%s" % (directory, path)
        _make_folders(copied.rsplit("/", 1)[0])
        if digest(source) != sha or not _copy(source, copied):
            missing.append(path)
    config = "%s/%s" % (directory, chooser.CONFIG)
    _copy(INCOMING_CONFIG, config) or _copy("%s/%s" % (other, chooser.CONFIG), config)
    return missing


def finish(number: int) -> "list[str]":
    """Complete directory `number`; return the paths that are missing or not as they should be.

    With such a path the directory stays incomplete.
    """
    directory = chooser.DIRECTORIES[number]
    faults = wrong(INCOMING, directory)
    if not faults:
        remove(INCOMING_CONFIG)
        os.rename(INCOMING, "%s/%s" % (directory, chooser.RELEASE))
    return faults


def wrong(listed: str, directory: str) -> "list[str]":
    """Return the paths in the list `listed` that `directory` does not hold as listed."""
    return [path for sha, _, path in _files(listed) if digest("%s/%s" % (directory, path)) != sha]


def digest(path: str) -> "str | None":
    """Return the SHA-256 of a file in hexadecimal digits, None where there is none."""
    found = hashlib.sha256()
    piece = bytearray(_PIECE)
    view = memoryview(piece)
    try:
        with open(path, "rb") as file:
            while True:
                count = file.readinto(piece)
                if not count:
                    break
                found.update(view[:count])
    except OSError:
        return None
    return hexlify(found.digest()).decode()


def put(path: str, new: str) -> None:
    """Put the file `new` in the place of `path` at once, if there is one."""
    try:
        os.stat(new)
    except OSError:
        return
    os.rename(new, path)


def remove(path: str) -> None:
    """Remove a file, if it is there."""
    try:
        os.remove(path)
    except OSError:
        pass


def _files(listed: str) -> "Iterator[tuple[str, int, str]]":
    """Yield digest, size and path of each file in a list."""
    with open(listed) as file:
        for line in file:
            parts = line.split()
            if len(parts) == 4 and parts[0] == "file":
                if ".." in parts[3] or parts[3][:1] == "/":
                    raise ValueError("%s leads out of the release" % parts[3])
                yield parts[1], int(parts[2]), parts[3]


def _walk(folder: str) -> "Iterator[str]":
    """Yield the path of each file below a folder."""
    for name in os.listdir(folder):
        path = "%s/%s" % (folder, name)
        if os.stat(path)[0] & _IS_FOLDER:
            yield from _walk(path)
        else:
            yield path


def _copy(source: str, target: str) -> bool:
    """Copy a file within the board; return False where there is none."""
    piece = bytearray(_PIECE)
    view = memoryview(piece)
    try:
        os.stat(source)
    except OSError:
        return False
    with open(source, "rb") as read, open(target, "wb") as written:
        while True:
            count = read.readinto(piece)
            if not count:
                return True
            written.write(view[:count])


def _make_folders(path: str) -> None:
    folder = ""
    for name in path.split("/")[1:]:
        folder += "/" + name
        try:
            os.stat(folder)
        except OSError:
            os.mkdir(folder)


def _check_room(directory: str, sizes: "list[int]") -> None:
    room = os.statvfs(directory)
    block = room[_BLOCK_BYTES]
    blocks = 2 * _FOLDER_BLOCKS + sum([size // block + 1 for size in sizes])
    if blocks > room[_BLOCKS_FREE]:
        raise ValueError(
            "the flash has %d bytes free and the release needs %d; remove files from the board, or"
            " take one with more flash" % (room[_BLOCKS_FREE] * block, blocks * block)
        )
