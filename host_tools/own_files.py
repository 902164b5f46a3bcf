"""A directory of files that a command makes anew each time, and never mixes up with others.

The command leaves a manifest behind: the name and the SHA-256 of each of its files. The next run
removes exactly these, and only while each of them is as it was left.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.files import FileError, read_json, write_whole

MANIFEST = "manifest.json"
_KIND = "joulestream-files"


class OwnFilesError(CommandError):
    """A directory holds files of somebody else: one sentence."""


@contextmanager
def own_files(directory: Path, names: Iterable[str]) -> Iterator[None]:
    """Make room for files in a directory, and sign them off at the end.

    On entry the files that an earlier run left are removed, and the directory is made if it is
    missing. On exit the manifest is written. If the run fails, all that it made is removed again.

    Args:
        directory: the directory; any other files in it are left alone.
        names: the files that the run may make.

    Raises:
        OwnFilesError: one of the names is taken by a file that no run left like that. Nothing is
            removed then.
        OSError: the directory cannot be written.
    """
    wanted = set(names)
    made = [path for path in (directory, *directory.parents) if not path.exists()]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for path in _left_behind(directory, wanted):
            path.unlink(missing_ok=True)
    except BaseException:
        _remove_directories(made)
        raise
    try:
        yield
        kept = {name: _digest(directory / name) for name in sorted(wanted) if _is(directory, name)}
        manifest = {"kind": _KIND, "sha256": kept}
        write_whole(directory / MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())
    except BaseException:
        # None of these files was there before.
        for name in wanted:
            with suppress(OSError):
                (directory / name).unlink()
        _remove_directories(made)
        raise


def _left_behind(directory: Path, wanted: set[str]) -> list[Path]:
    """Return the files of an earlier run, its manifest last. Raises OwnFilesError."""
    manifest = directory / MANIFEST
    kept: dict[str, str] = {}
    if _is(directory, MANIFEST):
        kept = _read_manifest(manifest)
    paths = []
    for name in sorted(wanted | kept.keys()):
        path = directory / name
        if not _is(directory, name):
            continue
        if path.is_symlink() or not path.is_file() or kept.get(name) != _digest(path):
            raise OwnFilesError(
                f"{path} is not as this command left it, so it is not removed; "
                "move it away, or name another directory"
            )
        paths.append(path)
    return [*paths, manifest]


def _read_manifest(path: Path) -> dict[str, str]:
    try:
        content = read_json(path)
    except FileError:
        content = None
    kept = content.get("sha256") if isinstance(content, dict) else None
    if (
        not isinstance(kept, dict)
        or content.get("kind") != _KIND
        # A name with a folder in it would lead out of the directory.
        or any(Path(name).name != name for name in kept)
    ):
        raise OwnFilesError(f"{path} was not written by this command; name another directory")
    return kept


def _is(directory: Path, name: str) -> bool:
    path = directory / name
    return path.is_symlink() or path.exists()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remove_directories(made: list[Path]) -> None:
    """Remove the directories that this run made, if they are empty; the innermost comes first."""
    for path in made:
        with suppress(OSError):
            path.rmdir()
