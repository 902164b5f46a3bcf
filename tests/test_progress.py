"""A child that hangs is found by its lack of progress; one that is slow is left alone."""

import os
import select
import subprocess
import sys

import pytest

from joulestream.host_tools import progress
from joulestream.host_tools.progress import Stalled, Watch


def python(code):
    return [sys.executable, "-c", code]


@pytest.fixture
def impatient(monkeypatch):
    """Looks come quickly; how many there must be stays as it is."""
    monkeypatch.setattr(progress, "LOOK_S", 0.01)


def test_a_finished_child_is_returned_with_its_texts():
    done = progress.run(
        python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"), "a child"
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")


def test_a_child_that_waits_in_vain_is_found_and_killed(impatient):
    with pytest.raises(Stalled, match="a sleeper: waits in vain"):
        progress.run(python("import os; r, w = os.pipe(); os.read(r, 1)"), "a sleeper")


def test_a_grandchild_that_waits_in_vain_is_found_and_killed_too(impatient, tmp_path):
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))\n"
        "child.wait()\n"
    )
    with pytest.raises(Stalled):
        progress.run(python(code), "a parent")
    try:
        killed = os.pidfd_open(int((tmp_path / "pid").read_text()))
    except ProcessLookupError:
        return
    select.select([killed], [], [])  # it ends once it has been killed
    os.close(killed)


def test_a_child_that_spins_without_a_word_is_found(impatient):
    with pytest.raises(Stalled, match="CPU time and printed nothing"):
        progress.run(python("while True: pass"), "a spinner", quiet_cpu_s=0.2)


def test_a_child_that_prints_may_use_any_cpu_time(impatient):
    code = "import time\nfor _ in range(20):\n  e = time.process_time() + 0.1\n"
    code += "  while time.process_time() < e: pass\n  print('x', flush=True)\n"
    done = progress.run(python(code), "a worker", quiet_cpu_s=1.0)
    assert done.stdout == "x\n" * 20


def test_looks_at_a_process_that_works_judge_nothing():
    process = subprocess.Popen(python("while True: pass"))
    try:
        watch = Watch("a worker", [process.pid])
        for _ in range(2 * progress.ASLEEP_LOOKS):
            watch.look()
    finally:
        process.kill()
        process.wait()


def test_output_counts_as_progress_of_a_process_that_sleeps():
    process = subprocess.Popen(python("import signal; signal.pause()"))
    try:
        watch = Watch("a writer", [process.pid])
        for printed in range(3 * progress.ASLEEP_LOOKS):
            watch.look(printed)
        with pytest.raises(Stalled):
            for _ in range(2 * progress.ASLEEP_LOOKS):
                watch.look(printed)
    finally:
        process.kill()
        process.wait()
