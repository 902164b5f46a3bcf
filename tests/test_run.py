"""`joulestream run`: both firmwares by hand on terminals, with meters that pymodbus serves."""

import asyncio
import json
import os
import pty
import selectors
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pytest

from interrupts import obey_interrupts
from joulestream.host_tools.bench.meters import MeterServer
from joulestream.host_tools.bench.plant import ChargingProfile, Plant
from joulestream.host_tools.bench.setup import BenchSetup
from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.run import port_paths
from joulestream.host_tools.serial_port import SerialPort
from joulestream.host_tools.waiting import describe
from joulestream.testkit.meter import Meter

JOULESTREAM = Path(sys.executable).parent / "joulestream"
# Far below the configured maximum, so that a late reading is no jump.
POWER = ChargingProfile(power_mw=3_000_000, taper_from_mwh=1 << 40, taper_to_mwh=1 << 41)
# A busy machine may be late by seconds: nothing here depends on being in time.
PATIENT = {
    "link_timeout_ms": 60_000,
    "meter": {
        "model": "sdm120",
        "timeout_ms": 60_000,
        "turnaround_ms": 10_000,
        "frozen_ms": 600_000,
    },
}
# A packet holds what flows in such a slow reading.
COVER = {"packet_energy_mwh": 70_000, "credit": 30_000}
PATIENT_POLE = PATIENT | COVER | {"contactor_hold_ms": 9_900}
GATE_MS = 10_000
PATIENT_VEHICLE = PATIENT | {
    "audit_wait_ms": 30_000,
    "max_tail_ms": 120_000,
    "prepay": 30_000,
    "budget": 1 << 40,
}
PACKETS = 3


class Terminal:
    """A terminal as the system makes it, cooked, with echo and VMIN 1; the test is its far end."""

    def __init__(self) -> None:
        self.far_end, self._near_end = pty.openpty()
        os.set_blocking(self.far_end, False)
        self.path = os.ttyname(self._near_end)

    def settings(self) -> list[Any]:
        return termios.tcgetattr(self._near_end)

    def fileno(self) -> int:
        return self.far_end

    def read(self) -> bytes:
        try:
            return os.read(self.far_end, 4096)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        os.close(self.far_end)
        os.close(self._near_end)


class Process:
    """One `joulestream run --json`, and the last line that it printed."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [str(JOULESTREAM), "run", *arguments, "--json"],
            cwd=directory,
            stdout=subprocess.PIPE,
            bufsize=0,
            preexec_fn=obey_interrupts,
        )
        self._line = b""
        self.told: list[dict[str, Any]] = []

    def fileno(self) -> int:
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def read(self) -> None:
        chunk = os.read(self.fileno(), 65536)
        assert chunk, f"it ended after {self.told[-1:]}"
        *lines, self._line = (self._line + chunk).split(b"\n")
        self.told += map(json.loads, lines)

    def last(self, name: str) -> Any:
        return self.told[-1].get(name) if self.told else None

    def charges(self) -> bool:
        """Return whether it charged, and PACKETS packets are paid."""
        sentences = [line["waits_for"] for line in self.told]
        paid = (self.last("packets") or 0) >= PACKETS
        return paid and any(sentence.startswith("charging: ") for sentence in sentences)

    def interrupt(self) -> int:
        self._process.send_signal(signal.SIGINT)
        rest = self._process.communicate()[0]
        self.told += map(json.loads, (self._line + rest).splitlines())
        return self._process.returncode

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


@pytest.fixture
def setup(tmp_path):
    there = BenchSetup(tmp_path)
    there.write_certificate()
    roles = {"pole": there.pole(**PATIENT_POLE), "vehicle": there.vehicle(**PATIENT_VEHICLE)}
    for role, config in roles.items():
        config["board"] = {
            "device_secret": str(tmp_path / f"{role}.device"),
            "contactor_hold_ms": GATE_MS,
        }
        (tmp_path / f"{role}.run.json").write_text(json.dumps(config))
    return there


async def charge(directory: Path) -> dict[str, Process]:
    """Let both firmwares charge PACKETS packets over terminals; return the ended processes."""
    plant = Plant(POWER, contactor_hold_ms=1 << 40)
    terminals = {
        (role, name): Terminal() for role in ("pole", "vehicle") for name in ("link", "meter")
    }
    plant.meters = [Meter(), Meter()]
    meters = dict(zip(("pole", "vehicle"), map(MeterServer, plant.meters)))
    processes = {
        role: Process(
            directory,
            role,
            *("--config", f"{role}.run.json", "--clock", "1789990000"),
            *("--link", terminals[role, "link"].path),
            *("--meter", terminals[role, "meter"].path),
        )
        for role in ("pole", "vehicle")
    }
    selector = selectors.DefaultSelector()
    for role, process in processes.items():
        selector.register(process, selectors.EVENT_READ, (role, "told"))
    for key, terminal in terminals.items():
        selector.register(terminal, selectors.EVENT_READ, key)
    begun_s = time.monotonic()
    try:
        for meter in meters.values():
            await meter.start()
        while not all(process.charges() for process in processes.values()):
            for key, _ in selector.select(0.05):
                plant.advance(int((time.monotonic() - begun_s) * 1_000))
                role, name = key.data
                if name == "told":
                    processes[role].read()
                    plant.drive_contactor(bool(processes["pole"].last("charging")))
                    continue
                data = terminals[role, name].read()
                if name == "meter":
                    answer = await meters[role].answer(data)
                    os.write(terminals[role, name].far_end, answer)
                else:
                    other = "vehicle" if role == "pole" else "pole"
                    os.write(terminals[other, "link"].far_end, data)
        for terminal in terminals.values():
            characters = terminal.settings()[6]
            assert characters[termios.VMIN] == 0
        assert processes["vehicle"].interrupt() == 0
        assert processes["pole"].interrupt() == 0
    finally:
        selector.close()
        for process in processes.values():
            process.kill()
        for meter in meters.values():
            await meter.stop()
        for terminal in terminals.values():
            terminal.close()
    return processes


def test_two_firmwares_run_by_hand_charge_over_terminals_that_were_never_set_up(setup, tmp_path):
    ended = asyncio.run(charge(tmp_path))
    for process in ended.values():
        assert process.told[-1]["waits_for"] == "ended; the contactor is open"
    assert (tmp_path / "pole.run.flash").exists()


def refusal(*arguments: str) -> str:
    """Return the one line on which `joulestream run` says why it does not run."""
    done = subprocess.run([str(JOULESTREAM), "run", *arguments], capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def refusal_with_ports(*arguments: str) -> str:
    """Return the same line for a link and a meter on terminals of their own."""
    terminals = Terminal(), Terminal()
    try:
        ports = ("--link", terminals[0].path, "--meter", terminals[1].path)
        return refusal(*arguments, *ports)
    finally:
        for terminal in terminals:
            terminal.close()


def test_a_port_that_is_missing_is_named(setup, tmp_path):
    config = ("pole", "--config", str(tmp_path / "pole.run.json"))
    assert "--link" in refusal(*config)
    assert "--meter" in refusal(*config, "--link", "/dev/null")
    said = refusal(*config, "--link", "/dev/no-such-port", "--meter", "/dev/null")
    assert "/dev/no-such-port" in said and "no such port" in said


@pytest.mark.parametrize("uarts", (None, 5, "link", [], ["link"], {"link": 5}, {"link": ["x"]}))
def test_ports_that_are_malformed_in_the_configuration_are_named(setup, tmp_path, uarts):
    path = tmp_path / "pole.run.json"
    config = json.loads(path.read_text())
    config["board"]["uarts"] = uarts
    with pytest.raises(CommandError, match=r"'board\.uarts'"):
        port_paths(config, {"link": None, "meter": "/dev/null"})


def test_a_port_with_a_name_that_no_file_has(setup, tmp_path):
    with pytest.raises(CommandError, match="is no name of a port"):
        SerialPort("a\0b", 9_600)


def test_a_port_that_is_no_terminal_is_named(setup, tmp_path):
    config = ("vehicle", "--config", str(tmp_path / "vehicle.run.json"))
    said = refusal(*config, "--link", "/dev/null", "--meter", "/dev/null")
    assert "/dev/null is no serial port" in said


def test_a_port_that_is_in_use_is_named(setup, tmp_path):
    terminal = Terminal()
    config = ("vehicle", "--config", str(tmp_path / "vehicle.run.json"))
    try:
        ports = ("--link", terminal.path, "--meter", terminal.path)
        assert f"{terminal.path} is in use" in refusal(*config, *ports)
        said = refusal(*config, *ports, "--link-baud", "7")
        assert "7 baud" in said
    finally:
        terminal.close()


def test_a_link_that_is_too_slow_for_any_session_is_refused(setup, tmp_path):
    config = str(tmp_path / "vehicle.run.json")
    said = refusal_with_ports("vehicle", "--config", config, "--link-baud", "4800")
    assert "use a faster link" in said


def test_a_configuration_field_that_is_missing_is_named(setup, tmp_path):
    path = tmp_path / "pole.run.json"
    config = json.loads(path.read_text())
    del config["credit"]
    path.write_text(json.dumps(config))
    assert "'credit' is missing" in refusal_with_ports("pole", "--config", str(path))


@pytest.mark.parametrize(
    ("changes", "board", "said"),
    [
        ({"contactor_hold_ms": 600}, {}, "'contactor_hold_ms' must be below 600"),
        ({"contactor_hold_ms": 449}, {}, "'contactor_hold_ms' must be a whole number from 450"),
        ({}, {"storage_block_size": 256}, "'board' has too small a storage"),
        ({"max_channels": 1024}, {}, "'max_channels' must be at most 245"),
    ],
)
def test_a_start_that_is_refused_names_a_field_and_makes_no_flash(
    setup, tmp_path, changes, board, said
):
    path = tmp_path / "pole.run.json"
    config = json.loads(path.read_text())
    config.update(changes)
    if "contactor_hold_ms" in changes:
        del config["board"]["contactor_hold_ms"]
    config["board"].update(board)
    path.write_text(json.dumps(config))
    assert said in refusal_with_ports("pole", "--config", str(path))
    assert not list(tmp_path.glob("*.flash*"))


def test_a_configuration_that_cannot_be_read_is_named(tmp_path):
    assert "nothing.json" in refusal("pole", "--config", str(tmp_path / "nothing.json"))
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    assert "not valid JSON" in refusal("pole", "--config", str(broken))


PORTS = {"link": "/dev/ttyUSB0", "meter": "/dev/ttyUSB1"}
POLE = {
    "state": "idle",
    "charging": False,
    "meter": "GOOD",
    "contactor_alarm": None,
    "last_stop": None,
    "why": "IDLE",
}
VEHICLE = {"state": "idle", "last_stop": None, "why": "IDLE"}


@pytest.mark.parametrize(
    ("role", "changes", "pilot", "sentence"),
    [
        ("pole", {}, "A", "waiting for a vehicle (pilot A)"),
        ("pole", {}, "C", "waiting for a vehicle on /dev/ttyUSB0"),
        (
            "pole",
            {"meter": "METER_SILENT"},
            "C",
            "waiting for the meter on /dev/ttyUSB1: METER_SILENT",
        ),
        (
            "pole",
            {"contactor_alarm": 3},
            "C",
            "waiting for a person: current through the open contactor, alarm 3",
        ),
        ("pole", {"state": "offered"}, "C", "waiting for the vehicle to accept the offer"),
        (
            "pole",
            {"state": "open", "packets": 2, "paid": 640},
            "C",
            "waiting for payment: 2 packets, 640 paid",
        ),
        (
            "pole",
            {"state": "open"},
            "B",
            "waiting for the vehicle to want power (pilot B)",
        ),
        (
            "pole",
            {"state": "open", "charging": True, "packets": 12, "energy_mwh": 12_000, "paid": 3840},
            "C",
            "charging: 12 packets, 0.012 kWh, 3840 paid",
        ),
        (
            "pole",
            {"state": "closed", "last_stop": "UNPLUGGED"},
            "C",
            "waiting for a vehicle on /dev/ttyUSB0; the last session ended: UNPLUGGED",
        ),
        (
            "pole",
            {"state": "restarting", "last_fault": "OSError in link.uart, line 50"},
            "C",
            "restarting after OSError in link.uart, line 50",
        ),
        ("vehicle", {}, "C", "waiting for a pole on /dev/ttyUSB0"),
        ("vehicle", {"state": "greeted"}, "C", "waiting for a pole on /dev/ttyUSB0"),
        (
            "vehicle",
            {"why": "METER_STALE"},
            "C",
            "waiting for the meter on /dev/ttyUSB1: METER_STALE",
        ),
        (
            "vehicle",
            {"state": "closed", "last_stop": "ENERGY_REACHED", "why": "ENERGY_REACHED"},
            "C",
            "waiting for a pole on /dev/ttyUSB0; the last session ended: ENERGY_REACHED",
        ),
        (
            "vehicle",
            {"state": "open", "why": "PAYING", "packets": 1, "energy_mwh": 1_000, "signed": 960},
            "C",
            "charging: 1 packets, 0.001 kWh, 960 signed",
        ),
    ],
)
def test_one_sentence_says_what_a_firmware_waits_for(role, changes, pilot, sentence):
    status = (POLE if role == "pole" else VEHICLE) | changes
    assert describe(role, status, PORTS, pilot) == sentence


def test_a_firmware_without_a_status_starts():
    assert describe("pole", {}, PORTS, "C") == "starting"
