"""The firmware on the emulated Raspberry Pi Pico: real drivers meet real registers.

test_pico_emulator.py tests the emulator itself. A second of the Pico's time takes about one of a
host's core while its firmware runs, so a session here is short, and most shared test files are run
on the other emulated board alone (test_on_board.py).
"""

import json
import os

import pytest
from typer.testing import CliRunner

from bench_scenario import Scenario, charging, do, stopped, until
from compiled_tests import HELPERS, HERE
from joulestream.host_tools.bench.cables import CanCable
from joulestream.host_tools.bench.setup import START_S
from joulestream.host_tools.benchmarks.pico import ERASE, bytes_lost
from joulestream.host_tools.build.bytecode import compile_tree
from joulestream.host_tools.build.pico import OUTPUT, build_library
from joulestream.host_tools.build.romfs import library_files, role_image
from joulestream.host_tools.build.shell import ToolchainError
from joulestream.host_tools.cli import app
from joulestream.host_tools.collect import collect
from joulestream.host_tools.pico_emulator import EmulatedPico
from joulestream.host_tools.pico_flash import ROMFS_BYTES, write_flash
from joulestream.testkit.can_pair import can_config
from joulestream.testkit.fram import Mb85rc, Mb85rs
from joulestream.testkit.mcp2515 import Mcp2515
from pico_boards import built  # noqa: F401 - a fixture
from test_on_board import RUN

# One pytest worker runs them all: they share the build.
pytestmark = pytest.mark.xdist_group("emulated Pico")

# The shortest ones: 0.02 s on the unix port are ten seconds of a core here. `make soak` runs those
# too that meet what differs on this board: its words and floats, its native module, its heap.
FILES = ("test_tariff.py", "test_units.py")
if os.environ.get("JOULESTREAM_PICO"):
    FILES += (
        "test_channel.py",
        "test_ed25519.py",
        "test_framing.py",
        "test_journal.py",
        "test_keystore.py",
        "test_messages.py",
        "test_modbus.py",
        "test_payee_records.py",
        "test_session.py",
    )
PILOT_PIN = 14
in_soak = pytest.mark.skipif(
    "JOULESTREAM_PICO" not in os.environ, reason="emulated Pico: a minute, so make soak runs it"
)
# The Pico's board and its journal have started before this time, and the session begins after it.
CERTIFIED_S = START_S + 6


@pytest.fixture(scope="module")
def pico(built, tmp_path_factory):  # noqa: F811
    """A Pico with the library and the tests on its file system."""
    tests = OUTPUT / "tests"
    compile_tree((HERE / name for name in HELPERS + FILES), tests)
    flash = tmp_path_factory.mktemp("pico") / "flash.bin"
    write_flash(flash, [build_library(), tests])
    with EmulatedPico(*built, flash) as board:
        yield board


@pytest.mark.parametrize("name", FILES)
def test_file(pico, name):
    stem = name.removesuffix(".py")
    printed = pico.mpremote("exec", RUN % (stem, stem))
    assert "FAILED" not in printed and "passed" in printed, printed


@in_soak
def test_the_real_mpremote_brings_the_library(built, tmp_path):  # noqa: F811
    with EmulatedPico(*built, tmp_path / "flash.bin") as board:
        board.mpremote("fs", "cp", "-r", str(build_library()), ":")
        printed = board.mpremote("exec", "import joulestream.pole.main, _ed25519; print('whole')")
        assert printed.strip() == "whole"


FROM_ROMFS = """
import joulestream.pole.main
from joulestream.signing import public_key
print(joulestream.pole.main.__file__, len(public_key(bytes(32))))
"""


def test_the_real_mpremote_deploys_a_romfs(built, tmp_path):  # noqa: F811
    image = tmp_path / "pole.romfs"
    image.write_bytes(role_image(library_files(build_library()), "pole"))
    with EmulatedPico(*built, tmp_path / "flash.bin") as board:
        assert f"ROMFS0 partition has size {ROMFS_BYTES} bytes" in board.mpremote("romfs", "query")
        board.mpremote("romfs", "deploy", str(image))
        board.restart()
        printed = board.mpremote("exec", FROM_ROMFS)
    assert printed.split() == ["/rom/lib/joulestream/pole/main.mpy", "32"]


CONTRACT = """
from joulestream.boards import open_board
from joulestream.testkit.board_contract import check_board
with open("/contract.device", "w") as file:
    file.write("5a" * 32)
values = {"kind": "rp2040", "device_secret": "/contract.device", "watchdog": 0}
board = open_board(dict(values, storage="%s"))
check_board(board)
print("kept", board.storage_shape()[0] * board.storage_shape()[1])
"""


@pytest.mark.parametrize(
    "storage, size", [("flash", 262_144), ("fram_spi", 32_768), ("fram_i2c", 32_768)]
)
def test_the_board_keeps_the_contract(pico, storage, size):
    if storage != "flash":
        with pytest.raises(ToolchainError, match=r"ValueError: .*FRAM"):
            pico.mpremote("exec", CONTRACT % storage)
    if storage == "fram_spi":
        pico.attach_spi(0, 21, Mb85rs())
    if storage == "fram_i2c":
        pico.attach_i2c(1, Mb85rc())
    assert pico.mpremote("exec", CONTRACT % storage).strip() == f"kept {size}"


@pytest.mark.parametrize(
    "work, least, most", [("pass", 0, 0), (ERASE, 450, 500)], ids=["idle", "erase"]
)
def test_bytes_across_an_erase(pico, work, least, most):
    """At 115,200 baud 518 bytes come in the 45 ms of an erase, and the UART's FIFO holds 32."""
    lost = bytes_lost(pico, work)
    assert least <= lost <= most
    assert pico.lost[0] == lost


def test_a_session_over_uart_survives_a_power_cut(built, tmp_path):  # noqa: F811
    scenario = Scenario(
        tmp_path,
        vehicle={"energy_wanted_mwh": 12_000, "reconnect_ms": 500},
        certificate={"issued_at_s": CERTIFIED_S},
        picos={"pole": None},
    )
    paid = []

    def cut_power(s):
        """Cut it in the middle of the next record."""
        assert s.bench.pole.board.duty(PILOT_PIN), "the pilot is not driven"
        s.bench.pole.board.cut_power_at(100)

    def remember(s):
        assert not s.bench.pole.contactor

        paid.append(s.pole["paid"])
        s.bench.boot("pole")

    scenario.run(
        charging(3),
        do(cut_power),
        until(lambda s: not s.bench.pole.board.has_power),
        do(remember),
        until(lambda s: s.pole.get("state") == "closed" and stopped(s)),
    )
    assert scenario.pole["faults"] == 0
    (claim,) = collect(tmp_path / "pole.flash")
    assert claim.signature and claim.amount >= paid[0] > 0


def test_a_session_over_can(built, tmp_path):  # noqa: F811
    """The pole's MCP2515 and the vehicle's slcan adapter are on one bus.

    The pole's packages are in a ROMFS; in the session over UART they are ordinary files.
    """
    chip = Mcp2515()
    scenario = Scenario(
        tmp_path,
        pole={"link": can_config("pole", "mcp2515")},
        vehicle={
            "link": can_config("vehicle", "slcan"),
            "energy_wanted_mwh": 4_000,
            "reconnect_ms": 500,
        },
        certificate={"issued_at_s": CERTIFIED_S},
        cable=CanCable(chip),
        picos={"pole": chip},
        romfs=True,
        step_ms=5,
    )
    scenario.run(charging(2), until(lambda s: s.pole.get("state") == "closed" and stopped(s)))
    assert scenario.pole["last_stop"] == "ENERGY_REACHED"
    assert scenario.pole["faults"] == 0
    (claim,) = collect(tmp_path / "pole.flash")
    assert claim.signature and claim.amount == scenario.pole["paid"] > 0


@in_soak
def test_the_demo_on_the_emulated_pico(built, tmp_path):  # noqa: F811
    done = CliRunner().invoke(
        app, ["demo", "--board", "pico", "--directory", str(tmp_path / "demo"), "--json"]
    )
    assert done.exit_code == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["contactor_opened_because"] == "ENERGY_REACHED"
    assert summary["packets"] >= 15 and summary["energy_mwh"] >= 20_000
    assert summary["ledger_pole"] == summary["paid"] > 0
    assert summary["ledger_pole"] + summary["ledger_vehicle"] == summary["deposit"]


def test_the_demo_on_the_emulated_pico_has_no_wall_clock(tmp_path):
    done = CliRunner().invoke(app, ["demo", "--board", "pico", "--realtime"])
    assert done.exit_code == 2 and "slower than the wall clock" in done.stderr


@in_soak
def test_a_vehicle_pays_from_a_pico(built, tmp_path):  # noqa: F811
    scenario = Scenario(
        tmp_path,
        vehicle={"energy_wanted_mwh": 4_000, "reconnect_ms": 500},
        picos={"vehicle": None},
    )
    scenario.run(charging(2), until(lambda s: s.pole.get("state") == "closed" and stopped(s)))
    assert scenario.vehicle["last_stop"] == "ENERGY_REACHED"
    assert scenario.vehicle["faults"] == 0


@in_soak
def test_the_repl_opens_the_contactor_and_the_watchdog_starts_the_firmware_anew(
    built,  # noqa: F811
    tmp_path,
):
    scenario = Scenario(
        tmp_path,
        vehicle={"energy_wanted_mwh": 40_000, "reconnect_ms": 500},
        certificate={"issued_at_s": CERTIFIED_S},
        picos={"pole": None},
    )

    def interrupt(s):
        assert s.bench.pole.contactor
        s.bench.pole.interrupt()

    scenario.run(
        charging(2),
        do(interrupt),
        until(lambda s: not s.bench.pole.contactor, 200),
        until(lambda s: s.bench.pole.board.resets == 1, 9_000),
        charging(2),
    )
