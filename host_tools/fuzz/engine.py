"""One fuzz target under atheris, in a process of its own, since its fuzzing never returns.

    python -m joulestream.host_tools.fuzz.engine TARGET LIBFUZZER_ARGUMENT ...

fuzz/run.py starts it, with the path of the tree's own modules in PYTHONPATH.
"""

import shlex
import signal
import sys
from collections.abc import Callable
from types import FrameType

import atheris

from joulestream.host_tools.fuzz.choices import InvariantBroken
from joulestream.host_tools.fuzz.targets import load

# Most inputs take a millisecond. An input that uses so much CPU time hangs.
_HANG_CPU_S = 20.0
# The code under test. If the targets were instrumented, the fuzzer would look for new paths in
# them instead.
_PACKAGE = "joulestream"
_NOT_INSTRUMENTED = ["joulestream.host_tools", "joulestream.testkit"]


def ended_when_it_hangs(
    check: Callable[[bytes], None], most_cpu_s: float = _HANG_CPU_S
) -> Callable[[bytes], None]:
    """Return `check` with a limit: InvariantBroken after `most_cpu_s` seconds of CPU time."""

    def hangs(number: int, frame: FrameType | None) -> None:
        raise InvariantBroken(f"an input used {most_cpu_s:g} s of CPU time")

    signal.signal(signal.SIGVTALRM, hangs)

    def limited(data: bytes) -> None:
        signal.setitimer(signal.ITIMER_VIRTUAL, most_cpu_s)
        try:
            check(data)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    return limited


def main() -> None:
    """Fuzz the target named, until libFuzzer ends the process."""
    name, arguments = sys.argv[1], sys.argv[2:]
    with atheris.instrument_imports(include=[_PACKAGE], exclude=_NOT_INSTRUMENTED):
        check = load(name)
    # A merge starts this program again through a shell, so that it survives a crash.
    again = " ".join(shlex.quote(part) for part in (sys.executable, "-m", __spec__.name, name))
    atheris.Setup([again, *arguments], ended_when_it_hangs(check))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
