"""A native module that is missing, or that is another processor's or version's.

The firmware opens the contactor, then says one sentence. Nothing else verifies in its place.
"""

import shutil
import sys

import pytest

from joulestream.host_tools import emulator, progress
from joulestream.host_tools.bench.firmware import micropython
from joulestream.host_tools.build import board, native
from joulestream.host_tools.build.bytecode import compile_packages
from joulestream.host_tools.build.shell import ToolchainError

# Starts a firmware on a board that records every call of its contactor.
START = """
from joulestream import boards
from joulestream.%(role)s import main

class Config:
    board = {}

class Board:
    def __init__(self, config):
        self.calls = []
    def make_safe(self):
        self.contactor(False)
    def contactor(self, closed):
        self.calls.append(closed)
    def secret(self, *_):
        raise AssertionError("the key is opened without a module that signs")
    gate_ms = secret

board = Board(None)
boards.open_board = lambda config: board
main.load_config = lambda path: Config
print("ended", main.start("config.json"), board.calls)
"""
# Another module of the same name, as Python.
OTHERS = {
    "of an earlier release": "def verify(*_):\n    return True\n",
    "of a later release": "BINDING = 1000\ndef verify(*_):\n    return True\n",
}
ELSEWHERE = "is for another processor or another MicroPython"
ANOTHER_VERSION = "is of another version of Joulestream"
REMEDY = "copy the one for this board's processor from the same release"


def changed(index, value):
    """Return the unix port's module with one byte of its header changed."""
    data = bytearray(native.build_native_module(native.native_arch()).read_bytes())
    assert data[0] == ord("M") and data[index] != value
    data[index] = value
    return bytes(data)


def modules():
    """Yield each wrong module: a name, the file, its content, and the words of the firmware."""
    yield "missing", None, b"", "is missing"
    for name, text in OTHERS.items():
        yield name, "_ed25519.py", text.encode(), ANOTHER_VERSION
    # Byte 1 is the version of the format; byte 2 has the architecture and the native sub-version.
    yield "another format", "_ed25519.mpy", lambda: changed(1, 5), ELSEWHERE
    yield "another native version", "_ed25519.mpy", lambda: changed(2, 2 << 2 | 2), ELSEWHERE
    for arch, number in (("armv6m", 4), ("xtensawin", 10), ("rv32imc", 11)):
        yield arch, "_ed25519.mpy", lambda number=number: changed(2, number << 2 | 3), ELSEWHERE


@pytest.mark.parametrize("role, ending", [("pole", "contactor stays open"), ("vehicle", "paid")])
@pytest.mark.parametrize(
    "name, file, content, said", [pytest.param(*row, id=row[0]) for row in modules()]
)
def test_the_unix_board_says_one_sentence(role, ending, name, file, content, said, tmp_path):
    if file:
        (tmp_path / file).write_bytes(content() if callable(content) else content)
    done = progress.run(
        [micropython(), "-c", START % {"role": role}],
        "a firmware with a wrong module",
        env={"MICROPYPATH": f"{tmp_path}:{compile_packages()}:.frozen"},
    )
    calls = "[False]" if role == "pole" else "[]"
    assert done.stdout == f"ended 1 {calls}\n", done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{role}: the native module _ed25519 {said}: {REMEDY}; "), line
    assert ending in line


@pytest.mark.xdist_group("emulated board")
@pytest.mark.parametrize("arch", ["armv6m", "x64"])
def test_the_emulated_board_says_one_sentence(arch, tmp_path):
    """The board's own loader refuses the file that was built for another processor."""
    try:
        firmware = board.build()
        library = shutil.copytree(board.build_library(), tmp_path / "lib")
        shutil.copy2(native.build_native_module(arch), library / "_ed25519.mpy")
    except ToolchainError as error:
        print(f"\nEMULATED BOARD NOT TESTED: {error}", file=sys.__stderr__, flush=True)
        pytest.skip(f"emulated board not tested: {error}")
    with emulator.EmulatedBoard(firmware, [library], counts=False) as machine:
        printed = machine.mpremote("exec", START % {"role": "pole"})
    lines = printed.split("\r\n" if "\r\n" in printed else "\n")
    assert lines[0].startswith(f"pole: the native module _ed25519 {ELSEWHERE}: {REMEDY}; ")
    assert lines[1] == "ended 1 [False]", printed
