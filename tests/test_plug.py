"""The vehicle's side of the pilot: it asks for power only with a session and a current."""

from types import SimpleNamespace

import pytest

from joulestream.session import ACCEPTED, CLOSED, IDLE, OPEN, STOPPING
from joulestream.testkit.board import MemoryBoard
from joulestream.testkit.meter import Meter
from joulestream.testkit.two_loops import TwoLoops
from joulestream.vehicle.plug import Plug


class Car(MemoryBoard):
    """A vehicle's board that notes the orders to switch and charger, in their order."""

    def __init__(self):
        super().__init__()
        self.orders = []
        self.offer = 16_000

    def offered_ma(self):
        return self.offer

    def pilot_switch(self, closed):
        self.orders.append(closed)

    def charger_limit_ma(self, limit_ma):
        self.orders.append(limit_ma)


def payer(state):
    return SimpleNamespace(session=SimpleNamespace(state=state))


def test_a_vehicle_starts_without_asking():
    board = Car()
    plug = Plug(board)
    assert board.orders == [0, False] and not plug.asks


@pytest.mark.parametrize("state", [IDLE, ACCEPTED, STOPPING, CLOSED])
def test_without_an_open_session_it_asks_for_nothing(state):
    board = Car()
    plug = Plug(board)
    plug.follow(payer(OPEN), True, 0)
    assert plug.asks and board.orders[-2:] == [16_000, True], "the limit comes first"
    plug.follow(payer(state), True, 1)
    assert not plug.asks and board.orders[-2:] == [0, False]


def test_an_unplugged_vehicle_asks_for_nothing():
    plug = Plug(Car())
    plug.follow(payer(OPEN), True, 0)
    plug.follow(payer(OPEN), False, 1)
    assert not plug.asks and plug.limit_ma == 0


def test_a_pause_of_the_pole_is_followed():
    board = Car()
    plug = Plug(board)
    steps = ((0, 16_000, 16_000), (1_000, 5_999, 0), (2_000, 8_000, 8_000))
    for now_ms, offered_ma, told_ma in steps:
        board.offer = offered_ma
        plug.follow(payer(OPEN), True, now_ms)
        assert (plug.limit_ma, plug.asks) == (told_ma, told_ma > 0)


def test_a_board_that_reads_no_duty_leaves_the_current_to_the_charger():
    board = Car()
    board.offer = None
    plug = Plug(board)
    plug.follow(payer(OPEN), True, 0)
    assert plug.asks and plug.limit_ma == 80_000


def test_an_exception_in_the_vehicles_loop_asks_for_no_power():
    world = TwoLoops({}, {"prepay": 5_000}, Meter(), Meter(), 11_000_000)
    loop = world.vehicle
    assert world.run(30_000, lambda: loop.plug.asks)

    def fail(*arguments):
        raise RuntimeError("a fault")

    loop.payer.step = fail
    with pytest.raises(RuntimeError):
        loop.step(world.now_ms)
    assert not loop.plug.asks
