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


def run_on_board(name: str, code: str = "", kept: Sequence[int] = ()) -> str:
    """Run a program and return its output.

    Args:
        name: the program's module in host_tools/rv32.
        code: a line to run once the module is imported.
        kept: sizes, in bytes, of buffers to allocate before anything is imported.

    Raises:
        ToolchainError: the board cannot be built or started, or the program fails.
    """
    firmware, folder = library()
    programs = BUILD / "board-lib" / "programs"
    compile_tree((ROOT / "host_tools" / "rv32").glob("*.py"), programs)
    lines = (
        "import sys",
        "sys.path.append('/programs')",
        f"kept = [bytearray(size) for size in {list(kept)}]",
        f"import {name}",
        code,
    )
    with EmulatedBoard(firmware, [folder, programs]) as machine:
        return machine.mpremote("exec", "\n".join(lines))
