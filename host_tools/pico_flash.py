"""Flash images for the emulated Pico, with files on its file system."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

from joulestream.host_tools.build.board import make_image
from joulestream.host_tools.build.shell import ToolchainError
from joulestream.host_tools.pico_emulator import FLASH_SIZE

# As in pico/board/mpconfigboard.h: behind the program.
ROMFS_BYTES = 192 * 1024
# As in pico/_boot.py: the file system has the first part of the 1,408 KB behind the program, and
# the journal has the rest.
_FILES_AT = 640 * 1024
_BLOCK, _BLOCKS, _PAGE = 4096, 288, 256
_ROMFS_AT = _FILES_AT - ROMFS_BYTES
JOURNAL_AT = _FILES_AT + _BLOCKS * _BLOCK


def write_flash(path: Path, folders: Iterable[Path], romfs: bytes = b"") -> None:
    """Write a flash image whose file system has `folders` at its root, under their own names.

    mpremote brings files there too, as to any board, but a whole library takes it a minute.

    Args:
        path: the file to write.
        folders: what the file system has.
        romfs: an image of a ROMFS (build/romfs.py), of ROMFS_BYTES at most.

    Raises:
        ToolchainError: they do not fit, or MicroPython's unix port is missing.
    """
    with tempfile.NamedTemporaryFile(prefix="joulestream-pico-") as image:
        make_image(folders, Path(image.name), (_BLOCK, _BLOCKS, _PAGE))
        files = Path(image.name).read_bytes()
    flash = bytearray(b"\xff" * FLASH_SIZE)
    if len(romfs) > ROMFS_BYTES:
        raise ToolchainError(f"a ROMFS of {len(romfs)} bytes is too large: {ROMFS_BYTES} are free")
    flash[_ROMFS_AT : _ROMFS_AT + len(romfs)] = romfs
    flash[_FILES_AT:JOURNAL_AT] = files
    path.write_bytes(flash)
