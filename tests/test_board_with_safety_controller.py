"""A board with a safety controller: the board file on a model of its port, the controller's C."""

import pytest

from gate_controller import Controller, build
from joulestream.boards.esp32s3 import Board as Recommended
from joulestream.boards.with_safety_controller import WithSafetyController
from joulestream.host_tools.hardware import wiring
from joulestream.host_tools.hardware.port import Port

STEP_MS = 5
LIMIT_MA = 10_000


class Board(WithSafetyController, Recommended):
    # The link is CAN, so its UART is free. UART 0 is the REPL's.
    UARTS = {"meter": Recommended.UARTS["meter"], "gate": Recommended.UARTS["link"]}


class Desk:
    """Board and controller in one virtual time, joined by UART, CONTACTOR and HEARTBEAT."""

    def __init__(self, port, controller):
        self.port, self.controller = port, controller
        controller.begin()
        controller.tell("set pilot 2", "set self_test_ms 100")
        self.board = Board({})
        self._uart = port.uarts[Board.UARTS["gate"][0]]
        self._edges = 0
        self.wants = False
        self.hangs = False

    def run(self, ms):
        for _ in range(ms // STEP_MS):
            if not self.hangs:
                self.board.contactor(self.wants)
                self.board.feed_watchdog()
            self.port.now_us += STEP_MS * 1_000
            self._move_bytes()
            self._move_levels()
            self.controller.run(STEP_MS - 1, "set edges 0")

    def _move_bytes(self):
        self._uart.txdone()
        sent = bytes(self._uart.sent)
        del self._uart.sent[:]
        if sent:
            for answer in self.controller.tell("bytes " + sent.hex()):
                self._uart.feed(answer)

    def _move_levels(self):
        pins = [pin for _, pin, _ in self.port.edges]
        edges = pins.count(Board.HEARTBEAT)
        wanted = self.port.levels[Board.CONTACTOR]
        self.controller.run(1, f"set request {int(wanted)}", f"set edges {edges - self._edges}")
        self._edges = edges


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return build(tmp_path_factory.mktemp("gate"))


@pytest.fixture
def desk(program):
    controller = Controller(program)
    with Port("ESP32S3") as port:
        yield Desk(port, controller)
    controller.close()


def charging(desk):
    """Let the board charge."""
    desk.run(6_000)
    assert desk.board.gate() == "safety controller, 16 A, 1 phase, SERIAL01"
    assert desk.board.gate_ms() == 520
    desk.board.current_limit_ma(LIMIT_MA)
    desk.wants = True
    desk.run(500)
    assert desk.controller.now.coil and desk.board.fault is None


def test_the_board_closes_its_contactor_through_the_controller(desk):
    assert desk.board.gate() is None, "nothing was heard yet"
    charging(desk)
    desk.run(30_000)
    assert desk.controller.now.coil
    desk.wants = False
    desk.run(STEP_MS)
    assert not desk.controller.now.coil


def test_a_board_that_hangs_loses_its_contactor(desk):
    charging(desk)
    start_ms = desk.controller.passed_ms
    desk.hangs = True
    desk.run(1_000)
    assert desk.controller.opened_ms() - start_ms <= 520


def test_an_erase_of_the_flash_does_not_open_it(desk):
    charging(desk)
    desk.hangs = True
    desk.run(440)
    desk.hangs = False
    desk.run(1_000)
    assert desk.controller.now.coil and desk.controller.opened_ms() is None


def test_the_reason_of_the_gate_is_the_board_s_fault(desk):
    charging(desk)
    desk.controller.tell("set no_emergency 0")
    desk.run(300)
    assert not desk.controller.now.coil
    assert desk.board.fault == "the gate keeps the contactor open: emergency"
    desk.wants = False
    desk.run(100)
    assert desk.board.fault is None


def test_make_safe_withdraws_the_permission(desk):
    charging(desk)
    desk.board.make_safe()
    desk.hangs = True
    desk.run(STEP_MS)
    assert not desk.controller.now.coil


def test_the_wiring_table_shows_the_line_to_the_controller():
    assert wiring.faults(Board) == []
    assert "`gate`, TX" in wiring.wiring_table(Board)
