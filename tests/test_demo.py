"""The commands as a person runs them: the demo's whole output, and errors in one line."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from interrupts import obey_interrupts
from joulestream.host_tools import progress

PNG = b"\x89PNG\r\n\x1a\n"
FILES = {"summary.json", "session.png", "ledger.sqlite", "pole.flash", "vehicle.flash"}


def joulestream(*arguments, cwd=None):
    """Run the command; return the finished process."""
    command = [sys.executable, "-m", "joulestream.host_tools.cli", *map(str, arguments)]
    return progress.run(command, f"joulestream {arguments[0]}", cwd=cwd)


def interrupted(number, *arguments, cwd):
    """Start a demo, send it a signal once it has made files; return its status and stderr."""
    command = [sys.executable, "-m", "joulestream.host_tools.cli", "demo", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=cwd, preexec_fn=obey_interrupts, **pipes) as process:
        assert "opened with" in process.stdout.readline()
        process.send_signal(number)
        _, err = process.communicate()
    return process.returncode, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_demo_that_is_ended_leaves_nothing(tmp_path, number):
    ended = interrupted(number, "--directory", "a demo", cwd=tmp_path)
    assert ended == (130, "joulestream: interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_the_demo(tmp_path):
    assert interrupted(signal.SIGKILL, "--directory", "a demo", cwd=tmp_path)[0] == -9
    assert (tmp_path / "a demo" / "channel.cert").exists()
    # In the directory of a demo that was killed. A relative directory, as people type it.
    done = joulestream("demo", "--json", "--directory", "a demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    tmp_path /= "a demo"
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert json.loads(done.stdout) == summary
    assert {path.name for path in tmp_path.iterdir()} >= FILES
    assert (tmp_path / "session.png").read_bytes().startswith(PNG)
    assert summary["energy_mwh"] >= 2_000_000
    assert summary["packets"] >= 2_000
    assert summary["contactor_opened_because"] == "BUDGET_EXHAUSTED"
    assert summary["wire_bytes_per_packet"] <= 110
    assert summary["max_unpaid"] <= summary["credit"] < summary["unpaid_bound"]
    assert summary["ledger_pole"] == summary["paid"] <= 650_000
    assert summary["ledger_pole"] + summary["ledger_vehicle"] == summary["deposit"]
    # Two prices, one change: the payment lies between all energy at one and all at the other.
    energy_mwh = summary["energy_mwh"]
    assert energy_mwh * 260_000 // 10**6 < summary["paid"] < energy_mwh * 320_000 // 10**6
    assert abs(energy_mwh - summary["plant_energy_mwh"]) <= 1_000
    check = joulestream("ledger", "check", "--ledger", tmp_path / "ledger.sqlite", "--json")
    assert check.returncode == 0, check.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("demo", "--directory", "/proc/nowhere"),
        ("settle", "missing.flash", "--ledger", "missing.sqlite"),
        ("ledger", "show", "--ledger", "missing.sqlite"),
        ("ledger", "open", "--deposit", "many"),
        ("benchmark", "--no-such-option"),
        ("no-such-command",),
    ],
    ids=lambda arguments: arguments[0],
)
def test_an_error_is_one_line(tmp_path, arguments):
    done = joulestream(*arguments, cwd=tmp_path)
    assert done.returncode != 0
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "Traceback" not in done.stderr


def test_a_firmware_that_cannot_start_says_why_in_one_line(tmp_path):
    from bench_scenario import Scenario, stopped, until
    from joulestream.host_tools.bench.firmware import FirmwareError

    scenario = Scenario(tmp_path, pole={"credit": 0})
    with pytest.raises(FirmwareError) as caught:
        scenario.run(until(stopped))
    said = str(caught.value)
    assert "'credit'" in said and "'prepay'" in said and "contactor stays open" in said
    assert "\n" not in said
    assert not Path(tmp_path / "pole.flash").exists()
