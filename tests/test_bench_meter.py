"""`joulestream bench meter` on terminals, with meters that pymodbus serves."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from joulestream.host_tools.bench.meters import MeterServer
from joulestream.host_tools.bench.ports import Port
from joulestream.testkit.meter import Meter

JOULESTREAM = Path(sys.executable).parent / "joulestream"


async def bench_meter(meter, *words):
    """Run the command on a terminal with `meter` at its far end; return status, stdout, stderr."""
    near = Port()
    server = MeterServer(meter or Meter(), 0)
    await server.start()
    loop = asyncio.get_running_loop()
    if meter is not None:
        loop.add_reader(near.fileno(), lambda: server.port.write(near.read()))
        loop.add_reader(
            server.port.fileno(), lambda: near.write(meter.transmit(server.port.read()))
        )
    try:
        process = await asyncio.create_subprocess_exec(
            JOULESTREAM,
            *("bench", "meter", "--port", near.path, *words),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, error = await process.communicate()
    finally:
        loop.remove_reader(near.fileno())
        loop.remove_reader(server.port.fileno())
        await server.stop()
        near.close()
    return process.returncode, out.decode(), error.decode()


def run(meter, *words):
    return asyncio.run(bench_meter(meter, *words))


def sentence(result):
    """Return the one line of an error."""
    status, _, error = result
    lines = [line for line in error.splitlines() if line.startswith("joulestream: ")]
    assert status == 1 and len(lines) == 1 and "Traceback" not in error, result
    return lines[0]


def powered(model, power_mw, **arguments):
    meter = Meter(model=model, **arguments)
    meter.advance(power_mw, 3_600)
    return meter


@pytest.mark.parametrize("model", ["sdm630", "b23", "em340", "iem3155", "pzem-016"])
def test_a_named_meter_shows_its_figures(model):
    meter = powered(model, 4_600_000, start_mwh=1_234_500_000, step_mwh=100_000)
    status, out, error = run(meter, "--model", model, "--json")
    assert status == 0, error
    shown = json.loads(out)
    assert shown["model"] == model and shown["import_kWh"] == 1234.5 and shown["why"] is None
    assert 229 < shown["voltage_V"] < 232 and abs(shown["power_W"] - 4_600) < 2
    assert abs(shown["current_A"] - 20) < 0.2 and shown["frequency_Hz"] == 50
    assert (shown["export_kWh"] is None) == (model == "pzem-016")


def test_the_section_of_a_configuration_counts(tmp_path):
    path = tmp_path / "pole.json"
    path.write_text(json.dumps({"meter": {"model": "sdm120", "unit": 3}}))
    status, out, error = run(powered("sdm120", 100_000), "--config", str(path))
    assert status == 0 and "sdm120" in out and "Traceback" not in error
    path.write_text("{}")
    assert "no section 'meter'" in sentence(run(None, "--config", str(path)))
    path.write_text(json.dumps({"meter": {"model": "abacus"}}))
    assert "'model' must be one of" in sentence(run(None, "--config", str(path)))


def test_a_meter_that_is_wired_backwards_is_said_to_be():
    said = sentence(run(powered("sdm120", -2_300_000), "--model", "sdm120"))
    assert "wired backwards" in said and "-2300 W" in said


def test_what_keeps_a_meter_from_being_read_is_one_sentence():
    quick = ("--baud", "115200")
    assert "no answer from address 9" in sentence(
        run(None, "--model", "sdm120", "--unit", "9", *quick)
    )
    assert "exceptions or damaged bytes" in sentence(
        run(powered("b23", 0), "--model", "sdm630", *quick)
    )
    garbled = powered("sdm120", 0)
    garbled.set_fault("damaged")
    assert "damaged bytes" in sentence(run(garbled, "--model", "sdm120", *quick))
    absurd = powered("sdm120", 0)
    absurd.set_fault("absurd")
    assert "figures that no sdm120 has" in sentence(run(absurd, "--model", "sdm120", *quick))
    assert "no meter is named" in sentence(run(None))
    assert "wire it to a board" in sentence(run(None, "--model", "ina228"))
    assert "wire it to a board" in sentence(run(None, "--model", "s0"))


def test_the_probe_finds_a_meter_and_prints_what_a_configuration_needs():
    status, out, error = run(powered("sdm72d-v2", 0), "--probe", "--json")
    assert status == 0, error
    found = json.loads(out)
    assert (found["model"], found["unit"], found["baud"]) == ("sdm72d-v2", 1, 9_600)
    assert found["why"] is None and "looking for its model" in error
    status, out, error = run(powered("pzem-017", 0), "--probe", "--unit", "1")
    assert status == 0 and "the name plate tells" in out and "pzem-003" in out, error


def test_a_probe_that_finds_nothing_says_what_to_check():
    narrow = ("--probe", "--unit", "4", "--baud", "9600", "--line", "8E1")
    assert "no meter answers" in sentence(run(None, *narrow))
    garbled = powered("sdm120", 0)
    garbled.set_fault("damaged")
    assert "two may have this address" in sentence(run(garbled, *narrow))
    assert "no such port" in sentence(
        asyncio.run(bench_meter(None, "--port", "/dev/nothing", "--probe"))
    )
