"""Every board keeps the contract of firmware/boards/contract.py; a new one is a module and a row.

The emulated board is held to it in test_on_board.py, where that board runs.
"""

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from dual_runtime import raised
from joulestream import boards
from joulestream.boards import contract
from joulestream.device.config import ConfigError, check_table
from joulestream.host_tools.bench.firmware import micropython, micropython_environment
from joulestream.host_tools.bench.ports import Port
from joulestream.host_tools.simulation import parts
from joulestream.pole import config as pole_config
from joulestream.pole.main import check_gate
from joulestream.runtime import BUILT_S
from joulestream.runtime.loop import run
from joulestream.runtime.pilot import (
    PILOT_A,
    PILOT_B,
    PILOT_C,
    PILOT_STATES,
    is_connected,
    wants_power,
)
from joulestream.testkit.board import MemoryBoard, Uart
from joulestream.testkit.board_contract import check_board, check_writing
from joulestream.testkit.flash import NorFlash
from joulestream.testkit.meter import Meter
from joulestream.testkit.pair import pole_values

ON_UNIX = """
from joulestream.boards import open_board
from joulestream.testkit.board_contract import check_board, check_writing
board = open_board(%r)
check_board(board)
board.show(lambda: {"state": "idle"})
print("sent", check_writing(board))
print("kept", board.pilot_state(), board.clock())
"""

THROW_AWAY = """
from joulestream.device.config import REQUIRED, check_table, text
from joulestream.testkit.board import MemoryBoard, Uart

TABLE = (("colour", text, REQUIRED),)


class Board(MemoryBoard):
    def __init__(self, config):
        super().__init__({"link": Uart()})
        self.colour = check_table(TABLE, config).colour
"""


def unix_board(directory: Path, clock: str, pins: str) -> str:
    """Run the contract's checks on the unix board in MicroPython; return its output."""
    port = Port()
    config = {
        "clock": clock,
        "uarts": {"link": port.path},
        "storage": str(directory / "pole.flash"),
        "storage_blocks": 6,
    }
    try:
        done = subprocess.run(
            [micropython(), "-c", ON_UNIX % config],
            env=micropython_environment(),
            input=pins,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    finally:
        port.close()
    return done.stdout


def test_the_unix_board_keeps_the_contract_in_virtual_time(tmp_path):
    pins = "1000 1790000000 C 0 0\n1020 1790000000 C 0 0\n"
    printed = unix_board(tmp_path, "bench", pins)
    report, sent, kept = printed.splitlines()
    assert (report, kept) == ("0 0 -", "kept C (1790000000, 1)")
    # The size of a pseudo-terminal differs from kernel to kernel.
    assert 0 < int(sent.split()[1]) < 160_000


def test_the_unix_board_keeps_the_contract_on_the_wall_clock(tmp_path):
    assert "kept B (0, 0)" in unix_board(tmp_path, "wall", "0 -1 B 0 0\n" * 3)


def test_the_board_in_memory_keeps_the_contract():
    check_board(MemoryBoard({"link": Uart()}))
    board = MemoryBoard({"link": Uart()}, NorFlash(size=2048))
    board.unix_s = 1_790_000_000
    check_board(board)
    board.uart("link").room = 1_000
    assert check_writing(board) == 1_000


def test_the_simulated_board_keeps_the_contract():
    rng = Random(1)
    uart = parts.LinkUart(lambda data: None)
    board = parts.Board("pole", uart, Meter(), NorFlash(size=2048), 1_000, 50, rng)
    check_board(board)
    board.unix_s = 1_790_000_000
    board.is_plugged = True
    check_board(board)
    assert board.pilot_state() == PILOT_C
    uart.room = 1_000
    assert check_writing(board) == 1_000


def test_a_pole_notices_a_late_step_before_its_gate_opens():
    """A gate tells nobody that it opened: the pole would say CHARGING without current."""
    board = MemoryBoard({"link": Uart()})
    config = check_table(pole_config.TABLE, pole_values())
    for gate_ms, refused in ((None, False), (501, False), (500, True), (300, True)):
        board.gate_ms = lambda gate_ms=gate_ms: gate_ms
        error = raised(check_gate, config, board)
        assert (error is not None) == refused, gate_ms
        assert not refused or error.field == "contactor_hold_ms"


def test_a_part_that_is_missing_says_so():
    board = contract.Board()
    with pytest.raises(ValueError, match="secrets"):
        board.secret(1)
    assert board.clock() == contract.NO_CLOCK
    assert board.contactor_feedback() is None and board.gate() is None


def test_the_checks_notice_a_board_that_breaks_the_contract():
    def break_with(name, value):
        board = MemoryBoard({"link": Uart()})
        setattr(board, name, value)
        return board

    broken = (
        ("uart", lambda name: Uart()),
        ("storage", lambda: NorFlash(size=2048)),
        ("random", lambda size: bytes(size)),
        ("secret", lambda source: b""),
        ("pilot", "a"),
        ("tick_ms", 1 << 30),
        ("unix_s", 946_684_800),
        ("clock", lambda: (BUILT_S, 3)),
        ("contactor_feedback", lambda: "open"),
        ("wait", lambda most_ms: None),
    )
    for name, value in broken:
        with pytest.raises(AssertionError):
            check_board(break_with(name, value))


def test_one_more_board_is_one_module_and_one_row(tmp_path, monkeypatch):
    (tmp_path / "throw_away_board.py").write_text(THROW_AWAY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(boards.BOARDS, "throw-away", "throw_away_board")
    monkeypatch.setattr(sys, "platform", "throw-away")
    board = boards.open_board({"colour": "green"})
    assert board.colour == "green"
    check_board(board)
    with pytest.raises(ConfigError, match="colour"):
        boards.open_board({})


def test_a_machine_without_a_board_is_named(monkeypatch):
    monkeypatch.setattr(sys, "platform", "toaster")
    with pytest.raises(ValueError, match="'toaster'"):
        boards.open_board({})


def test_a_pilot_state_tells_whether_a_vehicle_is_there_and_wants_power():
    assert [state for state in PILOT_STATES if is_connected(state)] == ["B", "C", "D"]
    assert [state for state in PILOT_STATES if wants_power(state)] == ["C", "D"]
    assert not is_connected(PILOT_A) and not wants_power(PILOT_B)


def test_the_run_loop_tells_the_slow_work_whether_all_is_quiet():
    class Ended(Exception):
        pass

    class Script(MemoryBoard):
        def __init__(self, quiet):
            super().__init__()
            self._quiet = quiet

        def wait(self, most_ms):
            if not self._quiet:
                raise Ended
            self.tick_ms += most_ms
            return self._quiet.pop(0)

        def show(self, status):
            done.append(status())

    class Supervised:
        def step(self, now_ms):
            done.append(now_ms)

        def idle(self, is_quiet):
            done.append(is_quiet)

        def status(self):
            return "status"

    done = []
    with pytest.raises(Ended):
        run(Script([True, False]), Supervised())
    assert done == [0, "status", True, 1, "status", False, 2, "status"]
