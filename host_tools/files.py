"""Files that come into being whole or not at all, reads that end, and directories to throw away.

A file that is made has a name of its own, `.joulestream-*.new` in the same directory, until it is
complete and on the disk. So a full disk or an interruption leaves no part of it behind that a
later run, or a person, takes for the file.
"""

import errno
import json
import os
import secrets
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from joulestream.host_tools.errors import CommandError

# Configurations, totals and figures are far smaller.
_MOST_JSON = 16 << 20


class FileError(CommandError):
    """A file cannot be read: one sentence with its name and the reason."""


class NewFile:
    """A file in the making, as a context manager: without `publish` nothing remains of it.

    Args:
        path: its name, which no file may have.
        mode: its permissions, less the umask.
        reserve: bytes of disk that it takes at once, so that a later write of no more cannot fail.

    Attributes:
        path: the name that `publish` gives.
        unfinished: the name until then. Another program may fill the file under it.

    Raises:
        FileExistsError: the name is taken.
        OSError: the file cannot be made.
    """

    def __init__(self, path: str | Path, mode: int = 0o666, reserve: int = 0) -> None:
        self.path = Path(path)
        if os.path.lexists(self.path):
            raise _taken(self.path)
        self.unfinished = _unfinished(self.path)
        try:
            _write(self.unfinished, bytes(reserve), os.O_CREAT | os.O_EXCL, mode)
        except BaseException:
            self._discard()
            raise

    def write(self, data: bytes) -> None:
        """Make `data` the content, on the disk when this returns. Raises OSError."""
        _write(self.unfinished, data, 0)

    def publish(self) -> None:
        """Give the file its name; never replaces another file.

        Raises:
            FileExistsError: the name was taken in the meantime.
            OSError: the directory cannot be written.
        """
        try:
            os.link(self.unfinished, self.path)
        except OSError as error:
            # Some file systems have no hard links, and no other call that never replaces.
            if os.path.lexists(self.path):
                raise _taken(self.path) from error
            self.unfinished.rename(self.path)
        self._discard()
        _sync_directory(self.path)

    def _discard(self) -> None:
        # SQLite's journal stands beside the database that it belongs to.
        for name in (self.unfinished, f"{self.unfinished}-journal"):
            with suppress(OSError):
                os.unlink(name)

    def __enter__(self) -> "NewFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._discard()


def create_whole(path: str | Path, data: bytes, mode: int = 0o666) -> None:
    """Write `data` to a new file, with the permissions `mode` less the umask.

    Raises:
        FileExistsError: there is a file of that name, which stays as it is.
        OSError: the file cannot be written; none is left.
    """
    with NewFile(path, mode) as new:
        new.write(data)
        new.publish()


def write_whole(
    path: Path, data: bytes, mode: int = 0o666, like: os.stat_result | None = None
) -> None:
    """Write `data` to a file in the place of an older one.

    The caller has made sure that this program wrote the older one. An interruption leaves the old
    file, or none, but no part of one. `mode` less the umask is the file's new permissions. The
    file gets the owner, the group and the permissions of `like`, if it is given.

    Raises:
        OSError: the file cannot be written, or not with that owner; the old one stays.
    """
    unfinished = _unfinished(path)
    try:
        _write(unfinished, data, os.O_CREAT | os.O_EXCL, 0o600 if like else mode)
        if like is not None:
            made = unfinished.stat()
            if (made.st_uid, made.st_gid) != (like.st_uid, like.st_gid):
                os.chown(unfinished, like.st_uid, like.st_gid)
            unfinished.chmod(stat.S_IMODE(like.st_mode))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    _sync_directory(path)


def read_file(path: str | Path, most: int, cut: bool = False) -> bytes:
    """Return the content of a regular file.

    Args:
        path: the file.
        most: the most bytes that it may have.
        cut: return the first `most` bytes of a larger file, in place of the error.

    Raises:
        FileError: it cannot be read, is larger, or is a directory, a device or a pipe, from which
            reading might never end.
    """
    try:
        # Opening a device may already do something, so its kind is asked for first.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise FileError(f"{path} cannot be read: it is no regular file")
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            data = file.read(most if cut else most + 1)
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise FileError(f"{str(path)!r} is no name of a file") from None
    if len(data) > most:
        raise FileError(f"{path} is too large: it has more than {most} bytes")
    return data


def read_json(path: Path) -> Any:
    """Return the value in a JSON file. Raises FileError, which names the line of a fault."""
    data = read_file(path, _MOST_JSON)
    try:
        return json.loads(data)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}: {error.msg}"
    except (ValueError, RecursionError) as error:  # no UTF-8, too many digits, nested too deeply
        where = str(error)
    raise FileError(f"{path} is not valid JSON ({where}); correct it")


def scratch_directory(purpose: str) -> "tempfile.TemporaryDirectory[str]":
    """Return a temporary directory, in memory where the system offers that.

    It is for a ledger that is thrown away: on a disk each of its transactions waits for the disk.

    Args:
        purpose: one word for the directory's name.
    """
    memory = Path("/dev/shm")
    place = memory if os.access(memory, os.W_OK) else None
    return tempfile.TemporaryDirectory(prefix=f"joulestream-{purpose}-", dir=place)


def _taken(path: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))


def _unfinished(path: Path) -> Path:
    return path.parent / f".joulestream-{secrets.token_hex(8)}.new"


def _write(path: Path, data: bytes, flags: int, mode: int = 0o666) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | flags, mode)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.truncate()
        file.flush()
        os.fsync(descriptor)


def _sync_directory(path: Path) -> None:
    """Put the name of the file at `path` on the disk, where the file system can do that."""
    with suppress(OSError):
        descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
