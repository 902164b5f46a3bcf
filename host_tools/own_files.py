"""A directory of files that a command makes anew each time, and never mixes up with others.

The command leaves a manifest behind: the name and the SHA-256 of each of its files. The next run
removes exactly these, and only while each of them is as it was left.

A run that is killed leaves the manifest that it began with: the names of the files that it may
have made. None of them was there before. While the run goes on, it sets the time of its manifest
again and again. A file that changed after that time is not its own.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.files import FileError, read_json, write_whole

MANIFEST = "manifest.json"
_KIND = "joulestream-files"
# How often a run sets its manifest's time, and how late its last change may be: a busy machine, or
# a firmware that ends after the command.
_BEAT_S = 0.25
_GRACE_S = 3


class OwnFilesError(CommandError):
    """A directory holds files of somebody else: one sentence."""


@contextmanager
def own_files(directory: Path, names: Iterable[str]) -> Iterator[None]:
    """Make room for files in a directory, and sign them off at the end.

    On entry the files that an earlier run left are removed, and the directory is made if it is
    missing. On exit the manifest is written. If the run fails, all that it made is removed again;
    if it is killed, the next run does that.

    Args:
        directory: the directory; any other files in it are left alone.
        names: the files that the run may make.

    Raises:
        OwnFilesError: one of the names is taken by a file that no run left like that, or another
            run is under way. Nothing is removed then.
        OSError: the directory cannot be written.
    """
    wanted = set(names)
    made = [path for path in (directory, *directory.parents) if not path.exists()]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with _locked(directory):
            for path in _left_behind(directory, wanted):
                path.unlink(missing_ok=True)
            with _removed_on_failure(directory, {*wanted, MANIFEST}):
                _write_manifest(directory, {"unfinished": sorted(wanted)})
                with _beating(directory / MANIFEST):
                    yield
                kept = [name for name in sorted(wanted) if _is(directory, name)]
                _write_manifest(
                    directory, {"sha256": {name: _digest(directory / name) for name in kept}}
                )
    except BaseException:
        _remove_directories(made)
        raise


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Keep other runs out of a directory. Raises OwnFilesError if one is under way there.

    The system takes the lock away when the process ends, in any way.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OwnFilesError(
                f"{directory} is in use by another run; name another directory"
            ) from None
        except OSError:
            pass  # Some file systems of networks lock no directory.
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _removed_on_failure(directory: Path, names: set[str]) -> Iterator[None]:
    """Remove files of these names if the block fails. None of them was there before."""
    try:
        yield
    except BaseException:
        for name in names:
            with suppress(OSError):
                (directory / name).unlink()
        raise


@contextmanager
def _beating(manifest: Path) -> Iterator[None]:
    """Set the time of the manifest again and again, as long as this run goes on."""
    over = Event()

    def beat() -> None:
        while not over.wait(_BEAT_S):
            with suppress(OSError):
                os.utime(manifest)

    thread = Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _left_behind(directory: Path, wanted: set[str]) -> list[Path]:
    """Return the files of an earlier run, its manifest last. Raises OwnFilesError."""
    manifest = directory / MANIFEST
    kept: dict[str, str] = {}
    unfinished: set[str] = set()
    last_s = 0.0
    if _is(directory, MANIFEST):
        kept, unfinished = _read_manifest(manifest)
        last_s = manifest.stat().st_mtime + _GRACE_S
    paths = []
    for name in sorted(wanted | kept.keys() | unfinished):
        path = directory / name
        if not _is(directory, name):
            continue
        is_own = path.is_file() and not path.is_symlink()
        if is_own and name in unfinished:
            # The time of the last change of any kind, which no program can set back.
            is_own = path.stat().st_ctime <= last_s
        elif is_own:
            is_own = kept.get(name) == _digest(path)
        if not is_own:
            raise OwnFilesError(
                f"{path} is not as this command left it, so it is not removed; "
                "move it away, or name another directory"
            )
        paths.append(path)
    return [*paths, manifest]


def _write_manifest(directory: Path, content: dict[str, Any]) -> None:
    text = json.dumps({"kind": _KIND, **content}, indent=2) + "\n"
    write_whole(directory / MANIFEST, text.encode())


def _read_manifest(path: Path) -> tuple[dict[str, str], set[str]]:
    """Return the names and digests of a run's files, or the names of an unfinished run's files."""
    try:
        content = read_json(path)
    except FileError:
        content = None
    if not isinstance(content, dict):
        content = {}
    kept, unfinished = content.get("sha256", {}), content.get("unfinished", [])
    if (
        content.get("kind") != _KIND
        or not isinstance(kept, dict)
        or not isinstance(unfinished, list)
        # A name with a folder in it would lead out of the directory.
        or any(name != Path(str(name)).name for name in (*kept, *unfinished))
    ):
        raise OwnFilesError(f"{path} was not written by this command; name another directory")
    return kept, set(unfinished)


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
