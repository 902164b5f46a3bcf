"""The native functions of shared/native and their twins in Python do the same, byte for byte.

Both get the same random and hostile arguments: the twins on CPython, the C code as the native
module of MicroPython's unix port. test_on_board.py has the same for the emulated board, and
test_ed25519_fuzz.py runs the C code under AddressSanitizer.
"""

import os
from pathlib import Path

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
