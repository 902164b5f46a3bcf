"""One user of a device's storage at a time: two firmwares on one storage lose claims.

The lock is on a file beside the storage, `<storage>.lock`, which holds the number of the process.
The storage itself may not be there yet, and a tool replaces it. The system takes the lock away
when its last process ends, in any way, so a file that is left locks nobody out.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from joulestream.host_tools.errors import CommandError

_ENDING = ".lock"


class StorageInUse(CommandError):
    """Another process uses the storage: one sentence that names it."""


class StorageLock:
    """Holds the lock of a storage until `release`.

    Args:
        directory: the directory in which a relative path begins.
        storage: the path of the storage, unchecked: the firmware itself refuses any other value.

    Attributes:
        descriptors: a child process that inherits them holds the lock too. Empty where the file
            system knows no locks, or no file can be made there.

    Raises StorageInUse if another process holds it.
    """

    def __init__(self, directory: Path, storage: Any) -> None:
        self.descriptors: tuple[int, ...] = ()
        if not isinstance(storage, str) or "\0" in storage:
            return
        self._path = Path(os.path.realpath(directory / storage) + _ENDING)
        descriptor = self._open()
        while descriptor is not None:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                process = os.read(descriptor, 32).decode(errors="replace").strip()
                os.close(descriptor)
                raise StorageInUse(
                    f"{storage} is in use by process {process or 'of another user'}; "
                    "end that one first"
                ) from None
            except OSError:  # some file systems of networks lock no file
                os.close(descriptor)
                return
            if self._is_current(descriptor):
                self.descriptors = (descriptor,)
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
                return
            # Its last holder removed it between the two calls.
            os.close(descriptor)
            descriptor = self._open()

    def release(self) -> None:
        """Give the lock back, and remove its file. A second call does nothing."""
        for descriptor in self.descriptors:
            with suppress(OSError):
                self._path.unlink()
            os.close(descriptor)
        self.descriptors = ()

    def __enter__(self) -> "StorageLock":
        return self

    def __exit__(self, *error: object) -> None:
        self.release()

    def _open(self) -> int | None:
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return None

    def _is_current(self, descriptor: int) -> bool:
        """Return whether the file still has its name."""
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(self._path))
        except OSError:
            return False
