"""Fuzz targets hold on their corpus and under the fuzzer, and the fuzzer finds a planted bug."""

import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from joulestream.host_tools.fuzz import corpus, run
from joulestream.host_tools.fuzz.choices import InvariantBroken
from joulestream.host_tools.fuzz.replay import replay
from joulestream.host_tools.fuzz.targets import TARGETS, load
from tree_copy import copy_tree

ROOT = Path(__file__).resolve().parents[1]
# Inputs that each target gets besides its corpus: a few seconds each. `make soak` has hours.
NEW_INPUTS = {
    "framing": 3_000,
    "isotp": 2_000,
    "messages": 20_000,
    "session": 2_000,
    "charging": 300,
    "journal": 800,
    "service": 300,
}
# Without a corpus, the fuzzer finds the planted bug within a thousand inputs.
BUG_INPUTS = 100_000

needs_atheris = pytest.mark.skipif(not run.is_available(), reason=run.MISSING)


def test_fuzzing_is_possible_here():
    """Where it is not, one warning says so: a skipped test alone is easily missed."""
    if not run.is_available():
        warnings.warn(run.MISSING, stacklevel=1)
        pytest.skip(run.MISSING)


@pytest.mark.parametrize("target", TARGETS)
def test_the_corpus_holds(target):
    assert replay(target) >= 10


@needs_atheris
@pytest.mark.parametrize("target", TARGETS)
def test_fuzzing_finds_nothing(target):
    inputs = len(set(corpus.read(target))) + NEW_INPUTS[target]
    (figures,) = run.fuzz_all(run.for_inputs(inputs), [target]).values()
    assert figures["crashes"] == 0
    assert figures["execs"] >= inputs


@needs_atheris
def test_an_input_that_breaks_an_invariant_is_found_kept_and_replayed(tmp_path):
    """Without a corpus, the fuzzer finds a planted bug: a decoder that does not check the CRC."""
    tree = tmp_path / "tree"
    environment = copy_tree(tree)
    shutil.rmtree(tree / "host_tools" / "fuzz" / "corpus")
    path = tree / "shared" / "cpython" / "_twins.py"
    right = "return length if frame[1 + length : 1 + length + _CRC] == crc else _BAD_CRC"
    assert path.read_text().count(right) == 1
    path.write_text(path.read_text().replace(right, "return length"))
    done = run_program("run", environment, "--inputs", BUG_INPUTS, "framing")
    assert done.returncode == 1, done.stderr
    assert "1 crashes" in done.stdout
    assert "fuzz: framing: InvariantBroken: " in done.stderr, done.stderr
    fault = done.stderr.split("InvariantBroken: ")[1].split(";")[0].split("\n")[0]
    name = done.stderr.split("replay framing ")[1].split()[0]
    kept = tree / name
    assert kept.is_file()
    again = run_program("replay", environment, "framing", kept)
    assert again.returncode == 1 and fault in again.stderr, (fault, again.stderr)
    # The input breaks nothing in the tree without the bug.
    load("framing")(kept.read_bytes())


def run_program(name, environment, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "joulestream.host_tools.cli", "fuzz", name, *map(str, arguments)],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


@needs_atheris
def test_an_input_that_hangs_ends_by_the_cpu_time_it_uses():
    from joulestream.host_tools.fuzz.engine import ended_when_it_hangs

    def check(data):
        while data:
            pass

    limited = ended_when_it_hangs(check, 0.1)
    limited(b"")
    with pytest.raises(InvariantBroken, match=r"used 0\.1 s of CPU time"):
        limited(b"x")
