"""A release into the directory that does not run, and the switch: the same for every command.

The switch is one number on the board, and the last act. Before it the board starts its old release
with its old configuration, after it the new ones. An interruption changes nothing of that, and the
next run goes on with the files that are whole.
"""

import hashlib
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from joulestream.host_tools.build.bytecode import compile_packages
from joulestream.host_tools.flashing.device import Device, as_lines
from joulestream.host_tools.flashing.targets import TARGETS, BoardError, Target, check
from joulestream.runtime import chooser, installer

Tell = Callable[[str], None]

# The part of our packages that starts before a directory is chosen, in /start.
_START_MODULES = (
    "joulestream/__init__.mpy",
    "joulestream/compat.mpy",
    "joulestream/runtime/__init__.mpy",
    "joulestream/runtime/chooser.mpy",
    "joulestream/runtime/installer.mpy",
)
# On these platforms a person mounts the file system.
_KEEP_STATE = ("linux", "qemu")
MAIN = "/main.py"
_MAIN_TEXT = f"""import sys
sys.path.insert(0, "{chooser.START}")
from joulestream.runtime.chooser import run
run()
"""
_FRESH = """
import sys
ours = [name for name in sys.modules if name.split(".")[0] in ("joulestream", "_ed25519")]
for name in ours:
    del sys.modules[name]
sys.path[:] = [directory] + [p for p in sys.path if p not in ("/a", "/b", "/start")]
import gc
gc.collect()
"""
_LOOK = """
import os
about = sys.implementation
found = {
    "implementation": about.name,
    "version": list(about.version)[:3],
    "platform": sys.platform,
    "machine": getattr(about, "_machine", ""),
    "mpy": getattr(about, "_mpy", 0),
}
try:
    from joulestream.runtime import installer
except ImportError:
    return found
found.update(installer.look(paths))
found["target"] = installer.target()
return found
"""
_SELF_TEST = """
import json, os
from joulestream.runtime import chooser
role = chooser.header("%s/%s" % (directory, chooser.RELEASE))["role"]
main = __import__("joulestream.%s.main" % role, None, None, ("self_test",))
config, last, waits_for = "%s/%s" % (directory, chooser.CONFIG), "key", []
try:
    with open(config) as file:
        seed = json.load(file).get("seed_file", "")
except OSError:
    last, waits_for = "native module", ["configuration", "key"]
else:
    try:
        os.stat(seed)
    except OSError:
        last, waits_for = "storage", ["key"]
return [main.self_test(config, last), waits_for]
"""
_INSTALLER = "from joulestream.runtime import installer\n"
_CHOOSER = "from joulestream.runtime import chooser\n"


class Board(NamedTuple):
    """A board as a look found it.

    Attributes:
        device: the way to it.
        name: its kind, a key of targets.TARGETS.
        about: its words about itself and its releases.
    """

    device: Device
    name: str
    about: dict[str, Any]

    @property
    def target(self) -> Target:
        """The row of its kind."""
        return TARGETS[self.name]

    @property
    def number(self) -> int:
        """The directory that a new release goes to."""
        return int(self.about.get("target", 0))

    @property
    def release(self) -> "dict[str, Any] | None":
        """The release that would start now."""
        releases = self.about.get("releases")
        found: dict[str, Any] | None = releases[self.number ^ 1] if releases else None
        return found


class Content(NamedTuple):
    """A release to install.

    Attributes:
        listing: the list of its files.
        files: the files, by their paths in the board's directory.
        config: the configuration's text; None keeps the board's.
        signature: the signature of the list; then the board itself checks the release.
    """

    listing: bytes
    files: Mapping[str, bytes]
    config: bytes | None = None
    signature: bytes | None = None


def look(device: Device, name: str | None) -> Board:
    """Return the board behind `device`.

    Args:
        device: the way to it.
        name: its kind; None takes the kind that its own release names.

    Raises:
        BoardError: it is another board, or none that our files fit.
    """
    if not _keeps_state(device):
        device.mpremote("soft-reset")
    program = program_in(chooser.START, _LOOK, paths=list(start_files(compile_packages())))
    about = device.run(program)
    board = Board(device, name or "", about)
    if name is None:
        if board.release is None:
            raise BoardError(f"{device.port}: no release is on the board; flash it first")
        board = board._replace(name=board.release["board"])
        if board.name not in TARGETS:
            raise BoardError(f"{device.port}: this program knows no board '{board.name}'")
    check(board.name, device.port, about)
    return board


def _keeps_state(device: Device) -> bool:
    """Return whether a soft reset would take the board's files.

    On other boards a firmware that was interrupted still holds the heap, perhaps all of it.
    """
    try:
        return device.run("import sys\nreturn sys.platform") in _KEEP_STATE
    except BoardError as error:
        if "MemoryError" not in str(error):
            raise
        return False


def program_in(directory: str, lines: str, **values: Any) -> str:
    """Return a program that imports our packages from `directory` and knows `values`."""
    return as_lines({**values, "directory": directory}) + _FRESH + lines


def install(board: Board, content: Content, tell: Tell) -> dict[str, Any]:
    """Install a release, test the board with it, let it start from now on, and restart the board.

    Args:
        board: the board.
        content: the release.
        tell: called with a sentence at each step.

    Returns:
        Figures about the work, for a report.

    Raises:
        BoardError: the board is left with its old release.
    """
    try:
        return _install(board, content, tell)
    except BaseException:
        # The board waits in its REPL: let it start the release that it has, if it is still there.
        with suppress(BoardError):
            restart(board)
        raise


def _install(board: Board, content: Content, tell: Tell) -> dict[str, Any]:
    device, number = board.device, board.number
    directory = chooser.DIRECTORIES[number]
    if board.target.resets and MAIN in board.about.get("files", {}):
        tell("stopping the firmware that runs")
        device.run(program_in(chooser.START, _CHOOSER + "chooser.hold()"))
        device.reset()
        device.await_repl()
    _install_start(board, tell)
    copied = _bring(board, content, tell)
    tell("checking every file on the board")
    _complete(board, content)
    checks = self_test(board, directory, tell)
    device.run(program_in(chooser.START, _CHOOSER + f"chooser.switch({number})"))
    tell(f"the board starts {directory} from now on")
    restart(board)
    return {
        "directory": directory,
        "files": len(content.files),
        "copied_files": len(copied),
        "copied_bytes": sum(len(content.files[path]) for path in copied),
        "self_test": checks,
    }


def restart(board: Board) -> None:
    """Start the board's firmware, where the board can be reset from here."""
    if board.target.resets:
        board.device.reset()


def self_test(board: Board, directory: str, tell: Tell) -> dict[str, str]:
    """Run the self-test of the release in `directory`; return the word for each check.

    A board without a key or without a configuration is tested as far as it goes.

    Raises:
        BoardError: a check fails.
    """
    device = board.device
    tell("the board tests itself")
    results, waits_for = device.run(program_in(directory, _SELF_TEST))
    for name, fault in results:
        if fault:
            raise BoardError(
                f"{device.port}: the board's self-test of its {name} fails: {fault};"
                " the board keeps its old release"
            )
    if waits_for:
        words = " and no ".join(waits_for)
        tell(f"the board has no {words} yet: `joulestream provision` brings it")
    return {**{name: "passed" for name, _ in results}, **{name: "missing" for name in waits_for}}


def start_files(library: Path) -> dict[str, bytes]:
    """Return the files that start a board, by their paths on it; main.py is the last one.

    Args:
        library: the directory of our compiled packages.
    """
    files = {f"{chooser.START}/{name}": (library / name).read_bytes() for name in _START_MODULES}
    return {**files, MAIN: _MAIN_TEXT.encode()}


def _install_start(board: Board, tell: Tell) -> None:
    """Bring the chooser, each file in the place of its older one at once."""
    there = board.about.get("files", {})
    wanted = start_files(compile_packages())
    stale = [
        path
        for path, data in wanted.items()
        if there.get(path) != hashlib.sha256(data).hexdigest()
    ]
    if not stale:
        return
    tell("bringing the files that start a board")
    device = board.device
    folders = sorted({str(parent) for path in stale for parent in PurePosixPath(path).parents})
    device.run(
        "import os\n"
        + as_lines({"folders": folders, "news": [f"{path}.new" for path in stale]})
        + "\nfor folder in folders:\n    try:\n        os.stat(folder)\n"
        "    except OSError:\n        os.mkdir(folder)\n"
    )
    by_folder: dict[str, dict[str, bytes]] = defaultdict(dict)
    for path in stale:
        pure = PurePosixPath(path)
        by_folder[str(pure.parent)][f"{pure.name}.new"] = wanted[path]
    for folder, files in by_folder.items():
        send(device, files, "" if folder == "/" else folder)
    # main.py is the last one, so that no board starts a chooser that is not there.
    lines = "import os\nfor path in paths:\n    os.rename(path + '.new', path)\n"
    device.run(as_lines({"paths": stale}) + "\n" + lines)


def _bring(board: Board, content: Content, tell: Tell) -> list[str]:
    """Bring list, configuration and missing files onto the board; return the missing files."""
    device = board.device
    incoming = {PurePosixPath(installer.INCOMING).name: content.listing}
    if content.config is not None:
        incoming[PurePosixPath(installer.INCOMING_CONFIG).name] = content.config
    if content.signature is not None:
        incoming["incoming.sig"] = content.signature
    send(device, incoming, "")
    tell("the board copies the files that it has already")
    if content.signature is not None:
        own = chooser.DIRECTORIES[board.number ^ 1]
        lines = "from joulestream.runtime import update\nreturn update.begin()"
        missing: Sequence[str] = device.run(program_in(own, lines))
    else:
        lines = f"{_INSTALLER}return installer.prepare({board.number})"
        missing = device.run(program_in(chooser.START, lines))
    by_folder: dict[str, dict[str, bytes]] = defaultdict(dict)
    for path in missing:
        if path not in content.files:
            raise BoardError(
                f"{device.port}: {path} is not on the board as its release lists it; run"
                " `joulestream flash` first"
            )
        pure = PurePosixPath(chooser.DIRECTORIES[board.number], path)
        by_folder[str(pure.parent)][pure.name] = content.files[path]
    done = 0
    for folder, files in by_folder.items():
        size = sum(map(len, files.values()))
        tell(f"copying to {folder}: {len(files)} files, {size:,} bytes")
        send(device, files, folder)
        done += len(files)
    return list(missing)


def _complete(board: Board, content: Content) -> None:
    if content.signature is not None:
        own = chooser.DIRECTORIES[board.number ^ 1]
        lines = "from joulestream.runtime import update\nreturn update.finish()"
        board.device.run(program_in(own, lines))
        return
    lines = f"{_INSTALLER}return installer.finish({board.number})"
    faults = board.device.run(program_in(chooser.START, lines))
    if faults:
        raise BoardError(
            f"{board.device.port}: {faults[0]} did not reach the board whole; run the command"
            " again, with another cable if that goes on"
        )


def send(device: Device, files: Mapping[str, bytes], folder: str) -> None:
    """Write files, by their names, into a folder of the board. Raises BoardError."""
    with tempfile.TemporaryDirectory(prefix="joulestream-") as name:
        paths = []
        for file, data in files.items():
            paths.append(Path(name) / file)
            paths[-1].write_bytes(data)
        device.copy(paths, folder)
