"""The contactor of the unix board opens by itself when no step of its firmware completes."""

import os
import signal
import subprocess

import pytest

from joulestream.boards.gate import DRIVE, HEARTBEAT, RELEASE, Gate
from joulestream.host_tools.bench.firmware import micropython, micropython_environment
from joulestream.units import TICKS_PERIOD

HOLD_MS = 600

FIRMWARE = """
import sys, time
from joulestream.boards import open_board
board = open_board({"uarts": {}, "storage": %r})
board.contactor(False)
board.contactor(True)
for _ in range(100):
    board.feed_watchdog()
    board.wait(1)
sys.stdout.write("steps\\n")
how = sys.stdin.readline().strip()
if how == "goes on":
    while True:
        board.feed_watchdog()
        board.wait(1)
while how == "hangs":
    pass
if how == "releases":
    board.contactor(False)
    sys.stdin.readline()
if how == "raises":
    raise ValueError
"""


class Firmware:
    """A firmware that closes its contactor, completes some steps, and then does as it is told."""

    def __init__(self, directory):
        self._process = subprocess.Popen(
            [micropython(), "-c", FIRMWARE % str(directory / "pole.flash")],
            env=micropython_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        self.tell("0 -1 C 0")
        self.contactor = None
        self.read_until("steps")
        assert self.contactor == "1"

    def tell(self, line):
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def signal(self, number):
        self._process.send_signal(number)

    def read_until(self, end):
        """Read lines up to `end`; an empty one is the end of all processes."""
        while (line := self._process.stdout.readline().strip()) != end:
            if line.startswith("contactor "):
                self.contactor = line.split()[1]
            assert line or not end

    def end(self):
        """Kill the firmware; its contactor is open, and nobody is left to write to its stdout."""
        self._process.kill()
        self._process.wait()
        self.read_until("")
        assert self.contactor == "0"
        self._process.stdin.close()
        self._process.stdout.close()


@pytest.mark.parametrize("how", ["hangs", "releases", "raises", "is stopped", "is killed"])
def test_the_contactor_opens_whatever_the_firmware_does(tmp_path, how):
    firmware = Firmware(tmp_path)
    if how == "is stopped":
        firmware.signal(signal.SIGSTOP)
    elif how == "is killed":
        firmware.signal(signal.SIGKILL)
    else:
        firmware.tell(how)
    firmware.read_until("contactor 0")
    firmware.contactor = "0"
    firmware.end()
    assert list(tmp_path.iterdir()) == []


def test_a_start_that_was_killed_keeps_no_contactor_open(tmp_path):
    """A FIFO of the name that every start used stood in the way for ever."""
    os.mkfifo(tmp_path / "pole.flash.gate")
    firmware = Firmware(tmp_path)
    firmware.end()
    assert [path.name for path in tmp_path.iterdir()] == ["pole.flash.gate"]


def test_the_contactor_stays_closed_while_steps_complete(tmp_path):
    firmware = Firmware(tmp_path)
    firmware.tell("goes on")
    firmware.tell("1 -1 C 1")
    assert firmware.contactor == "1"
    firmware.end()


def test_a_gate_opens_after_the_hold_time_and_closes_only_when_it_is_driven_anew():
    for start_ms in (1_000, TICKS_PERIOD - 700):
        changes = []
        gate = Gate(HOLD_MS, changes.append)

        def at(ms, command=None, gate=gate, start_ms=start_ms):
            now_ms = (start_ms + ms) % TICKS_PERIOD
            if command is None:
                gate.follow(now_ms)
            else:
                gate.take(command, now_ms)
            return gate.closed

        assert not at(0, HEARTBEAT)
        assert at(10, DRIVE)
        assert at(609) and not at(610)
        assert not at(620, HEARTBEAT), "a heartbeat closes nothing"
        assert at(630, DRIVE)
        for ms in range(700, 9_000, 100):
            assert at(ms, HEARTBEAT)
        assert at(9_000 + 499) and not at(9_000 + 501, HEARTBEAT)
        assert at(9_600, DRIVE)
        assert not at(9_601, RELEASE)
        assert changes == [True, False] * 3
