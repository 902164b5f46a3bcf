"""A file system in memory that loses power, on both runtimes.

It is harder on its users than littlefs: a file that is opened to be written is empty at once, and
each piece that is written counts at once. A rename takes the place of the old file at once, as
littlefs does it. Each change counts as an operation, and the power fails before the chosen one.
"""

from io import BytesIO, StringIO

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_FOLDER, _FILE = const(0x4000), const(0x8000)
_ENOENT, _EEXIST, _ENOSPC = const(2), const(17), const(28)
_BLOCK = const(4096)


class PowerCut(Exception):
    """The power failed: nothing runs any more."""


class _Writer:
    """A file that is open to be written."""

    def __init__(self, files: "MemoryFiles", path: str) -> None:
        self._files, self._path = files, path

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, data: "Any") -> int:
        """Append `data`, bytes or text."""
        self._files.append(self._path, data.encode() if isinstance(data, str) else bytes(data))
        return len(data)


class MemoryFiles:
    """The functions of module `os`, and `open`. Paths are absolute.

    Attributes:
        contents: the bytes of each file, None for a folder.
        operations: how many changes were made.
        cut_at: the number of the change at which the power fails; None: never.
        blocks: how many blocks of 4 KB there are.
    """

    def __init__(self, blocks: int = 1_000) -> None:
        self.contents: dict[str, bytes | None] = {}
        self.operations = 0
        self.cut_at: int | None = None
        self.blocks = blocks

    def _change(self) -> None:
        if self.cut_at is not None and self.operations >= self.cut_at:
            raise PowerCut
        self.operations += 1

    def open(self, path: str, mode: str = "r") -> "Any":
        """Open a file: r, rb, w or wb."""
        if mode[0] == "r":
            data = self.contents.get(path)
            if data is None:
                raise OSError(_ENOENT)
            return BytesIO(data) if mode == "rb" else StringIO(data.decode())
        if path.count("/") > 1 and path.rsplit("/", 1)[0] not in self.contents:
            raise OSError(_ENOENT)
        self._change()
        self.contents[path] = b""
        return _Writer(self, path)

    def append(self, path: str, data: bytes) -> None:
        """Append to a file."""
        self._change()
        old = self.contents[path] or b""
        if self._used() - len(old) // _BLOCK + (len(old) + len(data)) // _BLOCK > self.blocks:
            raise OSError(_ENOSPC)
        self.contents[path] = old + data

    def stat(self, path: str) -> "tuple[int, int]":
        """Return the kind of a file or folder, and its size."""
        if path not in self.contents:
            raise OSError(_ENOENT)
        data = self.contents[path]
        return (_FOLDER, 0) if data is None else (_FILE, len(data))

    def listdir(self, folder: str) -> "list[str]":
        """Return the names in a folder."""
        start = folder + "/"
        names = [path[len(start) :] for path in self.contents if path.startswith(start)]
        return [name for name in names if "/" not in name]

    def mkdir(self, path: str) -> None:
        """Make a folder."""
        if path in self.contents:
            raise OSError(_EEXIST)
        self._change()
        self.contents[path] = None

    def remove(self, path: str) -> None:
        """Remove a file."""
        if self.contents.get(path) is None:
            raise OSError(_ENOENT)
        self._change()
        del self.contents[path]

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, in the place of the file that has it."""
        if old not in self.contents:
            raise OSError(_ENOENT)
        self._change()
        self.contents[new] = self.contents.pop(old)

    def statvfs(self, path: str) -> "tuple[int, ...]":
        """Return the size of a block, and how many blocks there are and are free."""
        free = self.blocks - self._used()
        return _BLOCK, _BLOCK, self.blocks, free, free

    def _used(self) -> int:
        sizes = [2 if data is None else len(data) // _BLOCK + 1 for data in self.contents.values()]
        return sum(sizes)


class Mounted:
    """Lets modules use a MemoryFiles in the place of `os` and `open`, as a context manager."""

    def __init__(self, files: MemoryFiles, modules: "Iterable[Any]") -> None:
        self._files, self._modules = files, list(modules)
        self._os = [getattr(module, "os", None) for module in self._modules]

    def __enter__(self) -> MemoryFiles:
        for module in self._modules:
            module.os = self._files
            module.open = self._files.open
        return self._files

    def __exit__(self, *_: object) -> None:
        for module, os in zip(self._modules, self._os):
            module.os = os
            delattr(module, "open")
