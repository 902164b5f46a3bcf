"""The board's side of the safety controller against the controller, over a pipe of bytes."""

import random

import pytest

from gate_controller import Controller, build
from joulestream.parts.safety_controller import REASONS, STATES, TESTS, SafetyController
from test_gate_controller import REASON, STATE, numbers_of

STEP_MS = 10
# The plant without the frames of its own board.
PLANT = "set request 1", "set beat_ms 20", "set pilot 2", "set self_test_ms 100"


class Pipe:
    """A UART with the controller at its other end. `damage` may change the bytes that pass."""

    def __init__(self, controller):
        self._controller = controller
        self._answers = bytearray()
        self.damage = bytes

    def write(self, data):
        data = self.damage(bytes(data))
        if data:
            for answer in self._controller.tell("bytes " + data.hex()):
                self._answers += self.damage(answer)
        return len(data)

    def readinto(self, buffer):
        size = min(len(buffer), len(self._answers))
        buffer[:size] = self._answers[:size]
        del self._answers[:size]
        return size


class Pair:
    """A board and its controller in one virtual time."""

    def __init__(self, controller):
        self.controller = controller
        controller.begin()
        controller.tell(*PLANT)
        self.uart = Pipe(controller)
        self.now_ms = 1_000
        self.boot()

    def boot(self):
        self.gate = SafetyController(self.uart)

    def run(self, ms, limit_ma=16_000):
        for _ in range(ms // STEP_MS):
            self.gate.step(self.now_ms, limit_ma)
            self.wait(STEP_MS)

    def wait(self, ms):
        """Let time pass without a step of the board."""
        self.controller.run(ms)
        self.now_ms += ms

    @property
    def coil(self):
        return self.controller.now.coil


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return build(tmp_path_factory.mktemp("gate"))


@pytest.fixture
def pair(program):
    controller = Controller(program)
    yield Pair(controller)
    controller.close()


def test_the_words_are_those_of_the_c_code():
    assert list(REASON) == list(REASONS)
    assert list(STATE) == list(STATES)
    results = [name.removeprefix("test_") for name in numbers_of("gate_test")]
    assert [{"wrong": "failed"}.get(name, name) for name in results] == list(TESTS)


def test_the_board_knows_its_gate_and_closes_it(pair):
    pair.run(100)
    assert pair.gate.identification == "safety controller, 16 A, 1 phase, SERIAL01"
    assert pair.gate.hold_ms == 520
    pair.run(2_000)
    assert (pair.gate.state, pair.gate.test) == ("resting", "passed")
    pair.run(5_000)
    assert pair.coil and pair.gate.coil and pair.gate.contacts
    assert (pair.gate.state, pair.gate.reason) == ("closed", "ok")
    assert pair.gate.temperature_ddeg == 250 and pair.gate.current_ma == 0
    assert pair.gate.bad_frames == 0


def test_a_wish_that_ends_opens_the_coil_in_the_next_step(pair):
    pair.run(6_000)
    assert pair.coil
    pair.run(STEP_MS, 0)
    assert not pair.coil
    pair.run(500, 0)
    assert pair.gate.reason in ("no_permission", "rest") and not pair.gate.coil


def test_a_board_that_is_busy_for_450_ms_keeps_its_coil_and_one_that_hangs_loses_it(pair):
    pair.run(6_000)
    for _ in range(20):
        # The frame that was due goes out, and then the board erases a block of flash.
        pair.wait(450)
        assert pair.coil
        pair.run(50)
    last_ms = pair.controller.passed_ms
    pair.wait(2_000)
    assert pair.controller.opened_ms() - last_ms <= 500


def test_a_board_that_starts_anew_is_heard(pair):
    pair.run(6_500)
    assert pair.coil
    pair.boot()
    pair.wait(300)
    pair.run(3_000)
    assert pair.coil and pair.gate.state == "closed"
    assert pair.controller.opened_ms() is None


def test_each_reason_of_the_controller_reaches_the_board(pair):
    for name, value, reason in (
        ("no_emergency", 0, "emergency"),
        ("cool", 0, "temperature"),
        ("edges", 9, "heartbeat_fast"),
        ("residual", 1, "residual_current"),
    ):
        pair.controller.begin()
        pair.controller.tell(*PLANT)
        pair.run(6_000)
        assert pair.coil, name
        pair.controller.tell(f"set {name} {value}")
        pair.run(200)
        assert not pair.coil and pair.gate.reason == pair.gate.opened_by == reason


def test_a_line_that_loses_and_damages_bytes_never_keeps_a_coil_that_nobody_wants(pair):
    draw = random.Random(7)

    def damage(data):
        data = bytearray(data)
        for at in range(len(data)):
            if draw.random() < 0.01:
                data[at] ^= 1 << draw.randrange(8)
        return bytes(data[: draw.randrange(len(data))] if draw.random() < 0.05 else data)

    pair.run(6_000)
    pair.uart.damage = damage
    pair.run(30_000)
    assert pair.coil and pair.controller.opened_ms() is None
    assert pair.gate.bad_frames > 20
    for _ in range(50):
        start_ms = pair.controller.passed_ms
        pair.run(600, 0)
        assert not pair.coil
        pair.uart.damage = bytes
        pair.controller.begin()
        pair.controller.tell(*PLANT)
        pair.run(6_000)
        assert pair.coil and start_ms
        pair.uart.damage = damage


def test_a_dead_line_opens_the_coil_and_the_board_sees_no_gate(pair):
    pair.run(6_000)
    assert pair.coil
    pair.uart.damage = lambda data: b""
    pair.run(600)
    assert not pair.coil
    assert pair.gate.identification is None and pair.gate.reason == "silent"
