"""The native functions of shared/native and their twins in Python do the same, byte for byte.

Both get the same random and hostile arguments: the twins on CPython, the C code as the native
module of MicroPython's unix port. test_on_board.py has the same for the emulated board, and
test_ed25519_fuzz.py runs the C code under AddressSanitizer.
"""

import os
from pathlib import Path

import pytest

from joulestream.host_tools import progress
from joulestream.host_tools.bench.firmware import micropython, micropython_environment
from native_calls import transcript

PROGRAM = Path(__file__).resolve().parent / "native_calls.py"
SEED = 2026
CALLS = int(os.environ.get("JOULESTREAM_CASES", "20000"))


def test_native_code_and_twins_do_the_same():
    command = [micropython(), "-X", "heapsize=8M", str(PROGRAM), str(SEED), str(CALLS)]
    done = progress.run(command, "native_calls.py", env=micropython_environment())
    lines = done.stdout.splitlines()
    for number, expected in enumerate(transcript(SEED, CALLS)):
        assert number < len(lines), done.stdout[-300:] + done.stderr
        assert lines[number] == expected, number
    assert len(lines) == CALLS


REFUSED = """
from joulestream import native, signing, units
for call in (lambda: units.ticks_diff(2, 1), lambda: signing.public_key(b""), native.check_native):
    try:
        call()
    except ValueError as error:
        print(error)
"""


@pytest.mark.parametrize(
    "module, fault",
    [
        (None, "is missing"),
        ("def verify(): pass", "is of another version of Joulestream"),
        ("raise ValueError('incompatible .mpy arch')", "is for another processor"),
        ("raise MemoryError", "does not fit into the memory"),
    ],
)
def test_a_board_without_the_right_module_says_so_in_one_sentence(tmp_path, module, fault):
    if module is not None:
        (tmp_path / "_ed25519.py").write_text(module)
    environment = micropython_environment()
    library = [path for path in environment["MICROPYPATH"].split(":") if "native" not in path]
    environment["MICROPYPATH"] = ":".join([str(tmp_path), *library])
    done = progress.run([micropython(), "-c", REFUSED], "micropython -c", env=environment)
    lines = done.stdout.splitlines()
    assert len(lines) == 3 and len(set(lines)) == 1, done.stdout + done.stderr
    assert lines[0].startswith(f"the native module _ed25519 {fault}")
    assert lines[0].endswith("copy the one for this board's processor from the same release")
