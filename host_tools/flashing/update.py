"""A signed release of `make release` onto a board. The board decides whether it takes it."""

import tarfile
from pathlib import Path
from typing import Any

from joulestream.host_tools.build.romfs import ROLES
from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.files import read_file
from joulestream.host_tools.flashing.device import Device
from joulestream.host_tools.flashing.install import Board, Content, Tell, install, look
from joulestream.host_tools.release.release import LIST

_MOST_LIST = 1 << 16
_MOST_SIGNATURE = 1 << 10
_MOST_FILE = 1 << 20
_LIBRARY = "lib/"


def update(device: Device, release: Path, tell: Tell) -> dict[str, Any]:
    """Send a release to a board that was flashed and provisioned.

    Args:
        device: the board.
        release: the directory of a release, or one list of files in it.
        tell: called with a sentence at each step.

    Returns:
        A report.

    Raises:
        CommandError: the board refuses the release, or is not reached. It is as it was.
    """
    board = look(device, None)
    assert board.release is not None
    path = _list_for(board, release)
    report = {"board": board.name, "role": board.release["role"], "release": path.name}
    return {**report, **install(board, read_release(path), tell)}


def read_release(path: Path) -> Content:
    """Return the release with the list of files at `path`; its archive is beside it.

    Raises:
        CommandError: a part of it is missing or damaged.
    """
    listing = read_file(path, _MOST_LIST)
    signature = path.with_name(f"{path.name}.sig")
    archive = _archive(path)
    files = {}
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                packed = tar.extractfile(member)
                if member.name.startswith(_LIBRARY) and packed is not None:
                    files[member.name.removeprefix(_LIBRARY)] = packed.read(_MOST_FILE)
    except (OSError, tarfile.TarError):
        raise CommandError(f"{archive} is missing or no archive of a release; fetch it again")
    return Content(
        listing,
        files,
        signature=read_file(signature, _MOST_SIGNATURE) if signature.is_file() else b"",
    )


def find_release(release: Path, board: str = "*", role: str = "*") -> list[Path]:
    """Return the lists of files for a board in a directory, or the one list that is named.

    Raises:
        CommandError: there is none.
    """
    if not release.is_dir():
        read_file(release, _MOST_LIST)
        return [release]
    found = sorted(release.glob(f"*-{board}-{role}{LIST}"))
    if not found:
        kind = "" if board == "*" else f" for a {board} that is a {role}"
        raise CommandError(f"{release} has no release{kind}; `make release` makes one")
    return found


def _list_for(board: Board, release: Path) -> Path:
    """Return the list of files for this board and its role."""
    assert board.release is not None
    found = find_release(release, board.name, board.release["role"])
    if len(found) > 1:
        raise CommandError(f"{release} has several releases; name one of {found[0].name} ...")
    return found[0]


def _archive(path: Path) -> Path:
    """Return the archive of a list: NAME-BOARD-ROLE.release belongs to NAME-BOARD.tar."""
    stem = path.name.removesuffix(LIST)
    for role in ROLES:
        stem = stem.removesuffix(f"-{role}")
    return path.with_name(f"{stem}.tar")
