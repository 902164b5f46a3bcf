"""The dual-runtime test files on the emulated board, driven by the real mpremote."""

import fcntl
import os
import random
import select
import sys

import pytest

from compiled_tests import HERE, compile_tests
from ed25519_cases import CASES, cases
from joulestream.host_tools import emulator, progress
from joulestream.host_tools.build import board
from joulestream.host_tools.build.romfs import make_image
from joulestream.host_tools.build.shell import ToolchainError
from joulestream.host_tools.layout import BUILD
from native_calls import transcript
from test_keystore import BY_DEVICE
from test_on_micropython import FILES, PAIRS

# test_config.py makes temporary files, with an environment and random names the board lacks.
# test_keystore.py needs a cipher, which the board's MicroPython lacks; see the test of that below.
# The others' histories of many sessions would take the board minutes. They tell nothing about it:
# the same firmwares, with the same kinds of figures, charge there in the files that remain.
# The line of a real meter takes it two minutes; test_meter_makers.py reads every model there.
NOT_ON_BOARD = (
    "test_real_meters.py",
    "test_config.py",
    "test_keystore.py",
    "test_carry_over.py",
    "test_desk_meters.py",
    "test_fitting_configurations.py",
    "test_honest_audit.py",
    "test_meter_models.py",
    "test_restart.py",
)
ON_BOARD = tuple(name for name in FILES + PAIRS if name not in NOT_ON_BOARD)
# No chip has both firmwares, so both need a heap larger than a chip's.
# test_journal.py has a test that keeps thousands of numbers, test_installer.py a large file.
_GREEDY = ("test_journal.py", "test_installer.py")
LARGE = tuple(name for name in ON_BOARD if name in PAIRS or name in _GREEDY)
SECURITY = (HERE.parent / "docs" / "security.md").read_text()

# One pytest worker runs them all, on one board (--dist loadgroup).
pytestmark = pytest.mark.xdist_group("emulated board")

RUN = """
import gc, sys
sys.path.insert(0, "/tests")
import micropython_runner
passed, failed = micropython_runner.run("/tests/%s.py")
del sys.modules["%s"]
gc.collect()
if failed or not passed:
    raise AssertionError("%%d passed, %%d failed" %% (passed, failed))
"""


@pytest.fixture(scope="module")
def built():
    """The firmware, and the folders of library and tests; skip, loudly, where there is none."""
    BUILD.mkdir(exist_ok=True)
    try:
        with open(BUILD / "board.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # another pytest worker may be at it
            tests = compile_tests(ON_BOARD, BUILD / "board-lib" / "tests")
            return board.build(), [board.build_library(), tests]
    except ToolchainError as error:
        print(f"\nEMULATED BOARD NOT TESTED: {error}", file=sys.__stderr__, flush=True)
        pytest.skip(f"emulated board not tested: {error}")


@pytest.fixture(scope="module")
def emulated(built):
    """A running board with the library and the tests on it."""
    with emulator.EmulatedBoard(*built, counts=False) as machine:
        yield machine


@pytest.fixture(scope="module")
def chip(built):
    """A board with the heap of the chip that it stands for, and all files in its ROMFS."""
    firmware, folders = built
    files = {
        f"{folder.name}/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file()
    }
    heap = emulator.HEAPS["esp32c3"]
    with emulator.EmulatedBoard(firmware, [], False, make_image(files), heap) as machine:
        yield machine


@pytest.mark.parametrize("name", [name for name in ON_BOARD if name not in LARGE])
def test_file_in_the_heap_of_the_chip(chip, name):
    stem = name.removesuffix(".py")
    chip.reset()
    printed = chip.mpremote("exec", (RUN % (stem, stem)).replace('"/tests', '"/rom/tests'))
    assert "FAILED" not in printed and "passed" in printed, printed


@pytest.mark.parametrize("name", LARGE)
def test_file(emulated, name):
    stem = name.removesuffix(".py")
    printed = emulated.mpremote("exec", RUN % (stem, stem))
    assert "FAILED" not in printed and "passed" in printed, printed


RANDOM_KEYS, RANDOM_EACH = 40, 25
# The board verifies one signature in twenty of those that CPython verifies.
RANDOM_ROUNDS = max(CASES // 20 // (RANDOM_KEYS * RANDOM_EACH), 1)
RUN_RANDOM = """
from joulestream.signing import Verifier, verify
with open("/random.bin", "rb") as file:
    for _ in range(%d):
        verifier = Verifier(file.read(32))
        for number in range(%d):
            message, signature, answer = file.read(44), file.read(64), file.read(1) == b"1"
            assert verifier.verify(message, signature) is answer, (message, signature)
            if number %% 5 == 0:
                assert verify(verifier.public_key, message, signature) is answer, message
import os
os.remove("/random.bin")
print("all agree")
"""


@pytest.mark.parametrize("number", range(RANDOM_ROUNDS))
def test_random_signatures_get_libsodiums_answer(emulated, number, tmp_path):
    path = tmp_path / "random.bin"
    with path.open("wb") as file:
        for public, found in cases(random.Random(number), RANDOM_KEYS, RANDOM_EACH):
            file.write(public)
            for message, signature, answer in found:
                file.write(message + signature + (b"1" if answer else b"0"))
    emulated.mpremote("cp", str(path), ":/random.bin")
    printed = emulated.mpremote("exec", RUN_RANDOM % (RANDOM_KEYS, RANDOM_EACH))
    assert "all agree" in printed


def test_a_failure_shows(emulated):
    with pytest.raises(ToolchainError, match="AssertionError"):
        emulated.mpremote("exec", "assert 1 == 2")


RUN_WITHOUT_CIPHER = """
from joulestream.device.keyfile import open_signer
from joulestream.device.keystore import KeystoreError, SOURCE_DEVICE, open_sealed, seal
SEALED, SECRET = bytes.fromhex("%s"), bytes(range(0x80, 0xa0))

def secret_of(source):
    raise AssertionError("the board asks for a secret it has no use for")

def plain():
    with open("/plain.seed", "w") as file:
        file.write("00" * 32)
    open_signer("/plain.seed", secret_of)

def sealed():
    with open("/sealed.seed", "wb") as file:
        file.write(SEALED)
    open_signer("/sealed.seed", secret_of)

for call in (
    lambda: open_sealed(SEALED, SECRET),
    lambda: seal(bytes(32), SECRET, SOURCE_DEVICE, 0, bytes(16), bytes(16)),
    plain,
    sealed,
):
    try:
        call()
        print("taken")
    except KeystoreError as error:
        print("refused: %%s" %% error)
"""


def test_a_board_without_a_cipher_says_so_and_opens_no_key(emulated):
    printed = emulated.mpremote("exec", RUN_WITHOUT_CIPHER % BY_DEVICE.hex())
    lines = printed.split("\n")
    assert printed.count("refused: ") == 4 and "taken" not in printed, printed
    assert sum("this board has no cryptolib" in line for line in lines) == 4, printed
    assert sum("/sealed.seed: " in line for line in lines) == 1


RUN_ITERATIONS = """
import gc
from time import ticks_diff, ticks_us
from joulestream.device.kdf import pbkdf2_sha256
gc.collect()
gc.disable()  # other objects on the heap are no part of the figure
begun_us = ticks_us()
pbkdf2_sha256(b"passphrase", b"salt", 1000)
gc.enable()
print("instructions:", ticks_diff(ticks_us(), begun_us))  # of one iteration, one nanosecond each
"""


def test_an_iteration_costs_what_is_documented(built):
    with emulator.EmulatedBoard(*built) as machine:
        printed = machine.mpremote("exec", RUN_ITERATIONS)
    # How full the heap is moves it: its free places are searched for.
    assert 25_000 < int(printed.split("instructions:")[1]) < 40_000, printed
    assert "an iteration in 30,000 instructions" in SECURITY


NATIVE_CALLS = 2_000
RUN_NATIVE_CALLS = f"""
import sys
sys.path.insert(0, "/tests")
from native_calls import transcript
for text in transcript({NATIVE_CALLS}, {NATIVE_CALLS}):
    print(text)
"""


def test_native_code_and_its_twins_do_the_same(emulated):
    printed = emulated.mpremote("exec", RUN_NATIVE_CALLS)
    assert printed.splitlines() == list(transcript(NATIVE_CALLS, NATIVE_CALLS))


RUN_BOARD_CONTRACT = """
from joulestream.boards import open_board
from joulestream.testkit.board_contract import check_board
board = open_board({"storage_blocks": 6, "pilot": "C"})
check_board(board)
print("kept", board.pilot_state(), board.contactor_closed)
"""


def test_the_emulated_board_keeps_the_contract(emulated):
    printed = emulated.mpremote("exec", RUN_BOARD_CONTRACT)
    assert printed.split() == ["kept", "C", "False"]


STARTS_AND_DIES = """
import os, sys
from pathlib import Path
from joulestream.host_tools.emulator import EmulatedBoard
board = EmulatedBoard(Path(sys.argv[1]))
print(open("/proc/self/task/%d/children" % os.getpid()).read(), flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.mark.skipif(
    sys.platform != "linux", reason="the emulated board ends with its parent on Linux"
)
def test_a_board_ends_with_the_program_that_started_it(built):
    firmware, _ = built
    done = progress.run([sys.executable, "-c", STARTS_AND_DIES, str(firmware)], "a short life")
    try:
        board = os.pidfd_open(int(done.stdout))
    except ProcessLookupError:
        return
    select.select([board], [], [])
    os.close(board)
