"""Files on the emulated Pico's flash, brought there by the real mpremote, once for each content."""

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from joulestream.host_tools.build.pico import OUTPUT, locked
from joulestream.host_tools.build.shell import say
from joulestream.host_tools.pico_emulator import EmulatedPico


def flash_with(firmware: Path, modules: Path, folders: Iterable[Path]) -> Path:
    """Return a flash image whose file system has `folders` at its root, under their own names.

    The image is for copying: a Pico that runs on it changes it.

    Args:
        firmware: the Pico's program, as build() returns it.
        modules: the directory of rp2040js, as emulator_modules() returns it.
        folders: the folders.

    Raises:
        ToolchainError: the emulator cannot be started, or mpremote fails.
    """
    folders = list(folders)
    digest = hashlib.sha256(firmware.read_bytes())
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                digest.update(str(path.relative_to(folder.parent)).encode() + b"\0")
                digest.update(path.read_bytes())
    image = OUTPUT / "flash" / f"{digest.hexdigest()[:16]}.bin"
    with locked("pico-flash"):
        if not image.is_file():
            say("copying the library to the emulated Pico's flash with mpremote")
            shutil.rmtree(image.parent / "new", ignore_errors=True)
            (image.parent / "new").mkdir(parents=True)
            unfinished = image.parent / "new" / "flash.bin"
            with EmulatedPico(firmware, modules, unfinished) as board:
                for folder in folders:
                    board.mpremote("fs", "cp", "-r", str(folder), ":")
            os.replace(unfinished, image)
    return image
