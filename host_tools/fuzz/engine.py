"""One fuzz target under atheris, in a process of its own, since its fuzzing never returns.

    python -m joulestream.host_tools.fuzz.engine TARGET LIBFUZZER_ARGUMENT ...

fuzz/run.py starts it, with the path of the tree's own modules in PYTHONPATH.
"""

import shlex
import sys

import atheris

from joulestream.host_tools.fuzz.targets import load

# What is under test; the targets' own plain models would only draw the fuzzer's attention.
_PACKAGE = "joulestream"
_NOT_INSTRUMENTED = ["joulestream.host_tools", "joulestream.testkit"]


def main():
    """Fuzz the target named, until libFuzzer ends the process."""
    name, arguments = sys.argv[1], sys.argv[2:]
    with atheris.instrument_imports(include=[_PACKAGE], exclude=_NOT_INSTRUMENTED):
        check = load(name)
    # A merge starts its own program again, by a shell, so that an input that crashes it is no end.
    again = " ".join(shlex.quote(part) for part in (sys.executable, "-m", __spec__.name, name))
    atheris.Setup([again, *arguments], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
