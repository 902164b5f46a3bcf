"""Current flows steadily: no payment that comes in time opens the contactor, at any price."""

from joulestream import errors
from joulestream.messages import UPDATE
from joulestream.pole.contactor import ORDERLY_STOP_MS
from joulestream.runtime.pilot import PILOT_B, PILOT_C
from joulestream.testkit.certificates import NOW_S
from joulestream.testkit.pair import PACKET_PRICE, PRICE, STEP_MS, Pair
from joulestream.testkit.pole_bench import PoleBench

# 11.5 kW in a step of the pair.
FULL_STEP_MWH = 11_500_000 * STEP_MS // 3_600_000


def openings(world, steps):
    """Return how often the pair's pole stops energising in so many steps."""
    count = 0
    before = world.payee.may_energise()
    for _ in range(steps):
        world.step()
        now = world.payee.may_energise()
        count += before and not now
        before = now
    return count


def test_the_least_cover_that_is_accepted_keeps_the_contactor_closed():
    """Each first UPDATE is lost, so that a payment takes 270 ms. Packets are short and long."""
    for packet_mwh, credit, prepay in (
        (1_000, 640, 0),
        (1_000, 0, 640),
        (1_000, 320, 320),
        (2_500, 1_024, 0),
        (10_000, 3_200, 0),
        (10_000, 0, 3_200),
    ):
        patient = {"link_timeout_ms": 6_000}
        world = Pair(
            pole={
                "packet_energy_mwh": packet_mwh,
                "packet_ms": 4_000,
                "credit": credit,
                "prepay": prepay,
                **patient,
            },
            vehicle={"prepay": 3_200, **patient},
        )
        world.step_energy_mwh = FULL_STEP_MWH
        world.charge(12)
        # With its credit earned, the channel prepays as little as the pole asks for.
        world.replug()
        world.boot_vehicle()
        world.charge(3)
        seen = set()

        def lose(sender, payload, seen=seen):
            first = payload[0] == UPDATE and bytes(payload) not in seen
            seen.add(bytes(payload))
            return [] if first else [payload]

        world.bend = lose
        assert openings(world, 500) == 0, (packet_mwh, credit, prepay)


def test_a_price_without_cover_is_not_announced_and_ends_the_session_in_order():
    world = Pair(vehicle={"prepay": 640, "max_price_per_kwh": 10 * PRICE})
    world.charge(5)
    world.pole_config.prices[0].price_per_kwh = 3 * PRICE
    assert openings(world, 1) == 1
    pole_reason, vehicle_reason = world.run_to_stop()
    assert pole_reason == vehicle_reason == errors.PREPAY_TOO_SMALL
    assert world.payee.receipt.reason == errors.PREPAY_TOO_SMALL
    assert world.payee.receipt.amount_paid >= world.payee.receipt.amount_due


def test_a_price_that_the_schedule_knows_is_covered_from_the_start():
    prices = [
        {"from_s": 0, "price_per_kwh": PRICE},
        {"from_s": NOW_S + 5, "price_per_kwh": 2 * PRICE},
    ]
    world = Pair(
        pole={"prices": prices, "credit": 0, "prepay": 4 * PACKET_PRICE},
        vehicle={"prepay": 4 * PACKET_PRICE, "max_price_per_kwh": 10 * PRICE},
    )
    world.step_energy_mwh = FULL_STEP_MWH
    world.charge(3)
    assert openings(world, 1_000) == 0
    assert world.payee.charging.tariff.price_per_kwh == 2 * PRICE


def covered_bench():
    """Return a bench with credit enough for an orderly stop, and the list of its pauses."""
    bench = PoleBench(credit=20_000, link_timeout_ms=60_000)
    pauses = []
    bench.board.pause = lambda paused: pauses.append((paused, bench.at_ms, bench.outlet.coil))
    bench.charge()
    # A payment of 20,000 earns all of the credit.
    while bench.payee.charging.credit < 20_000:
        bench.step()
    return bench, pauses


def test_non_payment_opens_in_order():
    bench, pauses = covered_bench()
    bench.paying = False
    bench.run(lambda: pauses and pauses[-1][0])
    asked_ms = pauses[-1][1]
    assert pauses[-1][2], "the coil is still driven"
    bench.run(lambda: not bench.outlet.coil)
    assert asked_ms + ORDERLY_STOP_MS <= bench.at_ms <= asked_ms + ORDERLY_STOP_MS + 2 * STEP_MS
    assert bench.payee.charging.unpaid < 20_000, "the stop began early enough"
    bench.run_ms(10_000)
    assert not bench.outlet.coil and pauses[-1][0]


def test_non_payment_opens_as_soon_as_the_vehicle_draws_nothing():
    bench, pauses = covered_bench()
    bench.paying = False
    bench.run(lambda: pauses and pauses[-1][0])
    bench.run_ms(1_000)
    assert bench.outlet.coil
    bench.outlet.power_mw = 0
    bench.board.pilot = PILOT_B
    bench.step()
    assert not bench.outlet.coil


def test_a_payment_ends_an_orderly_stop():
    bench, pauses = covered_bench()
    bench.paying = False
    bench.run(lambda: pauses and pauses[-1][0])
    asked_ms = pauses[-1][1]
    bench.outlet.power_mw = 0
    bench.board.pilot = PILOT_B
    bench.run_ms(500)
    bench.paying = True
    bench.run(lambda: not pauses[-1][0])
    assert pauses[-1][1] - asked_ms >= 5_000, "the pilot's duty changes rarely"
    bench.board.pilot = PILOT_C
    bench.outlet.power_mw = 11_000_000
    bench.run(lambda: bench.outlet.contact)


def test_without_cover_non_payment_opens_at_once():
    bench = PoleBench()
    pauses = []
    bench.board.pause = lambda paused: pauses.append((paused, bench.outlet.coil))
    bench.charge()
    bench.paying = False
    bench.run(lambda: not bench.outlet.coil)
    assert (True, True) not in pauses, "the vehicle is not asked first"
    assert bench.payee.charging.unpaid >= bench.payee.charging.credit


def test_a_fault_opens_at_once_though_a_stop_is_covered():
    bench, pauses = covered_bench()
    bench.meter.set_fault("backward")
    bench.run(lambda: not bench.outlet.coil)
    assert not (pauses[-1][0] and pauses[-1][2]), "the vehicle is not asked first"
    assert bench.payee.last_stop == errors.METER_BACKWARD


def test_a_vehicle_refuses_a_price_at_which_its_prepayment_covers_no_packet():
    world = Pair(
        pole={"packet_energy_mwh": 10_000, "credit": 3_200, "prepay": 0},
        vehicle={"prepay": 3_200, "max_price_per_kwh": 100 * PRICE},
    )
    world.step_energy_mwh = FULL_STEP_MWH
    world.charge(12)
    world.payee.charging.covers = lambda price_per_kwh: True
    world.pole_config.prices[0].price_per_kwh = 10 * PRICE
    assert world.run_to_stop() == (errors.PREPAY_TOO_SMALL, errors.PREPAY_TOO_SMALL)
