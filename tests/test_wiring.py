"""The board files use pins that their chips can spare; docs/hardware.md has their wiring."""

import importlib
import subprocess
import sys

import pytest

from joulestream.boards import KINDS
from joulestream.host_tools.hardware import wiring
from joulestream.host_tools.hardware.chips import CHIPS
from joulestream.host_tools.layout import ROOT

PAGE = (ROOT / "docs" / "hardware.md").read_text()


def board_class(kind):
    return importlib.import_module(KINDS[kind]).Board


def other(kind, **changes):
    """Return a board file that differs from that of `kind`."""
    return type("Board", (board_class(kind),), changes)


def test_the_page_has_the_tables_of_the_board_files():
    done = subprocess.run(
        [sys.executable, "-m", "joulestream.host_tools.hardware.wiring", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for kind in KINDS:
        assert board_class(kind).NAME in PAGE
        assert wiring.wiring_table(board_class(kind)) in PAGE


def test_an_old_table_is_noticed(tmp_path, monkeypatch, capsys):
    page = tmp_path / "hardware.md"
    page.write_text(PAGE.replace("| 4 | `CONTACTOR`", "| 40 | `CONTACTOR`", 1))
    assert page.read_text() != PAGE
    monkeypatch.setattr(wiring, "DOCUMENT", page)
    monkeypatch.setattr(wiring.write, "__defaults__", (page,))
    assert wiring.main(["--check"]) == 1
    assert "hardware.md is out of date" in capsys.readouterr().err
    assert wiring.main([]) == 0 and page.read_text() == PAGE


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_pin_is_needed_by_the_chip_for_something_else(kind):
    assert wiring.faults(board_class(kind)) == []


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_strapping_pin_is_wired_at_all(kind):
    board = board_class(kind)
    pins = {line.pin for line in wiring.lines(board)}
    chip = CHIPS[board.MCU]
    assert len(pins) == len(wiring.lines(board)) >= 10
    assert not pins & (chip.strapping | chip.flash | chip.usb | chip.repl)


@pytest.mark.parametrize(
    ("board", "fault"),
    [
        (other("esp32", MCU="ESP8266"), "ESP8266"),
        (other("esp32", CONTACTOR=12), "GPIO 12, `CONTACTOR`, to the gate, is a strapping pin"),
        (other("esp32", LED=6), "belongs to flash"),
        (other("esp32", CONTACTOR=34, FEEDBACK=None), "can only be an input"),
        (other("esp32", PILOT_IN=25, SELECTS={}), "no converter that works beside the radio"),
        (other("esp32", HEARTBEAT=14, LED=None), "HEARTBEAT is on a pin that is high"),
        (other("esp32", HAS_PULL_UP=True), "GPIO 34 has no pull-up"),
        (other("esp32", LED=3), "REPL's UART"),
        (other("esp32", LED=20), "is not on the module"),
        (other("esp32s3", PILOT_OUT=46), "is a strapping pin"),
        (other("esp32s3", CONTACTOR=19), "belongs to USB"),
        (other("esp32s3", LED=4), "is both"),
        (other("esp32s3", HEARTBEAT=None), "needs both"),
        (other("esp32s3", GATE_MS=450), "GATE_MS"),
        (other("esp32c3", FEEDBACK=9), "is a strapping pin"),
        (other("esp32c3", UARTS={"link": (2, 21, 20, 256)}), "no UART 2"),
        (
            other("esp32c3", UARTS={"link": (0, 21, 20, 1), "meter": (0, 4, 5, 1)}),
            "share one UART",
        ),
        (other("rp2040", UARTS={"link": (0, 4, 5, 256)}), "cannot be tx of UART 0"),
        (other("rp2040", SPI=(0, 18, 16, 19, 1)), "cannot be mosi of SPI 0"),
        (other("rp2040", I2C=(0, 7, 6, 1)), "cannot be scl of I2C 0"),
        (other("rp2040", WATCHDOG_MS=10_000), "at most 8388"),
    ],
)
def test_a_wrong_pin_is_named(board, fault):
    found = wiring.faults(board)
    assert any(fault in sentence for sentence in found), found


OWN = """
from joulestream.boards.esp32s3 import Board as Recommended


class Board(Recommended):
    CONTACTOR = %d
    GRID = None
"""


def test_a_board_file_of_the_users_own_is_judged(tmp_path, capsys):
    path = tmp_path / "throw_away_wiring.py"
    path.write_text(OWN % 38)
    assert wiring.main([str(path)]) == 0
    assert "| 38 | `CONTACTOR`, to the gate | out | low |" in capsys.readouterr().out
    path.write_text(OWN % 45)
    assert wiring.main([str(path)]) == 1
    assert "GPIO 45" in capsys.readouterr().err
    assert wiring.main([str(tmp_path / "missing.py")]) == 1
    assert "missing.py is no Python file" in capsys.readouterr().err
