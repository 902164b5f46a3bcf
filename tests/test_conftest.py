"""A run of pytest ends tests that hang, tells about skipped ones, and counts CPU time."""

import re
import sys

import pytest

from conftest import LONG, REMEDIES, remedy
from joulestream.host_tools import progress
from joulestream.host_tools.layout import ROOT

HANGS = """
import os

def test_hangs():
    reader, writer = os.pipe()
    os.read(reader, 1)

def test_passes():
    pass
"""
IS_SKIPPED = """
import pytest

@pytest.mark.parametrize("number", range(3))
def test_valgrind(number):
    pytest.skip("constant time not checked: no valgrind")

@pytest.mark.skipif(True, reason="the moon is wrong")
def test_moon():
    pass
"""


def run_pytest(directory, text, *arguments):
    """Run pytest on one file below the tests' own conftest.py; return the finished process."""
    (directory / "conftest.py").write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(ROOT / 'tests')!r})\n"
        "from joulestream.host_tools import progress\n"
        "progress.LOOK_S = 0.01\n"
        f"exec(open({str(ROOT / 'tests' / 'conftest.py')!r}).read())\n"
    )
    (directory / "test_sample.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return progress.run([*command, "--rootdir=.", "."], "pytest", cwd=directory)


def test_a_test_that_hangs_fails_and_the_run_goes_on(tmp_path):
    done = run_pytest(tmp_path, HANGS)
    assert "1 failed, 1 passed" in done.stdout, done.stdout
    assert "test_hangs waits in vain" in done.stdout
    assert "os.read(reader, 1)" in done.stdout


@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["one process", "xdist"])
def test_a_run_ends_with_what_was_skipped_and_how_to_enable_it(tmp_path, arguments):
    done = run_pytest(tmp_path, IS_SKIPPED, *arguments)
    assert "skipped: 4 tests" in done.stdout, done.stdout
    shown = done.stdout.split("skipped: 4 tests")[1]
    assert "   3 tests of test_sample.py\n" in shown
    assert "why: constant time not checked: no valgrind\n" in shown
    assert f"to enable: {REMEDIES['constant time']}\n" in shown
    assert "why: the moon is wrong\n" in shown


def test_a_run_counts_cpu_seconds_where_asked(tmp_path):
    text = "import subprocess, sys\n\ndef test_child():\n"
    text += "    code = 'import time\\nwhile time.process_time() < 0.5: pass'\n"
    text += "    subprocess.run([sys.executable, '-c', code])\n"
    done = run_pytest(tmp_path, text, "--cpu")
    line = next(line for line in done.stdout.splitlines() if line.endswith("::test_child"))
    assert float(line.split()[0]) >= 0.4, done.stdout


def test_every_reason_to_skip_a_test_has_a_remedy():
    reasons = [
        "atheris is not installed",
        "emulated board not tested: qemu-system-riscv32 is missing",
        "user C module not tested: install",
        "micropython.cmake not tested: install",
        "constant time not checked: install",
        "the tree is no git checkout",
    ]
    assert all(remedy(reason) in REMEDIES.values() for reason in reasons)


def test_every_long_test_exists():
    text = "".join(path.read_text() for path in (ROOT / "tests").glob("test_*.py"))
    for part in LONG:
        name, _, function = part.rpartition("::")
        assert (ROOT / "tests" / (name or part)).is_file() or part in text, part
        assert not name or f"def {function}" in text, part


def test_the_guide_names_files_that_exist():
    text = (ROOT / "tests" / "README.md").read_text()
    names = set(re.findall(r"`(\w+\.py)`", text))
    assert len(names) > 12
    for name in names:
        assert (ROOT / "tests" / name).is_file(), name
