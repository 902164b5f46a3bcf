"""Runs a program of host_tools/rv32 on a fresh emulated board."""

from collections.abc import Sequence
from pathlib import Path

from joulestream.host_tools.build.board import build, build_library
from joulestream.host_tools.build.bytecode import compile_tree
from joulestream.host_tools.emulator import EmulatedBoard
from joulestream.host_tools.layout import BUILD, ROOT


def library() -> tuple[Path, Path]:
    """Return the board's firmware, and the folder `lib` of its file system, both built."""
    return build(), build_library()


def run_on_board(
    name: str,
    code: str = "",
    kept: Sequence[int] = (),
    board: "tuple[Path, list[Path], bytes] | None" = None,
) -> str:
    """Run a program and return its output.

    Args:
        name: the program's module in host_tools/rv32.
        code: a line to run once the module is imported.
        kept: sizes, in bytes, of buffers to allocate before anything is imported.
        board: firmware, folders and ROMFS of the board, as packages.parts() returns them. Without
            it, the library is on the file system.

    Raises:
        ToolchainError: the board cannot be built or started, or the program fails.
    """
    if board is None:
        firmware, folder = library()
        board = firmware, [folder], b""
    firmware, folders, romfs = board
    programs = BUILD / "board-lib" / "programs"
    compile_tree((ROOT / "host_tools" / "rv32").glob("*.py"), programs)
    lines = (
        "import sys",
        "sys.path += ['/programs', '.frozen']",
        f"kept = [bytearray(size) for size in {list(kept)}]",
        f"import {name}",
        code,
    )
    with EmulatedBoard(firmware, [*folders, programs], romfs=romfs) as machine:
        return machine.mpremote("exec", "\n".join(lines))
