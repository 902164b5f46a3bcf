"""An archive for each board: the bytecode of both firmwares, the native module, the licences.

It has a ROMFS of each role too, for an image of MicroPython with room for one.

An archive is a plain tar file without compression, so that its bytes depend on no library. Its
files have one owner, one time and the order of their names.
"""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from joulestream.host_tools.build.bytecode import compile_packages
from joulestream.host_tools.build.native import build_native_module
from joulestream.host_tools.build.romfs import ROLES, role_image
from joulestream.host_tools.build.shell import ToolchainError
from joulestream.host_tools.build.sources import MONOCYPHER, micropython_tree, tree
from joulestream.host_tools.layout import ROOT

# No board has use for it: stand-ins for tests.
_TESTKIT = "joulestream/testkit/"
_LIBRARY = "lib/"
_PACKAGE = _LIBRARY + "joulestream/"
_BOARDS = "joulestream/boards/"
# 1980-01-01, the earliest time that every archive format and file system can hold.
_TIME_S = 315_532_800


class Bundle(NamedTuple):
    """The bundle of one kind of board.

    Attributes:
        arch: MicroPython's name of its machine code.
        files: names of the modules in firmware/boards that only this board needs.
        romfs: whether an image of MicroPython for this board can have a ROMFS.
    """

    arch: str
    files: tuple[str, ...]
    romfs: bool = True


# By the board's name.
BUNDLES = {
    "unix-x64": Bundle("x64", ("unix", "file_flash", "gate"), romfs=False),
    "qemu-rv32": Bundle("rv32imc", ("qemu",)),
    "rp2040": Bundle("armv6m", ("rp2040",)),
    "esp32": Bundle("xtensawin", ("esp32",)),
    "esp32s3": Bundle("xtensawin", ("esp32s3",)),
    "esp32c3": Bundle("rv32imc", ("esp32c3",)),
}


def contents(board: str, bytecode: Path) -> dict[str, bytes]:
    """Return the files of a board's bundle, by their names in it.

    Args:
        board: a key of BUNDLES.
        bytecode: the directory that compile_all() returned.

    Raises:
        ToolchainError: the native module cannot be built.
    """
    bundle = BUNDLES[board]
    others = {name for row in BUNDLES.values() for name in row.files} - set(bundle.files)
    files = dict(licences())
    for path in bytecode.rglob("*.mpy"):
        name = path.relative_to(bytecode).as_posix()
        is_others = name.startswith(_BOARDS) and path.stem in others
        if not (is_others or name.startswith(_TESTKIT)):
            files[f"{_LIBRARY}{name}"] = path.read_bytes()
    files[f"{_LIBRARY}_ed25519.mpy"] = build_native_module(bundle.arch).read_bytes()
    if bundle.romfs:
        files |= {f"{role}.romfs": role_image(files, role) for role in ROLES}
    return files


def firmware(files: Mapping[str, bytes], role: str) -> dict[str, bytes]:
    """Return the files of a bundle that a board of one role runs, by their paths in its directory.

    Args:
        files: the files that contents() returned.
        role: "pole" or "vehicle".
    """
    others = tuple(f"{_PACKAGE}{name}/" for name in ROLES if name != role)
    return {
        name.removeprefix(_LIBRARY): data
        for name, data in files.items()
        if name.startswith(_LIBRARY) and not name.startswith(others)
    }


def compile_all(directory: Path) -> Path:
    """Compile every package of devices into an empty directory and return it.

    Raises:
        ToolchainError: a file does not compile, or holds machine code of one architecture.
    """
    compile_packages(directory)
    for path in directory.rglob("*.mpy"):
        # The third byte of the format: the native architecture, and two bits of its version.
        if path.read_bytes()[2] >> 2:
            raise ToolchainError(f"{path.name} holds machine code, so it fits one processor only")
    return directory


def licences() -> dict[str, bytes]:
    """Return the texts of the licences of everything in a bundle, by their names in it."""
    paths = {
        "joulestream": ROOT / "LICENSE",
        "micropython": micropython_tree() / "LICENSE",
        "monocypher": tree(MONOCYPHER) / "LICENSE.txt",
    }
    return {f"licences/{name}.txt": path.read_bytes() for name, path in paths.items()}


def archive(files: Mapping[str, bytes]) -> bytes:
    """Return a tar archive that depends on the names and the contents of its files alone."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in sorted(files):
            member = tarfile.TarInfo(name)
            member.size = len(files[name])
            member.mtime = _TIME_S
            member.mode = 0o644
            tar.addfile(member, io.BytesIO(files[name]))
    return packed.getvalue()
