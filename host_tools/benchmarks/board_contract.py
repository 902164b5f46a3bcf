"""How many boards keep the contract of firmware/boards/contract.py."""

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from joulestream.boards import KINDS
from joulestream.host_tools.bench.firmware import micropython, micropython_environment
from joulestream.host_tools.bench.ports import Port as Terminal
from joulestream.host_tools.benchmarks.on_board import library
from joulestream.host_tools.build.shell import ToolchainError
from joulestream.host_tools.emulator import EmulatedBoard
from joulestream.host_tools.hardware.port import check_kind

_CHECK = """
from joulestream.boards import open_board
from joulestream.testkit.board_contract import check_board
check_board(open_board(%r))
print("kept")
"""
_KEPT = "kept"


def measure() -> dict[str, Any]:
    """Return the number of boards that keep the contract, and the faults of the others.

    The unix board and the emulated riscv32 board run on MicroPython. The boards with a chip run on
    models of their ports.
    """
    rows = {"unix": _unix, "qemu": _emulated}
    faults: dict[str, str] = {}
    for name, check in rows.items():
        try:
            check()
        except (AssertionError, ToolchainError) as error:
            faults[name] = str(error) or "a promise is broken"
    for kind in sorted(KINDS):
        try:
            check_kind(kind)
        except BaseException as error:
            if isinstance(error, (KeyboardInterrupt, ToolchainError)):
                raise
            faults[kind] = f"{type(error).__name__}: {error}"
    return {"boards": len(rows) + len(KINDS) - len(faults), "boards_failed": faults}


def _unix() -> None:
    """Check the unix board in a process of MicroPython's unix port."""
    terminal = Terminal()
    with tempfile.TemporaryDirectory() as folder:
        config = {
            "uarts": {"link": terminal.path},
            "storage": str(Path(folder) / "board.flash"),
            "storage_blocks": 6,
        }
        try:
            done = subprocess.run(
                [micropython(), "-c", _CHECK % config],
                env=micropython_environment(),
                input="0 -1 B 0 0\n" * 3,
                capture_output=True,
                text=True,
            )
        finally:
            terminal.close()
    assert _KEPT in done.stdout, done.stdout + done.stderr


def _emulated() -> None:
    """Check the emulated riscv32 board."""
    firmware, folder = library()
    with EmulatedBoard(firmware, [folder]) as machine:
        printed = machine.mpremote("exec", _CHECK % {"storage_blocks": 6})
    assert _KEPT in printed, printed
