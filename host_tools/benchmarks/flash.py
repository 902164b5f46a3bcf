"""How long `joulestream flash` takes on the emulated board: the first time, and with no change."""

import json
import time
from typing import Any

from joulestream.host_tools import progress
from joulestream.host_tools.build.board import build
from joulestream.host_tools.build.shell import ToolchainError
from joulestream.host_tools.emulator import EmulatedBoard
from joulestream.host_tools.layout import BUILD

_BOARD, _ROLE = "qemu-rv32", "pole"


def measure() -> dict[str, Any]:
    """Return the seconds of both, each a whole command, and the files that the second one copied.

    Raises:
        ToolchainError: the board cannot be built, or a command fails.
    """
    with EmulatedBoard(build(), counts=False) as board:
        first_s, _ = _flash(board)
        second_s, report = _flash(board)
    if report["copied_files"]:
        raise ToolchainError("the second flash copied files, though nothing had changed")
    return {"first_flash_s": round(first_s, 1), "second_flash_s": round(second_s, 1)}


def _flash(board: EmulatedBoard) -> tuple[float, dict[str, Any]]:
    """Run the command on a board; return its seconds and its report."""
    words = ["flash", "--role", _ROLE, "--board", _BOARD, "--port", board.port, "--json"]
    begun_s = time.monotonic()
    done = progress.run(
        [str(BUILD / "venv" / "bin" / "joulestream"), *words], "flash", also=[board.pid]
    )
    if done.returncode:
        raise ToolchainError(f"joulestream flash: {done.stderr.strip()}")
    return time.monotonic() - begun_s, json.loads(done.stdout)
