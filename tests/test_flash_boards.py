"""`joulestream flash` and `provision` on both emulated boards, through the real mpremote.

The files of a flashed board are in the emulators' images from the start: to bring them takes
mpremote a minute. `make soak` brings them too.
"""

import json
import os
import re
import sys

import pytest

from flashed_board import write_board
from joulestream.host_tools import emulator
from joulestream.host_tools.build import board as rv32
from joulestream.host_tools.build.shell import ToolchainError
from joulestream.host_tools.flashing.device import Device, Refused
from joulestream.host_tools.flashing.flash import content_of_tree, flash
from joulestream.host_tools.flashing.install import look
from joulestream.host_tools.flashing.provision import Trusted, provision
from joulestream.host_tools.pico_emulator import EmulatedPico
from joulestream.host_tools.pico_flash import write_flash
from joulestream.testkit.pair import pole_values
from pico_boards import built  # noqa: F401 - a fixture

# Each emulated board's tests share its build.
on_rv32 = pytest.mark.xdist_group("emulated board")
on_pico = pytest.mark.xdist_group("emulated Pico")
in_soak = pytest.mark.skipif(
    "JOULESTREAM_PICO" not in os.environ, reason="emulated Pico: a minute, so make soak runs it"
)
ROLE = "pole"
# An import of the firmware, its self-test, and 2,000 steps.
TRIAL_MS = 30_000
OLD_STARTS_MS = 5_000


def quiet(sentence):
    pass


def values():
    """Return a pole's configuration without the fields that its board gives."""
    found = pole_values(board={})
    del found["seed_file"]
    return found


@pytest.fixture(scope="module")
def firmware():
    try:
        return rv32.build()
    except ToolchainError as error:
        print(f"\nEMULATED BOARD NOT FLASHED: {error}", file=sys.__stderr__, flush=True)
        pytest.skip(f"emulated board not tested: {error}")


BY_HAND = """
with open("/a/joulestream/pole/offer.mpy", "ab") as file:
    file.write(b"by hand")
"""


@on_rv32
def test_the_rv32_board_is_flashed_again(firmware, tmp_path):
    content = content_of_tree("qemu-rv32", ROLE, None)
    with emulator.EmulatedBoard(firmware, write_board(tmp_path, content), counts=False) as machine:
        device = Device(machine.port, [machine.pid])
        assert flash(device, "qemu-rv32", ROLE, content, quiet)["copied_files"] == 0
        device.run(BY_HAND)
        report = flash(device, "qemu-rv32", ROLE, content, quiet)
        assert report["changed_by_hand"] == ["joulestream/pole/offer.mpy"]
        assert report["copied_files"] == 1 and report["self_test"]["native module"] == "passed"
        about = look(device, "qemu-rv32").about
        assert about["target"] == 0 and about["releases"][1]["wrong"] == []
        with pytest.raises(Refused, match=r"no os\.urandom, so no key can be made"):
            provision(device, Trusted(values(), {}, None), quiet)


def flashed_pico(directory):
    """Return a release, and the flash of a Pico that has it, in a file of `directory`."""
    content = content_of_tree("rp2040", ROLE, None)
    (directory / "files").mkdir()
    image = directory / "flash.bin"
    write_flash(image, write_board(directory / "files", content))
    return content, image


@on_pico
def test_the_pico_is_flashed_again(built, tmp_path):  # noqa: F811
    content, image = flashed_pico(tmp_path)
    with EmulatedPico(*built, image) as board, board.serving() as port:
        report = flash(Device(port, [board.pid]), "rp2040", ROLE, content, quiet)
        assert report["copied_files"] == 0


@on_pico
@in_soak
def test_a_pico_makes_its_key_and_its_firmware_reports_healthy(built, tmp_path):  # noqa: F811
    _, image = flashed_pico(tmp_path)
    with EmulatedPico(*built, image) as board:
        with board.serving() as port:
            device = Device(port, [board.pid])
            report = provision(device, Trusted(values(), {}, bytes(32)), quiet)
        assert re.fullmatch("[0-9a-f]{64}", report["public_key"])
        assert set(report["self_test"].values()) == {"passed"} and len(report["self_test"]) == 6
        board.run(TRIAL_MS)
        with board.serving() as port:
            about = look(Device(port, [board.pid]), "rp2040").about
        # Directory 1, and no trial any more.
        assert about["state"] == 1 and about["target"] == 0


@on_pico
@in_soak
def test_a_release_that_cannot_start_gives_way_to_the_old_one(built, tmp_path):  # noqa: F811
    """It has its list and none of its files, so each start fails and resets the board."""
    content = content_of_tree("rp2040", ROLE, None)
    (tmp_path / "files").mkdir()
    image = tmp_path / "flash.bin"
    entries = write_board(tmp_path / "files", content)
    (tmp_path / "files" / "b").mkdir()
    (tmp_path / "files" / "b" / "release").write_bytes(content.listing)
    (tmp_path / "files" / "b" / "config.json").write_text(json.dumps({"no": "configuration"}))
    (tmp_path / "files" / "start.state").write_text("3")
    write_flash(image, sorted((tmp_path / "files").iterdir()))
    assert entries
    with EmulatedPico(*built, image) as board:
        board.run_until(lambda: board.resets == 3)
        board.run(OLD_STARTS_MS)
        with board.serving() as port:
            about = look(Device(port, [board.pid]), "rp2040").about
        assert about["state"] == 0 and about["target"] == 1
