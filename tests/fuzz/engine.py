"""One fuzz target under atheris, in a process of its own, since its fuzzing never returns.

    python -m fuzz.engine TARGET LIBFUZZER_ARGUMENT ...

fuzz/run.py starts it, with the path of the tree's own modules in PYTHONPATH.
"""

import sys

import atheris

from fuzz.targets import load

# What is under test; the targets' own plain models would only draw the fuzzer's attention.
_INSTRUMENTED = ["joulestream", "pole", "vehicle"]


def main():
    """Fuzz the target named, until libFuzzer ends the process."""
    name, arguments = sys.argv[1], sys.argv[2:]
    with atheris.instrument_imports(include=_INSTRUMENTED):
        check = load(name)
    atheris.Setup([name, *arguments], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
