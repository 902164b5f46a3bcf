"""Runs fuzz targets under atheris, as many at a time as there are cores.

Starts from the corpus in the repository and from the inputs of earlier runs; new inputs stay
in build/fuzz/TARGET/found. An input that breaks an invariant is left in build/fuzz/TARGET.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from itertools import count
from pathlib import Path

from joulestream.host_tools import progress
from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.fuzz import corpus
from joulestream.host_tools.fuzz.targets import TARGETS
from joulestream.host_tools.layout import ROOT, import_path

WORK = ROOT / "build" / "fuzz"
MISSING = (
    "fuzz: atheris is not installed: it has wheels for Python 3.11 to 3.13 on Linux x86_64 only; "
    "run `make setup` with one of them, or do without fuzzing"
)
# No limit, in seconds. atheris ends an input that takes a second by the clock when this is 0.
_NO_TIMEOUT_S = 1 << 30
_LOOKS_PER_REPORT = int(60 / progress.LOOK_S)
_MEGABYTES = 2_048
# No limit, in seconds: at 0, atheris ends an input that takes a second by the clock.
_NO_TIMEOUT_S = 1 << 30
_FAILURE = re.compile(r"Uncaught Python exception: ===\n(.+)")
_EXECUTED = re.compile(r"^(?:stat::number_of_executed_units: +|#)(\d+)", re.MULTILINE)


class FuzzError(CommandError):
    """Fuzzing itself did not work: one sentence, with the remedy."""


def is_available() -> bool:
    """Return whether atheris can be imported here."""
    return find_spec("atheris") is not None


def fuzz_all(
    limit: str, names: Sequence[str] = tuple(TARGETS), work: Path = WORK, keep: bool = False
) -> dict[str, dict[str, int]]:
    """Fuzz each target up to a limit.

    Args:
        limit: the end of each target's run, as `for_seconds` or `for_inputs` returns it.
        names: which targets.
        work: where crashing inputs and logs go, in a directory for each target.
        keep: whether to start from the inputs of earlier runs, and to keep those of this one.

    Returns for each target how many inputs were tried (`execs`) and how many broke it (`crashes`:
    0 or 1, for the first one ends the run). Raises FuzzError where fuzzing does not work.
    """
    if not is_available():
        raise FuzzError(MISSING)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        found = list(pool.map(lambda name: _fuzz(name, limit, work / name, keep), names))
    return dict(zip(names, found, strict=True))


def for_seconds(seconds: int) -> str:
    """Return a limit: so many seconds by the clock."""
    return f"-max_total_time={seconds}"


def for_inputs(inputs: int) -> str:
    """Return a limit: so many inputs, those of the corpus included."""
    return f"-runs={inputs}"


def start(target: str, arguments: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start the target's engine with arguments of libFuzzer's; its output goes to `log`."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(import_path()), str(ROOT / "shared" / "cpython")]),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-m", "joulestream.host_tools.fuzz.engine", target, *arguments]
    with log.open("wb") as output:
        return subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )


def _fuzz(target: str, limit: str, work: Path, keep: bool) -> dict[str, int]:
    work.mkdir(parents=True, exist_ok=True)
    log = work / "log"
    with tempfile.TemporaryDirectory(prefix="joulestream-fuzz-") as name:
        seeds = Path(name) / "seeds"
        corpus.spread(corpus.read(target), seeds)
        found = work / "found" if keep else Path(name) / "found"
        found.mkdir(exist_ok=True)
        arguments = [
            limit,
            f"-max_len={TARGETS[target]}",
            f"-timeout={_NO_TIMEOUT_S}",  # engine.py counts CPU time instead
            f"-rss_limit_mb={_MEGABYTES}",
            f"-artifact_prefix={work}/",
            "-seed=1",
            "-print_final_stats=1",
            str(found),
            str(seeds),
        ]
        status = _wait(target, start(target, arguments, log), log)
    text = log.read_text(encoding="utf-8", errors="replace")
    if status:
        _tell_failure(target, text)
    return {"execs": _executed(text), "crashes": int(status != 0)}


def _wait(target: str, process: subprocess.Popen[bytes], log: Path) -> int:
    """Wait for the end of a run and return its exit status; print now and then how far it is.

    An input that hangs ends the run by itself (engine.py), and so does the end of its time.
    """
    watch = progress.Watch(f"fuzz: {target}", [process.pid], quiet_cpu_s=None)
    try:
        for look in count(1):
            try:
                return process.wait(progress.LOOK_S)
            except subprocess.TimeoutExpired:
                watch.look(log.stat().st_size)
            if look % _LOOKS_PER_REPORT == 0:
                execs = _executed(log.read_text(encoding="utf-8", errors="replace"))
                print(f"fuzz: {target}: {execs:,} inputs so far", file=sys.stderr, flush=True)
    except progress.Stalled as error:
        raise FuzzError(f"{error}; see {log}") from error
    finally:
        process.kill()
        process.wait()
    raise AssertionError("the loop above has no end")


def _executed(text: str) -> int:
    return max((int(count) for count in _EXECUTED.findall(text)), default=0)


def _tell_failure(target: str, text: str) -> None:
    """Print the input and the fault; raise FuzzError if there is no input."""
    written = re.search(r"Test unit written to (\S+)", text)
    if written is None:
        lines = text.strip().splitlines() or ["nothing was said"]
        raise FuzzError(f"fuzz: {target} could not be fuzzed: {lines[-1]}")
    failure = _FAILURE.search(text)
    what = failure[1] if failure else "an input hangs or takes all memory"
    path = Path(written[1])
    shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    print(
        f"fuzz: {target}: {what}; replay it with joulestream fuzz replay {target} {shown}",
        file=sys.stderr,
        flush=True,
    )
