"""The Ed25519 module linked into a firmware, as a user C module, on the emulated board."""

import fcntl
from pathlib import Path

import pytest

import _ed25519
from joulestream.host_tools import emulator
from joulestream.host_tools.build import board, frozen, native, shell, sources
from joulestream.host_tools.layout import BUILD
from joulestream.signing import TABLE_SIZE
from test_native_stubs import CALLS, calls_of_the_stub, missing_names, public_names

ROOT = Path(__file__).resolve().parents[1]

RUN = """
import _ed25519
seed, message = bytes(range(32)), b"CLM"
expanded = _ed25519.expand(seed)
public = _ed25519.public_key(seed)
signature = _ed25519.sign(expanded, message)
table = bytearray(TABLE_SIZE)
assert _ed25519.prepare(public, table)
assert _ed25519.verify(public, message, signature)
assert _ed25519.verify_prepared(table, public, message, signature)
assert not _ed25519.verify_prepared(table, public, b"", signature)
try:
    _ed25519.sign(b"", message)
except ValueError as error:
    print(signature.hex(), error)
"""

# The build of a port that uses CMake: it includes MicroPython's usermod.cmake and compiles the
# sources that usermod.cmake gathers.
CMAKE = """
cmake_minimum_required(VERSION 3.20)
project(port C)
include(${MPY_DIR}/py/usermod.cmake)
add_library(port OBJECT ${MICROPY_SOURCE_USERMOD})
target_include_directories(port PRIVATE ${MICROPY_INC_USERMOD} ${PORT_INCLUDES})
target_compile_options(port PRIVATE ${PORT_OPTIONS})
"""

pytestmark = pytest.mark.xdist_group("user module")


@pytest.fixture(scope="module")
def firmware():
    """Build the emulated board's firmware with the module linked in."""
    try:
        with open(BUILD / "board.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return frozen.build_native_board()
    except shell.ToolchainError as error:
        if "install" not in str(error):
            raise
        pytest.skip(f"user C module not tested: {error}")


@pytest.fixture(scope="module")
def machine(firmware):
    """The emulated board with that firmware, running."""
    with emulator.EmulatedBoard(firmware, counts=False) as board:
        yield board


def test_linked_into_a_firmware(machine):
    signature = _ed25519.sign(_ed25519.expand(bytes(range(32))), b"CLM").hex()
    printed = machine.mpremote("exec", f"TABLE_SIZE = {TABLE_SIZE}\n{RUN}")
    assert printed.strip() == f"{signature} expanded key must be 96 bytes"


def test_the_stub_has_the_signatures_of_the_user_module(machine):
    assert machine.mpremote("exec", CALLS).splitlines() == calls_of_the_stub()


def test_the_stub_has_exactly_the_names_of_the_boards_module(machine):
    names = machine.mpremote("exec", "import board; print(*dir(board))").split()
    assert [name for name in sorted(names) if name[:2] != "__"] == public_names("board")


@pytest.mark.parametrize("module", ("micropython", "uctypes", "vfs"))
def test_the_board_has_every_name_of_a_stub(machine, module):
    assert machine.mpremote("exec", missing_names(module)).strip() == "[]"


def test_gathered_by_micropythons_cmake(firmware, tmp_path):
    """The ports esp32 and rp2 build so. Here, the emulated board's compiler and headers do."""
    try:
        shell.require_tools({"cmake": "cmake"})
    except shell.ToolchainError as error:
        pytest.skip(f"micropython.cmake not tested: {error}")
    (tmp_path / "CMakeLists.txt").write_text(CMAKE)
    tree = sources.micropython_tree()
    includes = (tree, tree / "ports" / "qemu", tree / "shared", firmware.parent, board.SOURCE)
    options = "-misa-spec=2.2 -mabi=ilp32 -march=rv32imac --specs=picolibc.specs".split()
    settings = {
        "CMAKE_C_COMPILER": "riscv64-unknown-elf-gcc",
        "CMAKE_C_COMPILER_WORKS": "1",
        "CMAKE_EXPORT_COMPILE_COMMANDS": "1",
        "MPY_DIR": str(tree),
        "MONOCYPHER_DIR": str(sources.tree(sources.MONOCYPHER)),
        "USER_C_MODULES": str(native.ED25519 / "micropython.cmake"),
        "PORT_INCLUDES": ";".join(map(str, includes)),
        "PORT_OPTIONS": ";".join([*options, "-DMP_CONFIGFILE=<board_config.h>"]),
    }
    output = tmp_path / "build"
    words = [f"-D{name}={value}" for name, value in settings.items()]
    shell.run(["cmake", "-S", str(tmp_path), "-B", str(output), *words], "configuring")
    shell.run(["cmake", "--build", str(output)], "compiling")
    (built,) = (path for path in output.rglob("usermod.c.o*") if path.suffix != ".d")
    symbols = shell.run(["riscv64-unknown-elf-nm", str(built)], "reading symbols")
    assert "ed25519_user_cmodule" in symbols
    assert "-fno-schedule-insns" in (output / "compile_commands.json").read_text()
