"""This tree's firmware of one role onto a board."""

import hashlib
from pathlib import Path
from typing import Any

from joulestream.host_tools.build.bytecode import compile_packages
from joulestream.host_tools.flashing import config as configuration
from joulestream.host_tools.flashing.device import Device
from joulestream.host_tools.flashing.install import Board, Content, Tell, install, look, restart
from joulestream.host_tools.release.bundles import contents, firmware
from joulestream.host_tools.release.listing import listing
from joulestream.host_tools.release.release import version


def content_of_tree(name: str, role: str, config: Path | None) -> Content:
    """Return this tree's firmware for a board.

    Args:
        name: the board's kind, a key of targets.TARGETS.
        role: "pole" or "vehicle".
        config: the configuration's file; None keeps that of the board.

    Raises:
        CommandError: the firmware would refuse the configuration, or a build fails.
    """
    text = None
    if config is not None:
        text = configuration.for_board(configuration.read(config), name, role)
    files = firmware(contents(name, compile_packages()), role)
    return Content(listing(version(), name, role, files), files, text)


def flash(device: Device, name: str, role: str, content: Content, tell: Tell) -> dict[str, Any]:
    """Put a firmware on a board that runs MicroPython. Only changed files are copied.

    Args:
        device: the board.
        name: its kind, a key of targets.TARGETS.
        role: "pole" or "vehicle".
        content: the firmware of that role, as content_of_tree() returns it.
        tell: called with a sentence at each step.

    Returns:
        A report.

    Raises:
        CommandError: the board is as it was.
    """
    board = look(device, name)
    changed = changed_by_hand(board)
    for path in changed:
        tell(f"{path} on the board was changed by hand; it is written anew")
    report = {"board": name, "role": role, "version": version(), "changed_by_hand": changed}
    if is_same(board, content) and not changed:
        tell("nothing has changed")
        restart(board)
        return {**report, "copied_files": 0, "copied_bytes": 0}
    return {**report, **install(board, content, tell)}


def changed_by_hand(board: Board) -> list[str]:
    """Return the paths of the release that runs which are not as its list says."""
    return list(board.release["wrong"]) if board.release else []


def is_same(board: Board, content: Content) -> bool:
    """Return whether a board starts this very release with this configuration."""
    own = board.release
    if own is None or own["digest"] != hashlib.sha256(content.listing).hexdigest():
        return False
    text = content.config
    return text is None or own["config"] == hashlib.sha256(text).hexdigest()
