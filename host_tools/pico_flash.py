"""Flash images for the emulated Pico, with files on its file system."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

from joulestream.host_tools.build.board import make_image
from joulestream.host_tools.pico_emulator import FLASH_SIZE

# As in pico/_boot.py: the file system has the first part of the 1,408 KB behind the program, and
# the journal has the rest.
_FILES_AT = 640 * 1024
_BLOCK, _BLOCKS, _PAGE = 4096, 288, 256
JOURNAL_AT = _FILES_AT + _BLOCKS * _BLOCK


def write_flash(path: Path, folders: Iterable[Path]) -> None:
    """Write a flash image whose file system has `folders` at its root, under their own names.

    mpremote brings files there too, as to any board, but a whole library takes it a minute.

    Raises:
        ToolchainError: they do not fit, or MicroPython's unix port is missing.
    """
    with tempfile.NamedTemporaryFile(prefix="joulestream-pico-") as image:
        make_image(folders, Path(image.name), (_BLOCK, _BLOCKS, _PAGE))
        files = Path(image.name).read_bytes()
    flash = bytearray(b"\xff" * FLASH_SIZE)
    flash[_FILES_AT:JOURNAL_AT] = files
    path.write_bytes(flash)
