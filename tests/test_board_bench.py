"""The bench's checks on an emulated Pico with a plant: good hardware passes, bad fails."""

import json

import pytest

from bench_plant import BenchPico, on_bench
from joulestream.host_tools.board_bench import bench as board_bench
from joulestream.host_tools.board_bench.finding import PASSED
from joulestream.host_tools.build.pico import build_library
from joulestream.host_tools.pico_flash import write_flash
from joulestream.testkit.pair import pole_values
from pico_boards import built  # noqa: F401 - a fixture

pytestmark = pytest.mark.xdist_group("emulated Pico")

BOARD = {"kind": "rp2040", "device_secret": "pole.device"}


@pytest.fixture(scope="module")
def pico(built, tmp_path_factory):  # noqa: F811
    flash = tmp_path_factory.mktemp("bench") / "flash.bin"
    write_flash(flash, [build_library()])
    with BenchPico(*built, flash) as board:
        board.install({**pole_values(), "board": BOARD})
        board.mpremote("exec", "open('pole.device', 'wb').write(bytes(range(32)))")
        yield board


def found(pico, name):
    """Return the finding of one check."""
    with on_bench(pico) as bench:
        ((_, finding),) = board_bench.run(bench, board_bench.chosen([name]), lambda *_: None)
    return finding


@pytest.mark.parametrize("name", ["signatures", "collection", "pilot", "contactor", "gate"])
def test_good_hardware_passes(pico, name):
    finding = found(pico, name)
    assert finding.verdict == PASSED, finding
    json.dumps(finding.to_dict())
