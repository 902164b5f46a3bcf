"""Builds the emulated board's firmware, the bytecode of this tree, and its file system."""

import os
import shlex
import shutil
from collections.abc import Iterable
from pathlib import Path

from joulestream.host_tools.bench.firmware import micropython
from joulestream.host_tools.build.bytecode import compile_packages
from joulestream.host_tools.build.native import (
    BUILD_TOOLS,
    ED25519,
    RISCV_COMPILER,
    build_native_module,
)
from joulestream.host_tools.build.shell import require_tools, run
from joulestream.host_tools.build.sources import micropython_tree
from joulestream.host_tools.layout import BUILD, ROOT

SOURCE = ROOT / "firmware" / "boards" / "qemu_rv32"

EMULATOR = {"qemu-system-riscv32": "qemu-system-misc"}
# GCC 12 has no libraries for the name rv32imac_zicsr, which the port would ask for.
_ARCHITECTURE = "-misa-spec=2.2 -mabi=ilp32 -march=rv32imac"
# As MicroPython's esp32 port is compiled; the qemu port's own -Os stands in front of it.
_OPTIMISATION = "-O2"
_HEAP_BYTES = 1024 * 1024
# As in mount.py; the last is the default of VfsLfs2.
_SHAPE = (512, 4096, 32)
# MicroPython's unix port makes the image of the file system in a heap of this size.
_IMAGE_HEAP_BYTES = 8 * 1024 * 1024


def build_library() -> Path:
    """Return a directory with the rv32imc module and all packages, compiled for the board.

    Raises:
        ToolchainError: a tool is missing and cannot be installed, or a build fails.
    """
    directory = compile_packages(BUILD / "board-lib" / "lib")
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
        "CFLAGS_EXTRA": f"-misa-spec=2.2 {_OPTIMISATION} {header}",
        "USER_C_MODULES": str(SOURCE.parent),
        "MICROPY_VFS_LFS2": "1",
        "MICROPY_HEAP_SIZE": str(_HEAP_BYTES),
        **(variables or {}),
    }
    port = micropython_tree() / "ports" / "qemu"
    words = [f"{key}={value}" for key, value in settings.items()]
    stamp = output / "settings"
    # make sees neither settings change, nor names that a header makes necessary.
    headers = [path.read_text(encoding="utf-8") for path in sorted(SOURCE.glob("*.[hm]*"))]
    made_with = "\n".join([*words, *headers])
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != made_with:
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir(parents=True)
        stamp.write_text(made_with, encoding="utf-8")
    command = ["make", "-s", f"-j{os.cpu_count() or 1}", "-C", str(port), *words]
    run(command, "building the emulated board's firmware")
    return output / "firmware.elf"


def user_modules(directory: Path) -> Path:
    """Fill a directory with links to the board's C code and to the native module's source.

    As USER_C_MODULES it links both into a firmware; MONOCYPHER_DIR names what the second needs.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for source in (SOURCE, ED25519):
        link = directory / source.name
        if not link.exists():
            link.symlink_to(source)
    return directory


def make_image(folders: Iterable[Path], image: Path, shape: tuple[int, int, int] = _SHAPE) -> None:
    """Write an image of a board's file system.

    Args:
        folders: folders that it has at its root, under their own names.
        image: the file to write.
        shape: bytes in a block, blocks, and the bytes that are written at a time.

    Raises:
        ToolchainError: they do not fit, or MicroPython's unix port is missing.
    """
    program = ROOT / "host_tools" / "rv32" / "make_image.py"
    command = [micropython(), "-X", f"heapsize={_IMAGE_HEAP_BYTES}", str(program)]
    words = (SOURCE / "mount.py", image, *shape, *folders)
    run([*command, *map(str, words)], "making the emulated board's file system")
