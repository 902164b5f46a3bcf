"""RS-485 with one pair of wires: turns, echoes, collisions, a whole session."""

import pytest

from joulestream import errors
from joulestream.framing import MAX_FRAME, encode
from joulestream.link import check_link, open_link
from joulestream.testkit.board import MemoryBoard
from joulestream.testkit.half_duplex import Pair
from joulestream.testkit.meter import Meter
from joulestream.testkit.random import Random
from joulestream.testkit.two_loops import TwoLoops


class Sides:
    """Two links on one pair, with a step every ms. `came` holds each side's payloads."""

    def __init__(self, seed=1, **pair):
        self.pair = Pair(**pair)
        config = check_link({"kind": "rs485", "baud": pair.get("baud", 115_200)})
        self.boards = []
        self.links = []
        self.came = ([], [])
        random = Random(seed)
        for end, came in zip(self.pair.ends, self.came, strict=True):
            board = MemoryBoard({"link": end})
            board.random = random.bytes
            self.boards.append(board)
            link = open_link(config, board)
            link.attach(lambda payload, came=came: came.append(bytes(payload)))
            self.links.append(link)

    def step(self):
        self.pair.advance(1)
        for board, link in zip(self.boards, self.links, strict=True):
            board.tick_ms += 1
            link.poll()

    def run(self, ms):
        for _ in range(ms):
            self.step()


def frame(payload):
    buffer = bytearray(MAX_FRAME)
    return bytes(buffer[: encode(payload, buffer)])


@pytest.mark.parametrize("echo", [False, True])
def test_a_question_and_its_answer_never_collide(echo):
    sides = Sides(echo=echo)
    for number in range(30):
        sides.links[0].flush([b"question %d" % number])
        while len(sides.came[1]) <= number:
            sides.step()
        sides.links[1].flush([b"answer %d" % number])
        while len(sides.came[0]) <= number:
            sides.step()
    assert sides.pair.collisions == 0
    assert [link.dropped for link in sides.links] == [0, 0]
    assert sides.came[0] == [b"answer %d" % number for number in range(30)]


@pytest.mark.parametrize("echo", [False, True])
def test_two_sides_that_begin_at_once_and_repeat_alike_do_not_collide_for_long(echo):
    """Both ask in the same ms, and repeat in the same ms, as two equal `retry_ms` do."""
    worst = 0
    for seed in range(60):
        sides = Sides(seed=seed, echo=echo)
        tries = 0
        while not (b"one" * 20 in sides.came[1] and b"two" * 20 in sides.came[0]):
            tries += 1
            assert tries < 8, seed
            for link, payload in zip(sides.links, (b"one", b"two"), strict=True):
                link.flush([payload * 20])
            sides.run(250)
        worst = max(worst, tries)
        assert sides.pair.collisions
    assert worst <= 4


def test_an_own_frame_that_comes_back_is_ignored_once():
    sides = Sides(echo=True)
    sides.links[0].flush([b"mine"])
    sides.run(50)
    assert sides.came[0] == [] and sides.came[1] == [b"mine"]
    sides.pair.ends[0].came += frame(b"mine")
    sides.run(5)
    assert sides.came[0] == [b"mine"], "the other side may say the same"


def test_without_echoes_a_side_soon_takes_a_frame_that_is_the_same_as_its_own():
    """Both sides may stop a session with the same bytes."""
    sides = Sides()
    for number in range(10):
        sides.links[0].flush([b"question %d" % number])
        sides.run(30)
        sides.links[1].flush([b"answer %d" % number])
        sides.run(30)
    for link in sides.links:
        link.flush([b"the same"])
        sides.run(30)
    assert sides.came[0][-1] == sides.came[1][-1] == b"the same"


def test_a_side_waits_while_the_other_one_speaks():
    sides = Sides()
    sides.links[0].flush([bytes(range(1, 200))])
    sides.run(3)
    sides.links[1].flush([b"later"])
    sides.run(40)
    assert sides.pair.collisions == 0
    assert sides.came[0] == [b"later"]


def test_noise_before_a_frame_does_not_cost_the_frame():
    sides = Sides()
    sides.pair.ends[1].came += b"\xff\x12\x34"
    sides.links[0].flush([b"good"])
    sides.run(20)
    assert sides.came[1] == [b"good"] and sides.links[1].dropped == 1


def test_a_board_without_a_random_source_uses_its_ticks():
    board = MemoryBoard({"link": Pair().ends[0]})

    def no_random(size):
        raise ValueError("the board has no random source")

    board.random = no_random
    link = open_link(check_link({"kind": "rs485"}), board)
    link.flush([b"payload"])
    assert link.bytes_sent


class Rs485Loops(TwoLoops):
    """Both firmwares on one pair."""

    def __init__(self, **pair):
        self.pair = Pair(**pair)
        link = {"kind": "rs485", "baud": pair.get("baud", 115_200)}
        super().__init__(
            {"link": link, "credit": 3_200, "packet_ms": 1_000},
            {"link": link, "prepay": 3_200, "budget": 1 << 40},
            Meter(),
            Meter(),
            3_600_000,
            boards=[MemoryBoard({"link": end}) for end in self.pair.ends],
            step_ms=2,
        )

    def pass_time(self, step_ms):
        self.pair.advance(step_ms)


@pytest.mark.parametrize(("baud", "echo"), [(115_200, False), (115_200, True), (38_400, True)])
def test_a_whole_session_over_one_pair(baud, echo):
    loops = Rs485Loops(baud=baud, echo=echo)
    assert loops.run(30_000, lambda: loops.pole.status().get("packets", 0) >= 10)
    assert loops.contact
    loops.pole.stop(errors.OWNER_STOP)
    assert loops.run(
        5_000,
        lambda: loops.pole.status().get("receipt") and loops.vehicle.status().get("receipt"),
    )
    assert loops.pole.status()["receipt"] == loops.vehicle.status()["receipt"]
    assert loops.closings == 1
