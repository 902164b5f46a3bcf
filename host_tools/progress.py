"""Finds a process that hangs by its lack of progress, never by the clock on the wall.

A loaded machine slows every process, so no number of seconds tells slow from hung. Two things do:

- A process *waits in vain* when neither it nor a descendant has used CPU time, wants a core or has
  printed anything at `ASLEEP_LOOKS` looks in a row. A process that waits for a core is runnable,
  which is not asleep; and load delays the looks as it delays the process.
- A process *spins* when it has used `QUIET_CPU_S` seconds of CPU time, as the kernel counts them,
  since it last printed anything. Other processes add nothing to that count.

Linux tells all this in /proc. Where there is no /proc, nothing is ever judged to hang.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from joulestream.host_tools.errors import CommandError

# The time between two looks. It decides how soon a hang is found, not whether there is one.
LOOK_S = 0.5
ASLEEP_LOOKS = 120
# The longest silent test takes about 60 s of CPU time on a slow machine.
QUIET_CPU_S = 600.0

_PROC = Path("/proc")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
# Fields of /proc/PID/stat after the command's name; source: proc_pid_stat(5), numbers minus 3.
_STATE, _OWN_TIMES, _CHILDREN_TIMES = 0, slice(11, 13), slice(13, 15)
_AWAKE = ("R", "D")  # running or runnable; waiting for a disk


class Stalled(CommandError):
    """A process hangs: one sentence that says what was running and how that was seen."""


class Watch:
    """Judges by repeated looks whether some processes, descendants included, still progress."""

    def __init__(
        self,
        task: str,
        pids: Iterable[int],
        quiet_cpu_s: float | None = QUIET_CPU_S,
        ignored_thread: int = 0,
    ) -> None:
        """Watch processes.

        Args:
            task: the name of the work in messages.
            pids: the processes; their descendants are watched too.
            quiet_cpu_s: CPU seconds that they may use without printing; None is any number.
            ignored_thread: a thread whose CPU time does not count, such as the one that watches.
        """
        self._task = task
        self._pids = tuple(pids)
        self._quiet_cpu_s = quiet_cpu_s
        self._ignored_thread = ignored_thread
        self._seen: tuple[float, int] | None = None
        self._printed = -1
        self._cpu_at_print_s = 0.0
        self._asleep_looks = 0

    def look(self, printed: int = 0) -> None:
        """Look once; call this about every `LOOK_S` seconds.

        Args:
            printed: how many bytes the processes have printed so far.

        Raises:
            Stalled: they wait in vain, or they spin.
        """
        cpu_s, awake = _activity(self._pids, self._ignored_thread)
        if printed != self._printed:
            self._printed, self._cpu_at_print_s = printed, cpu_s
        quiet_s = cpu_s - self._cpu_at_print_s
        if self._quiet_cpu_s is not None and quiet_s > self._quiet_cpu_s:
            raise Stalled(f"{self._task}: used {quiet_s:.0f} s of CPU time and printed nothing")
        seen = (cpu_s, printed)
        self._asleep_looks = 0 if awake or seen != self._seen else self._asleep_looks + 1
        self._seen = seen
        if self._asleep_looks >= ASLEEP_LOOKS and _PROC.is_dir():
            raise Stalled(
                f"{self._task}: waits in vain: neither ran nor printed at {ASLEEP_LOOKS} looks"
            )


def run(
    command: Sequence[str],
    task: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    also: Iterable[int] = (),
    quiet_cpu_s: float | None = QUIET_CPU_S,
) -> subprocess.CompletedProcess[str]:
    """Run a command without input, as subprocess.run does, until it ends or hangs.

    Args:
        command: the program and its arguments.
        task: the name of the work in messages.
        cwd: the directory to run it in.
        env: its environment, if not this one.
        also: further processes whose work counts as the command's.
        quiet_cpu_s: CPU seconds that it may use without printing; None is any number.

    Returns:
        The exit status, and the text that it wrote to stdout and to stderr.

    Raises:
        Stalled: it hung; it has been killed.
        OSError: it cannot be started.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=errors
        )
        files = (output.fileno(), errors.fileno())
        wait(process, task, files, also, quiet_cpu_s)
        texts = []
        for file in (output, errors):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    return subprocess.CompletedProcess(command, process.returncode, *texts)


def wait(
    process: subprocess.Popen[bytes],
    task: str,
    files: Sequence[int] = (),
    also: Iterable[int] = (),
    quiet_cpu_s: float | None = QUIET_CPU_S,
) -> int:
    """Wait for a child process and return its exit status; kill it if it hangs or on any error.

    Args:
        process: the child.
        task: the name of the work in messages.
        files: descriptors of the files that it prints to.
        also: further processes whose work counts as the child's.
        quiet_cpu_s: CPU seconds that it may use without printing; None is any number.

    Raises:
        Stalled: it hung; it has been killed.
    """
    watch = Watch(task, (process.pid, *also), quiet_cpu_s)
    try:
        while True:
            try:
                return process.wait(LOOK_S)
            except subprocess.TimeoutExpired:
                watch.look(sum(os.fstat(file).st_size for file in files))
    except BaseException:
        for pid in reversed(list(_tree(process.pid))):
            _kill(pid)
        process.wait()
        raise


def _kill(pid: int) -> None:
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        pass


def _activity(pids: Iterable[int], ignored_thread: int) -> tuple[float, bool]:
    """Return the CPU seconds that process trees have used, and whether one is awake."""
    ticks, awake = 0, False
    for root in pids:
        for pid in _tree(root):
            ticks += sum(map(int, _stat(_PROC / str(pid))[_CHILDREN_TIMES]))
            for thread in _entries(_PROC / str(pid) / "task"):
                if int(thread.name) == ignored_thread:
                    continue
                fields = _stat(thread)
                ticks += sum(map(int, fields[_OWN_TIMES]))
                awake = awake or fields[_STATE] in _AWAKE
    return ticks / _TICKS_PER_S, awake


def _tree(pid: int) -> Iterator[int]:
    """Yield a process and its descendants."""
    yield pid
    for thread in _entries(_PROC / str(pid) / "task"):
        try:
            children = (thread / "children").read_text(encoding="utf-8").split()
        except OSError:
            continue
        for child in children:
            yield from _tree(int(child))


def _entries(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except OSError:
        return []


def _stat(directory: Path) -> list[str]:
    """Return the fields after the command's name; those of a process that sleeps if it is gone."""
    try:
        return (directory / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return ["S", *["0"] * 14]
