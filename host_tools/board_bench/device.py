"""Runs probes on a board through the real mpremote, and reads their output."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from joulestream.host_tools import progress
from joulestream.host_tools.errors import CommandError

_PROBES = Path(__file__).with_name("probes")
_RESULT, _READY = "RESULT ", "READY"
# Put before a probe. `joulestream flash` leaves a release and its configuration in a directory.
_PLACE = """
import sys as _sys

_config = %(path)r
_sys.path.insert(0, "/start")
try:
    from joulestream.runtime import chooser as _chooser

    _directory = _chooser.DIRECTORIES[_chooser.load() & _chooser.DIRECTORY]
    if _chooser.is_complete(_directory):
        _chooser.fresh(_directory)
        _config = _directory + "/config.json"
except ImportError:
    pass
"""
# Appended to a probe. The configuration is the file that the firmware itself starts from.
_CALL = """

def _run():
    import json
    from joulestream.boards import open_board
    try:
        with open(_config) as file:
            config = json.load(file)
    except OSError:
        print("RESULT " + json.dumps({"missing": _config}))
        return
    fields = config["board"]
    if "kind" in fields:
        # A watchdog that this probe started would reset the board in the middle of the next one.
        fields["watchdog"] = 0
    board = open_board(fields)
    try:
        found = measure(board, config, json.loads(%(asked)r))
    finally:
        board.make_safe()
    print("RESULT " + json.dumps(found))

_run()
"""


class BoardDevice:
    """A board on a serial port, or an emulated one.

    Args:
        port: path of the port of its REPL; or a function that serves one for as long as a probe
            runs, as EmulatedPico.serving does.
        role: "pole" or "vehicle": a board without a release of `joulestream flash` has
            the configuration ROLE.json.
        emulator: the process that emulates the board, if one does: its work counts as progress.
        resume: keep the board's state between two probes; else each begins with a soft reset.
    """

    def __init__(
        self,
        port: "str | Callable[[], AbstractContextManager[str]]",
        role: str,
        emulator: int | None = None,
        resume: bool = False,
    ) -> None:
        self.role = role
        self._port = port
        self._emulators = () if emulator is None else (emulator,)
        self._resume = resume

    def measure(
        self,
        probe: str,
        asked: "dict[str, Any] | None" = None,
        meanwhile: "Callable[[], None] | None" = None,
        survives_a_cut: bool = False,
    ) -> "tuple[dict[str, Any], list[str]]":
        """Run a probe; return its result, and the other lines that it printed.

        Args:
            probe: the file's name in the folder probes, without its ending.
            asked: values for the probe.
            meanwhile: called once the probe has printed READY; it runs beside the probe.
            survives_a_cut: a board that falls silent is no failure; the result is empty then.

        Raises:
            CommandError: the probe fails, or the board cannot be reached.
        """
        source = (_PROBES / f"{probe}.py").read_text(encoding="utf-8")
        asked_text = json.dumps({"role": self.role, **(asked or {})})
        source = _PLACE % {"path": f"{self.role}.json"} + source
        source += _CALL % {"asked": asked_text}
        serving = nullcontext(self._port) if isinstance(self._port, str) else self._port()
        with tempfile.TemporaryDirectory(prefix="joulestream-bench-") as name:
            script = Path(name) / f"{probe}.py"
            script.write_text(source, encoding="utf-8")
            lines: list[str] = []
            status, errors = 1, ""
            try:
                with serving as port:
                    lines, status, errors = self._run(port, script, meanwhile)
            except CommandError:
                if not survives_a_cut:
                    raise
        results = [line for line in lines if line.startswith(_RESULT)]
        others = [line for line in lines if not line.startswith(_RESULT)]
        if not results and survives_a_cut:
            return {}, others
        if status or not results:
            raise CommandError(f"the check on {port} failed: {_last(errors, lines)}")
        found: dict[str, Any] = json.loads(results[-1].removeprefix(_RESULT))
        if "missing" in found:
            raise CommandError(
                f"{port}: the board has no file {found['missing']}; run `joulestream flash` first"
            )
        return found, others

    def _run(
        self, port: str, script: Path, meanwhile: "Callable[[], None] | None"
    ) -> "tuple[list[str], int, str]":
        """Run a script on the board; return its lines, mpremote's status and its complaints."""
        words = ["resume"] if self._resume else []
        command = [sys.executable, "-m", "mpremote", "connect", port, *words, "run", str(script)]
        output_path, errors_path = script.with_suffix(".out"), script.with_suffix(".err")
        with open(output_path, "wb") as output, open(errors_path, "wb") as errors:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
            files = (output.fileno(), errors.fileno())
            if meanwhile is not None:
                _await_ready(process, output_path, files, self._emulators)
                if process.poll() is None:
                    meanwhile()
            progress.wait(process, f"the check on {port}", files, self._emulators)
        text = output_path.read_text(encoding="utf-8", errors="replace")
        said = errors_path.read_text(encoding="utf-8", errors="replace")
        return text.splitlines(), process.returncode, said


def _await_ready(
    process: "subprocess.Popen[bytes]", output: Path, files: Sequence[int], also: Sequence[int]
) -> None:
    """Return when the probe has printed READY, or mpremote has ended."""
    watch = progress.Watch("the check", (process.pid, *also))
    while process.poll() is None:
        if f"{_READY}\n" in output.read_text(encoding="utf-8", errors="replace").replace("\r", ""):
            return
        try:
            process.wait(progress.LOOK_S)
        except subprocess.TimeoutExpired:
            watch.look(sum(os.fstat(file).st_size for file in files))


def _last(errors: str, lines: list[str]) -> str:
    """Return the last thing that was said."""
    said = [line for line in [*lines, *errors.splitlines()] if line.strip()]
    return said[-1].strip() if said else "it said nothing"
