"""The audit accuses no honest pole: not when the price changes, nor without a meter."""

from joulestream.errors import LINK_TIMEOUT, OVERBILLED
from joulestream.testkit.certificates import NOW_S
from joulestream.testkit.meter import Meter
from joulestream.testkit.pair import METER, PACKET_PRICE, PRICE, Pair
from joulestream.testkit.two_loops import TwoLoops

DEARER = PRICE * 5 // 4
COMING_BACK = {"reconnect_ms": 40}
# Enough for all the energy that flows while a lost invoice is sent again.
CREDIT = 40 * PACKET_PRICE
CUT_MS = 1_500


def rising():
    """Return a world with a dearer tariff accepted and the channel's credit earned."""
    prices = [
        {"from_s": 0, "price_per_kwh": PRICE},
        {"from_s": NOW_S + 20, "price_per_kwh": DEARER},
    ]
    vehicle = {"audit_wait_ms": 400}
    world = Pair(pole={"prices": prices, "credit": CREDIT}, vehicle=vehicle)
    world.run(lambda: world.payer.tariff and world.payer.tariff.next_price_per_kwh)
    assert world.payee.charging.credit == CREDIT
    return world


def cut(world):
    """Lose every frame for 1.5 s, which is below the link timeout of 2 s."""
    world.bend = lambda sender, payload: []
    end_ms = world.now_ms + CUT_MS
    world.run(lambda: world.now_ms >= end_ms)
    world.bend = None


def goes_on(world, packets=30):
    """Return whether `packets` more packets are paid in the present session."""
    charge = world.payee.charging
    more = charge.packets + packets
    world.run(lambda: world.payee.charging is not charge or charge.packets >= more)
    return charge.packets >= more


def test_frames_lost_while_the_price_rises_are_no_quarrel():
    for steps in range(0, 200, 5):
        world = rising()
        world.steps(steps)
        cut(world)
        assert goes_on(world), (steps, world.payer.last_stop)
        assert world.payer.tariff.price_per_kwh == DEARER


def test_two_cuts_one_after_the_other_are_no_quarrel():
    for steps in range(0, 60, 15):
        world = rising()
        world.steps(steps)
        cut(world)
        assert goes_on(world, 1)
        cut(world)
        assert goes_on(world), (steps, world.payer.last_stop)


def test_a_vehicle_without_a_meter_takes_a_new_tariff():
    """Its PowerBound counts the most that can have flowed, which is more than did."""
    for price_per_kwh in (DEARER, PRICE // 2):
        world = Pair(vehicle={"audit": "power"})
        world.own_percent = 170
        world.charge(20)
        world.pole_config.prices[0].price_per_kwh = price_per_kwh
        assert goes_on(world), world.payer.last_stop
        assert world.payer.tariff.price_per_kwh == price_per_kwh


def at_maximum_power(gain_ppm, audit_percent=3):
    """Return a pair of loops after 200 Wh at the vehicle's maximum power, or after its stop."""
    meter = Meter(5_000_000, gain_ppm=gain_ppm)
    vehicle = {
        "audit": "power",
        "audit_percent": audit_percent,
        "max_power_w": 11_000,
        "prepay": 6_400,
    }
    world = TwoLoops({"meter": METER}, vehicle, meter, Meter(7_000_000), 11_000_000)
    world.run(5_000)  # the pole has no reading of its meter at first
    world.run(180_000, lambda: world.flowed_mwh > 200_000 or world.vehicle.payer.last_stop)
    return world


def test_a_vehicle_without_a_meter_draws_its_maximum():
    """The pole's meter counts up to `audit_percent` more of the same power."""
    for gain_ppm, audit_percent in ((0, 0), (20_000, 3), (29_000, 3), (40_000, 5)):
        world = at_maximum_power(gain_ppm, audit_percent)
        assert world.vehicle.payer.last_stop is None, gain_ppm
        assert world.flowed_mwh > 200_000, gain_ppm


def test_a_vehicle_without_a_meter_pays_no_more_than_is_tolerated():
    for gain_ppm, audit_percent in ((20_000, 0), (60_000, 3)):
        world = at_maximum_power(gain_ppm, audit_percent)
        assert world.vehicle.payer.last_stop == OVERBILLED, gain_ppm


def test_a_vehicle_without_a_meter_reboots_and_pays_what_it_owes():
    vehicle = {"audit": "power"}
    vehicle.update(COMING_BACK)
    world = Pair(vehicle=vehicle)
    world.charge(20)
    for _ in range(5):
        world.bend = lambda sender, payload: []  # as if the vehicle had no power
        world.run(lambda: world.payee.charging is None)
        assert world.payee.last_stop == LINK_TIMEOUT
        world.bend = None
        world.own_energy_mwh = 0
        world.boot_vehicle()
        world.run(lambda: world.payee.charging is not None)
        assert goes_on(world, 5)
    channel = world.wallet.load(world.certificates[0].channel_id)
    assert channel.unproven_amount == 0
