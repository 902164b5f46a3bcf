"""Runs the `test_*` functions of one file, on MicroPython as on CPython.

    micropython tests/micropython_runner.py tests/test_framing.py

Prints one line a test; the exit status is 0 only if there were tests and all of them passed.
"""

import gc
import sys


def print_exception(error):
    """Show where `error` came from."""
    if hasattr(sys, "print_exception"):
        sys.print_exception(error)
    else:
        import traceback

        traceback.print_exception(error)


def run(path):
    """Run the tests of the file at `path`; return how many passed and how many failed."""
    parts = path.rsplit("/", 1)
    sys.path.insert(0, parts[0] if len(parts) == 2 else ".")
    module = __import__(parts[-1].rsplit(".", 1)[0])
    passed = failed = 0
    for name in sorted(dir(module)):
        if not name.startswith("test_"):
            continue
        gc.collect()
        try:
            getattr(module, name)()
        except Exception as error:
            failed += 1
            print("FAILED", name)
            print_exception(error)
        else:
            passed += 1
            print("passed", name)
    return passed, failed


if __name__ == "__main__":
    if len(sys.argv) != 2:
        print("usage: micropython_runner.py <test file>")
        sys.exit(2)
    passed, failed = run(sys.argv[1])
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(0 if passed and not failed else 1)
