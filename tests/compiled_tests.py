"""The dual-runtime test files as bytecode, beside their vectors, for MicroPython on any board."""

import shutil
from pathlib import Path

from joulestream.host_tools.build.bytecode import compile_tree

HERE = Path(__file__).resolve().parent
HELPERS = (
    "dual_runtime.py",
    "micropython_runner.py",
    "native_calls.py",
    "throwaway_meter.py",
)


def compile_tests(names, directory):
    """Compile test files and their helpers into a directory, and return it.

    Bytecode of packages lacks some numbers (host_tools/build/compact.py). Tests that are compiled
    have them.
    """
    compile_tree((HERE / name for name in (*HELPERS, *names)), directory)
    shutil.copytree(
        HERE / "vectors",
        directory / "vectors",
        ignore=shutil.ignore_patterns("*.py", "__pycache__"),
        dirs_exist_ok=True,
    )
    return directory
