"""A board behind the real mpremote, and the one sentence for each of its failures."""

import fcntl
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from joulestream.host_tools import progress
from joulestream.host_tools.flashing.targets import BoardError

_MARK = "joulestream="
_PROGRAM = """
import gc, json, sys
gc.collect()
def _work():
%s
try:
    _said = {"value": _work()}
except (ValueError, OSError, ImportError, MemoryError) as error:
    _said = {"fault": "%%s: %%s" %% (type(error).__name__, error), "said": str(error)}
# In pieces: a heap that a firmware has used has no room for the whole text.
print(%r, end="")
json.dump(_said, sys.stdout)
print()
"""
# Files in one call of mpremote.
_BATCH = 24
# After a reset a port on USB is gone for a while.
_PORT_LOOKS, _PORT_LOOK_S = 60, 0.25
_TRIES_AFTER_RESET = 4
# Two times Ctrl-C, then Ctrl-A, which enters the raw REPL; Ctrl-B leaves it.
_CALL, _ANSWER, _END_OF_CALL = b"\r\x03\r\x03\r\x01", b"raw REPL; CTRL-B to exit", b"\r\x02"
_HAIL_S = 10.0
# The words of an ESP32's boot loader, and of MicroPython. Opening a port may reset a board once,
# and our call ends a firmware once.
_BOOTS, _BOOTS_OF_A_LOOP = (b"rst:0x", b"MicroPython v"), 3
_LOST = re.compile(
    r"Input/output error|device reports readiness|Device not configured|No such device"
    r"|Bad file descriptor|ClearCommError|write failed|read failed"
)


class Lost(BoardError):
    """The board went away while a command worked with it."""


class Device:
    """A board at a serial port.

    Args:
        port: the port's path, or another address that mpremote knows.
        also: processes that work for the board, such as an emulator.

    Raises:
        BoardError: there is no such port, or another program uses it.
    """

    def __init__(self, port: str, also: Iterable[int] = ()) -> None:
        self.port = port
        self._also = tuple(also)
        self.calls = 0
        self._has_answered = False
        self._is_hailed = False
        check_port(port)

    def run(self, lines: str) -> Any:
        """Run a function's body on the board and return its value.

        Raises:
            BoardError: the board says why it cannot do the work, or it cannot be reached.
        """
        body = "\n".join(f"    {line}" for line in lines.strip("\n").splitlines())
        printed = self.mpremote("exec", _PROGRAM % (body, _MARK))
        found = [line for line in printed.splitlines() if line.startswith(_MARK)]
        if not found:
            raise Lost(f"{self.port}: the board gave no answer; run the command again")
        said = json.loads(found[-1].removeprefix(_MARK))
        if "fault" in said:
            raise Refused(self.port, said["said"] or said["fault"], said["fault"])
        return said["value"]

    def copy(self, files: Sequence[Path], folder: str) -> None:
        """Copy files into a folder of the board, which exists. Raises BoardError."""
        for at in range(0, len(files), _BATCH):
            self.mpremote("fs", "cp", *map(str, files[at : at + _BATCH]), f":{folder}/")

    def reset(self) -> None:
        """Reset the board, and wait until its REPL answers or its firmware runs.

        Raises:
            BoardError: it does not come back.
        """
        self.mpremote("reset")
        self._is_hailed = False
        for _ in range(_PORT_LOOKS):
            if not _is_path(self.port) or os.path.exists(self.port):
                return
            time.sleep(_PORT_LOOK_S)
        raise Lost(f"{self.port}: the board did not come back after a reset; plug it in again")

    def await_repl(self) -> None:
        """Wait until the REPL answers after a reset. Raises BoardError."""
        for left in reversed(range(_TRIES_AFTER_RESET)):
            try:
                self.run("return 1")
                return
            except BoardError:
                if not left:
                    raise

    def mpremote(self, *words: str) -> str:
        """Run mpremote and keep the board's state; return its output. Raises BoardError."""
        command = [sys.executable, "-m", "mpremote", "connect", self.port, "resume", *words]
        self.calls += 1
        if not self._is_hailed:
            _hail(self.port)
            self._is_hailed = True
        try:
            done = progress.run(command, "mpremote", also=self._also)
        except progress.Stalled:
            raise Lost(
                f"{self.port}: the board does not answer any more; switch it off and on, and run"
                " the command again"
            ) from None
        if done.returncode:
            raise self._failure(done)
        self._has_answered = True
        return done.stdout

    def _failure(self, done: "subprocess.CompletedProcess[str]") -> BoardError:
        said = done.stdout + done.stderr
        has_no_port = "failed to access" in said or "no device found" in said
        if has_no_port and not self._has_answered:
            return BoardError(
                f"{self.port}: no such port, or another program uses it; `mpremote connect list`"
                " shows ports"
            )
        if has_no_port or _LOST.search(said):
            return Lost(
                f"{self.port}: the board went away; plug it in and run the command again: it still"
                " has the firmware from before"
            )
        if "No space left" in said or "ENOSPC" in said or "OSError: 28" in said:
            return BoardError(f"{self.port}: the board's flash is full; remove files from it")
        lines = [line for line in said.splitlines() if line.strip()]
        last = lines[-1] if lines else f"exit status {done.returncode}"
        return BoardError(f"{self.port}: mpremote failed: {last}")


class Refused(BoardError):
    """A program on the board ended with an error.

    Attributes:
        fault: kind and text of the error.
    """

    def __init__(self, port: str, said: str, fault: str) -> None:
        super().__init__(f"{port}: {said}")
        self.fault = fault


def check_port(port: str) -> None:
    """Raise BoardError unless the port is there and no other program holds it."""
    if not port:
        raise BoardError("the port has no name; `mpremote connect list` shows ports")
    if not _is_path(port):
        return
    try:
        descriptor = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except FileNotFoundError:
        raise BoardError(
            f"{port}: no such port; is the board plugged in? `mpremote connect list` shows ports"
        ) from None
    except OSError as error:
        raise BoardError(f"{port}: the port cannot be opened: {error.strerror}") from None
    except ValueError:
        raise BoardError(f"{port!r} is no name of a port; name its device file") from None
    try:
        if not os.isatty(descriptor):
            raise BoardError(f"{port} is no serial port; name the device of one")
        # As pyserial does.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BoardError(f"{port} is in use by another program; end that one first") from None
    finally:
        os.close(descriptor)


def as_lines(values: Mapping[str, Any]) -> str:
    """Return assignments of plain values, for the beginning of a program."""
    return "\n".join(f"{name} = {value!r}" for name, value in values.items())


def _is_path(port: str) -> bool:
    return port.startswith(("/", ".")) or os.path.lexists(port)


def _hail(port: str) -> None:
    """Call the REPL behind a port, and return when it answers, or when it cannot be called.

    mpremote 1.29 waits without end for a REPL on a line that never falls silent.

    Raises:
        BoardError: something else answers, or nothing.
    """
    import serial

    heard = b""
    end_s = time.monotonic() + _HAIL_S
    try:
        with serial.serial_for_url(port, baudrate=115_200, timeout=_HAIL_S / 100) as line:
            line.write(_CALL)
            while time.monotonic() < end_s:
                heard += line.read(256)
                if _ANSWER in heard:
                    line.write(_END_OF_CALL)
                    return
                if max(heard.count(word) for word in _BOOTS) >= _BOOTS_OF_A_LOOP:
                    raise BoardError(
                        f"{port}: the board resets in a loop; hold its BOOT button while you plug"
                        " it in, and put MicroPython on it with --image"
                    )
    except (OSError, ValueError):  # mpremote tells the reason; pyserial's error is an OSError
        return
    raise BoardError(f"{port}: no MicroPython answers; correct --port, or put it on with --image")
