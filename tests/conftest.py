"""Pytest's additions for all tests: the end of a test that hangs, and the report of a run.

- A test that hangs fails, judged by its progress and never by seconds (host_tools/progress.py).
- The run ends with a table of the skipped tests: why, and the one line that enables them.
- Long tests are marked `long`; `make check` leaves them out.
- `--cpu` adds the CPU seconds of each file and of the slowest tests, children included. Other
  work on the machine hardly changes them.
"""

import faulthandler
import gc
import os
import signal
import sys
import threading
from collections import defaultdict

import pytest

from joulestream.host_tools import progress

_SLOWEST = 25
# Tests that `make check` leaves out, by file or by a part of the name: the reason they are long.
LONG = {
    "test_demo.py": "whole sessions between MicroPython processes",
    "test_bare_cores.py": "every vector on three emulated cores",
    "test_ed25519_constant_time.py": "valgrind",
    "test_ed25519_fuzz.py": "compilation under AddressSanitizer",
    "test_ed25519_random.py": "twenty thousand signatures",
    "test_end_to_end.py": "whole sessions between MicroPython processes",
    "test_fuzz.py::test_fuzzing_finds_nothing": "fuzzing",
    "test_fuzz.py::test_an_input_that_breaks": "fuzzing until a bug is found",
    "test_flash.py": "MicroPython processes, and a port that stays silent",
    "test_flash_boards.py": "the emulated boards",
    "test_provision.py": "MicroPython processes",
    "test_native_module.py::test_the_emulated_board": "the emulated board",
    "test_on_board.py": "the emulated board",
    "test_on_pico.py": "the emulated Pico",
    "test_pico_emulator.py": "the emulated Pico",
    "test_on_micropython.py": "every dual-runtime file once more, on the unix port",
    "test_planted_bugs.py": "a run of pytest for each bug",
    "test_power_cuts.py": "thousands of power cuts",
    "test_romfs.py": "the emulated board",
    "test_simulation.py": "thousands of simulated sessions",
    "make_ed25519": "signature vectors computed in Python",
    "test_user_module.py": "the emulated board's firmware, compiled",
}
# A part of a reason for which tests are skipped: the line that enables them.
REMEDIES = {
    "atheris": "make clean setup PYTHON=python3.12 (atheris has wheels for 3.11 to 3.13, x86_64)",
    "emulated board": "sudo apt-get install qemu-system-misc gcc-riscv64-unknown-elf picolibc-"
    "riscv64-unknown-elf",
    "make soak": "make soak",
    "emulated Pico": "sudo apt-get install nodejs npm cmake gcc-arm-none-eabi "
    "libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib",
    "user C module": "sudo apt-get install qemu-system-misc gcc-riscv64-unknown-elf picolibc-"
    "riscv64-unknown-elf",
    "micropython.cmake": "sudo apt-get install cmake",
    "constant time": "sudo apt-get install valgrind libc6-dbg",
    "only Linux": "run the tests on Linux",
    "no git checkout": "git clone the repository instead of unpacking an archive of it",
    "bare core": "sudo apt-get install qemu-system-misc qemu-system-arm gcc-riscv64-unknown-elf "
    "picolibc-riscv64-unknown-elf gcc-arm-none-eabi libnewlib-arm-none-eabi gcc-xtensa-lx106",
}
_ANY_REMEDY = "see the reason"


def pytest_addoption(parser):
    parser.addoption(
        "--cpu",
        action="store_true",
        help="at the end, list the CPU seconds of each file and of the slowest tests",
    )


class _Watchdog:
    """Watches this process while a test runs, from a thread; interrupts a test that hangs."""

    def __init__(self):
        self._running = threading.Event()
        self._test = ""
        self._turn = 0
        signal.signal(signal.SIGUSR1, self._interrupt)
        threading.Thread(target=self._watch, daemon=True).start()

    def begin(self, test):
        self._test = test
        self._turn += 1
        self._running.set()

    def end(self):
        self._running.clear()

    def _watch(self):
        pause = threading.Event()
        turn = None
        while self._running.wait():
            if turn != self._turn:
                turn = self._turn
                own = threading.get_native_id()
                watch = progress.Watch(self._test, [os.getpid()], None, ignored_thread=own)
            pause.wait(progress.LOOK_S)
            try:
                watch.look()
            except progress.Stalled:
                turn = None
                if self._running.is_set():
                    faulthandler.dump_traceback(sys.__stderr__)
                    signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)

    def _interrupt(self, number, frame):
        if self._running.is_set():
            raise progress.Stalled(f"{self._test} waits in vain: nothing of it runs any more")


_WATCHDOG = pytest.StashKey()


def pytest_collection_modifyitems(items):
    for item in items:
        if any(part in item.nodeid for part in LONG):
            item.add_marker(pytest.mark.long)


def pytest_configure(config):
    config.addinivalue_line("markers", "long: left out by `make check`; see LONG in conftest.py")
    config.stash[_WATCHDOG] = _Watchdog() if hasattr(signal, "pthread_kill") else None


def pytest_collection_finish():
    """Let collections pass over what lives as long as this process: firmwares often collect."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    return (yield from _phase(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    return (yield from _phase(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item):
    return (yield from _phase(item))


def _phase(item):
    """Watch one phase of a test; put its CPU seconds into the report, which xdist carries over."""
    watchdog = item.config.stash[_WATCHDOG]
    before = _cpu_seconds()
    watchdog.begin(item.nodeid)
    try:
        return (yield)
    finally:
        watchdog.end()
        item.user_properties.append(("cpu_s", _cpu_seconds() - before))


def _cpu_seconds():
    """Return the CPU seconds of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def pytest_terminal_summary(terminalreporter, config):
    _tell_skipped(terminalreporter)
    if config.getoption("--cpu"):
        _tell_cpu(terminalreporter)


def remedy(reason):
    """Return the line that enables the tests that are skipped for `reason`."""
    return next((line for part, line in REMEDIES.items() if part in reason), _ANY_REMEDY)


def _tell_skipped(reporter):
    files = defaultdict(list)
    for report in reporter.stats.get("skipped", ()):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        reason = str(reason).removeprefix("Skipped: ")
        files[reason].append(report.nodeid.split("::")[0])
    if not files:
        return
    reporter.section(f"skipped: {sum(map(len, files.values()))} tests")
    for reason, names in sorted(files.items()):
        reporter.line(f"{len(names):4} tests of {', '.join(sorted(set(names)))}")
        reporter.line(f"     why: {reason}")
        reporter.line(f"     to enable: {remedy(reason)}")


def _tell_cpu(reporter):
    tests, files = {}, defaultdict(float)
    for report in (report for reports in reporter.stats.values() for report in reports):
        spent = [
            value for name, value in getattr(report, "user_properties", ()) if name == "cpu_s"
        ]
        if spent and report.when == "teardown":
            tests[report.nodeid] = sum(spent)
            files[report.nodeid.split("::")[0]] += sum(spent)
    reporter.section(f"CPU seconds: {sum(files.values()):.0f} in all")
    for figures in (files, dict(sorted(tests.items(), key=lambda row: -row[1])[:_SLOWEST])):
        for name, spent in sorted(figures.items(), key=lambda row: -row[1]):
            reporter.line(f"{spent:8.1f}  {name}")
        reporter.line("")
