"""The emulated board with our packages in an ordinary file system, in a ROMFS, or in its image."""

from functools import cache
from pathlib import Path

from joulestream.host_tools.build import board
from joulestream.host_tools.build.frozen import build_frozen_board, build_native_board
from joulestream.host_tools.build.romfs import library_files, role_image

# FILES: of an ordinary file system, from which a firmware copies all to the heap. ROMFS: with the
# native module, which alone is copied. ROMFS_AND_MODULE: the same ROMFS, and the native module in
# the image, where MicroPython finds it first. IMAGE: both in the image.
FILES, ROMFS, ROMFS_AND_MODULE, IMAGE = "files", "romfs", "romfs_and_module", "frozen"


@cache
def parts(packages: str, role: str) -> tuple[Path, list[Path], bytes]:
    """Return a board's firmware, the folders of its file system, and its ROMFS, all built.

    Args:
        packages: where the packages are, one of the names above.
        role: the firmware that a ROMFS is made for.

    Raises:
        ToolchainError: the board cannot be built.
    """
    if packages == IMAGE:
        return build_frozen_board(), [], b""
    library = board.build_library()
    if packages == FILES:
        return board.build(), [library], b""
    firmware = board.build() if packages == ROMFS else build_native_board()
    return firmware, [], role_image(library_files(library), role)
