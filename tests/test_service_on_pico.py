"""The service line on the USB port of the emulated Pico: the real drivers, the real commands."""

import json
import sys
from pathlib import Path

import pytest

from joulestream.host_tools import progress
from joulestream.host_tools.bench.setup import BenchSetup
from joulestream.host_tools.build.pico import build_library
from joulestream.host_tools.keys import new_seed, write_seed
from joulestream.host_tools.pico_emulator import LOW, EmulatedPico
from joulestream.host_tools.pico_flash import write_flash
from joulestream.signing import Signer
from pico_boards import built  # noqa: F401 - a fixture

pytestmark = pytest.mark.xdist_group("emulated Pico")

JOULESTREAM = Path(sys.executable).parent / "joulestream"
MAIN = "from joulestream.pole.main import main\nmain('pole.json')\n"
CONTACTOR = 10  # as in firmware/boards/rp2040.py


@pytest.fixture
def pole(built, tmp_path):  # noqa: F811
    """A Pico that runs a pole with a service line on its USB port, and its host's key file."""
    setup = BenchSetup(tmp_path)
    seed = new_seed()
    write_seed(tmp_path / "host.key", seed)
    board = {"kind": "rp2040", "device_secret": "pole.device", "service": "repl", "watchdog": 0}
    keys = [Signer(seed).public_key.hex()]
    config = setup.pole(service_keys=keys, board=board, seed_file="pole.seed")
    files = tmp_path / "files"
    files.mkdir()
    (files / "pole.json").write_text(json.dumps(config))
    (files / "main.py").write_text(MAIN)
    for name in ("pole.seed", "pole.device"):
        (files / name).write_bytes((tmp_path / name).read_bytes())
    flash = tmp_path / "flash.bin"
    write_flash(flash, [build_library()])
    with EmulatedPico(*built, flash) as pico:
        pico.mpremote("fs", "cp", *sorted(map(str, files.iterdir())), ":")
        pico.restart()
        pico.run(3_000)
        yield pico, tmp_path / "host.key", setup


def ask(*words):
    done = progress.run([str(JOULESTREAM), *map(str, words)], "joulestream")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_pico_is_shown_and_collected_over_usb_and_mpremote_still_stops_it(pole):
    pico, key, setup = pole
    with pico.serving() as port:
        line = ("--port", port, "--key", key)
        (status,) = map(json.loads, ask("monitor", *line, "--count", 1, "--json").splitlines())
        assert (status["role"], status["state"], status["faults"]) == ("pole", "idle", 0)
        assert json.loads(ask("collect", *line, "--json")) == []
        wanted = ("--device-key", setup.payee.public_key.hex())
        assert json.loads(ask("collect", *line, *wanted, "--json")) == []
    assert pico.mpremote("exec", "print('stopped')").strip().endswith("stopped")
    assert pico.levels.get(CONTACTOR) == LOW
