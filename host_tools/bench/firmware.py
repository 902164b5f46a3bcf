"""One firmware as a MicroPython process: its pins are lines on stdin and stdout."""

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from joulestream.host_tools.build.bytecode import compile_packages
from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.storage_lock import StorageLock

ROOT = Path(__file__).resolve().parents[2]
_NATIVE = ROOT / "build" / "native"
# A status whose figures of the heap leave garbage out.
AFTER_COLLECTION = 2
# A line of the contactor's own process (firmware/boards/gate.py).
_CONTACTOR = b"contactor "
_ARCHITECTURES = {"x86_64": "x64", "AMD64": "x64"}


class FirmwareError(CommandError):
    """A firmware process ended or could not be started: one sentence with what it said."""


def micropython() -> str:
    """Return the MicroPython program: $MICROPYTHON, or the one in this virtual environment."""
    own = os.environ.get("MICROPYTHON")
    beside = Path(sys.executable).parent / "micropython"
    found = own or (str(beside) if beside.exists() else shutil.which("micropython"))
    if not found:
        raise FirmwareError("micropython is not installed; run `make setup`")
    return found


def micropython_environment() -> dict[str, str]:
    """Return the environment in which MicroPython finds our packages and the native module.

    The packages are bytecode, compiled here where a source is newer.
    """
    native = _NATIVE / _ARCHITECTURES.get(platform.machine(), platform.machine())
    paths = (native, compile_packages())
    return os.environ | {"MICROPYPATH": ":".join([*map(str, paths), ".frozen"])}


class Firmware:
    """A running firmware process.

    Attributes:
        role: "pole" or "vehicle".
        contactor: whether the contactor is closed, as it reported last itself: in virtual time
            with the firmware's reports, on the wall clock from its own process.
        status: the status that the process reported last; empty before the first.
        sent: for each UART, the number of bytes that the process reported as sent.
        lock: the lock of the storage, which the process holds too.
    """

    def __init__(
        self,
        role: str,
        config: dict[str, Any],
        directory: Path,
        heap: str = "336k",
        working_directory: Path | None = None,
    ) -> None:
        """Start the process.

        Args:
            role: "pole" or "vehicle".
            config: its configuration, with the unix board's section `board`.
            directory: where its configuration and its log are written.
            heap: the size of its heap, as MicroPython's `-X heapsize` takes it.
            working_directory: where relative paths in `config` begin; `directory` by default.

        Raises:
            FirmwareError: there is no MicroPython.
            StorageInUse: another process uses the storage.
        """
        self.role = role
        self.contactor = False
        self._has_gate = False  # whether the contactor has a process of its own
        self.status: dict[str, Any] = {}
        self._uarts = sorted(config["board"]["uarts"])
        self.sent = dict.fromkeys(self._uarts, 0)
        self._taken = dict.fromkeys(self._uarts, 0)
        self._line = b""
        path = directory / f"{role}.json"
        path.write_bytes((json.dumps(config, indent=2) + "\n").encode())
        self.lock = StorageLock((working_directory or directory), config["board"].get("storage"))
        try:
            self._start(path, heap, working_directory or directory)
        except BaseException:
            self.lock.release()
            raise

    def _start(self, path: Path, heap: str, working_directory: Path) -> None:
        """Start the process with the configuration at `path`. It holds the storage's lock too."""
        role = self.role
        self._errors = path.with_name(f"{role}.log").open("w+b")
        main = ROOT / "firmware" / role / "main.py"
        self._process = subprocess.Popen(
            [micropython(), "-X", f"heapsize={heap}", str(main), str(path.absolute())],
            env=micropython_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=working_directory,
            bufsize=0,
            pass_fds=self.lock.descriptors,
            # The terminal's Ctrl-C is for the program that started this firmware.
            start_new_session=True,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._stdin = self._process.stdin
        self._stdout = self._process.stdout

    def fileno(self) -> int:
        """Return the descriptor on which reports come, for select."""
        return self._stdout.fileno()

    def set_pins(
        self, now_ms: int, time_s: int, pilot: str, wants_status: int, came: dict[str, int]
    ) -> None:
        """Send one line of pins; `came` tells how many bytes were put on each UART.

        `wants_status` is 0, 1, or AFTER_COLLECTION.
        """
        counts = [came.get(name, 0) for name in self._uarts]
        words = [now_ms, time_s, pilot, int(wants_status), *counts]
        try:
            self._stdin.write((" ".join(map(str, words)) + "\n").encode())
        except BrokenPipeError:
            raise self._ended() from None

    def await_report(self) -> None:
        """Wait for the firmware's next report."""
        while b"\n" not in self._line:
            chunk = os.read(self._stdout.fileno(), 65536)
            if not chunk:
                raise self._ended()
            self._line += chunk
        self._take_line()

    def poll_reports(self) -> None:
        """Take the reports that have come by now, after select said there are some."""
        chunk = os.read(self._stdout.fileno(), 65536)
        if not chunk:
            raise self._ended()
        self._line += chunk
        while b"\n" in self._line:
            self._take_line()

    def take_sent(self, name: str) -> int:
        """Return the number of bytes sent on UART `name` since the last call."""
        size = self.sent[name] - self._taken[name]
        self._taken[name] += size
        return size

    def shut_down(self) -> None:
        """End the process in order: it opens the contactor, reports that and exits."""
        self._stdin.close()
        while chunk := os.read(self._stdout.fileno(), 65536):
            self._line += chunk
            while b"\n" in self._line:
                self._take_line()
        self._process.wait()
        self.lock.release()
        if self._has_gate:
            # Both processes have ended, and a contactor that nobody holds is open.
            self.contactor = False

    def save_storage(self) -> None:
        """Do nothing: its storage is the file ROLE.flash."""

    def kill(self) -> None:
        """Cut the process's power."""
        self._process.kill()
        self._process.wait()
        self._stdin.close()
        self.await_contactor_process()
        self._stdout.close()
        self._errors.close()
        self.lock.release()

    def await_contactor_process(self) -> None:
        """Take the last words of the contactor's process, which ends after the firmware."""
        while chunk := os.read(self._stdout.fileno(), 65536):
            self._line += chunk
        for line in self._line.splitlines():
            if line.startswith(_CONTACTOR):
                self.contactor = line[len(_CONTACTOR) :] == b"1"
        self._line = b""

    def _take_line(self) -> None:
        line, self._line = self._line.split(b"\n", 1)
        if line.startswith(_CONTACTOR):
            self._has_gate = True
            self.contactor = line[len(_CONTACTOR) :] == b"1"
            return
        contactor, *rest = line.split(b" ", 1 + len(self._uarts))
        if contactor != b"-":
            self.contactor = contactor == b"1"
        if not rest or not rest[0].isdigit():
            # No report: MicroPython prints an exception nobody caught on stdout.
            raise self._ended(line + b"\n" + self._line)
        for name, word in zip(self._uarts, rest, strict=False):
            self.sent[name] = int(word)
        if rest[-1] != b"-":
            self.status = json.loads(rest[-1])

    def _ended(self, printed: bytes = b"") -> FirmwareError:
        printed += self._stdout.read()
        self._process.wait()
        self._errors.seek(0)
        said = (printed + self._errors.read()).decode(errors="replace").strip().splitlines()
        return FirmwareError(said[-1] if said else f"the {self.role}'s firmware ended")
