"""A session that the power cut is closed and billed by the meter's register, never guessed."""

from joulestream.meter.estimate import EnergyEstimate
from joulestream.meter.reading import Reading
from joulestream.pole.recovery import SessionLog
from joulestream.testkit.certificates import terms
from joulestream.testkit.pair import PACKET_PRICE, PRICE, Meter, Pair
from joulestream.units import amount_from_numerator, energy_from_power, packet_amount

CHANNEL_ID = terms().channel_id()
LARGEST_DUE = (1 << 64) - 1
LARGEST_MWH = (1 << 48) - 1


def record(world):
    return world.payee_records.load(CHANNEL_ID)


def cut_pole(world, register_mwh=None):
    """Take the pole's power in mid-session and give it back; its register may have moved."""
    if register_mwh is not None:
        world.pole_energy_mwh = register_mwh
    world.now_ms += 500
    world.boot_pole(1_790_000_100)
    return world


def charging(packets=8, **world):
    there = Pair(**world)
    there.charge(packets)
    there.run(lambda: there.payee.may_energise())
    return there


def test_what_flowed_after_the_last_stored_update_is_billed_at_the_next_start():
    world = charging(vehicle={"reconnect_ms": 40})
    before = record(world)
    flowed_mwh = world.pole_energy_mwh
    assert flowed_mwh > before.energy_mwh, "something is unbilled"
    cut_pole(world)
    world.run(lambda: world.payee.books.is_recovered)
    after = record(world)
    assert after.energy_mwh == flowed_mwh
    assert after.amount_due == amount_from_numerator(flowed_mwh * PRICE)
    assert after.amount == before.amount
    # Once, however often it starts.
    for _ in range(3):
        cut_pole(world)
        world.run(lambda: world.payee.books.is_recovered)
        assert record(world).to_bytes() == after.to_bytes()
    world.charge(3)


def test_it_is_due_first_when_the_vehicle_comes_again():
    world = charging(vehicle={"reconnect_ms": 40})
    world.steps(3)
    flowed_mwh = world.pole_energy_mwh
    cut_pole(world)
    world.charge(3)
    assert world.payee.charging.start_energy_mwh == flowed_mwh
    assert world.payee.charging.record.amount >= amount_from_numerator(flowed_mwh * PRICE)


def most_mwh(world):
    """Return the bound on the energy that is billed after a power cut, in mWh."""
    config = world.pole_config
    late_ms = config.meter.timeout_ms + 2 * config.link_timeout_ms + config.contactor_hold_ms
    late_mwh = energy_from_power(config.max_power_mw, late_ms)
    return late_mwh + config.packet_energy_mwh + 2 * Meter().step_mwh


def test_the_registers_word_is_billed_up_to_the_bound_and_once():
    """It stands still, moves on, moves on by far too much, or has begun anew from 0."""
    for register_mwh, expected_mwh in (
        (5_000, 0),
        (5_700, 700),
        (12_345_678, most_mwh(charging())),
        (0, 0),
        (700, 700),
        (1_999, 1_999),
    ):
        world = charging()
        log = SessionLog(world.pole_config, world.pole_journal, world.payee_records)
        meter = Meter()
        meter.register_mwh = 5_000
        before = record(world)
        log.open(CHANNEL_ID, meter, before.energy_mwh, world.payee.charging.tariff)
        meter.register_mwh = register_mwh
        for _ in range(2):
            world.boot_pole(1_790_000_100)
            world.books.recover(meter)
            after = record(world)
            assert after.energy_mwh - before.energy_mwh == expected_mwh, register_mwh
            assert after.amount_due == amount_from_numerator(after.energy_mwh * PRICE)
            assert after.amount == before.amount


def test_a_session_that_began_inside_a_step_of_the_register_bills_nothing_made_up():
    """The entry is ahead of the register then, and the register has not gone back.

    Steps of 10 Wh that nobody declared are forgotten at the start. They fit into a packet.
    """

    class Ahead(Meter):
        register_total_mwh = 0

    coarse = {"packet_energy_mwh": 10_000, "credit": 20 * PACKET_PRICE}
    for pole, ahead_mwh in (({}, 900), (coarse, 9_900)):
        world = charging(pole=pole, vehicle={"prepay": 20 * PACKET_PRICE})
        log = SessionLog(world.pole_config, world.pole_journal, world.payee_records)
        before = record(world)
        meter = Ahead()
        meter.register_mwh = 5_000
        meter.total_mwh = before.energy_mwh + ahead_mwh
        log.open(CHANNEL_ID, meter, before.energy_mwh, world.payee.charging.tariff)
        world.boot_pole(1_790_000_100)
        world.books.recover(meter)
        assert record(world).to_bytes() == before.to_bytes()


def test_no_more_is_billed_than_the_credit_allows():
    """With a debt as high as the bound, the contactor was open and nothing more flowed."""
    world = charging()
    config = world.pole_config
    most_due = record(world).amount + config.credit + packet_amount(PRICE, most_mwh(world))
    for below in (0, 100):
        world = charging()
        stored = record(world)
        stored.amount_due = most_due - below
        world.payee_records.store(CHANNEL_ID, stored)
        cut_pole(world, world.pole_energy_mwh + 5_000)
        world.run(lambda: world.payee.books.is_recovered)  # noqa: B023
        assert most_due - 1 <= record(world).amount_due <= most_due


def billed_mwh(link_timeouts):
    """Return the energy that is billed after a cut, and whether that is all that flowed.

    The register goes on as in so many link timeouts at full power. The price is so low that the
    credit sets no limit.
    """
    world = charging(pole={"prices": [{"from_s": 0, "price_per_kwh": 1}]})
    before_mwh = record(world).energy_mwh
    config = world.pole_config
    more_mwh = energy_from_power(config.max_power_mw, link_timeouts * config.link_timeout_ms)
    cut_pole(world, before_mwh + more_mwh)
    world.run(lambda: world.payee.books.is_recovered)
    billed = record(world).energy_mwh - before_mwh
    return billed, billed == more_mwh


def test_a_register_that_went_further_than_can_have_flowed_bills_the_bound_however_cheap():
    assert billed_mwh(2)[1]
    assert billed_mwh(4) == (most_mwh(charging()), False)


def test_nothing_is_offered_before_it_is_settled():
    world = charging(vehicle={"reconnect_ms": 40})
    world.meter_reason = 80
    cut_pole(world)
    world.steps(100)
    assert world.payee.charging is None and not world.payee.books.is_recovered
    world.meter_reason = 0
    world.charge(3)


def test_a_store_that_fails_while_settling_is_tried_again():
    world = charging()
    flowed_mwh = world.pole_energy_mwh
    cut_pole(world)
    program = world.pole_flash.writeblocks

    def fail(*arguments):
        raise OSError(5)

    world.pole_flash.writeblocks = fail
    world.steps(5)
    assert not world.payee.books.is_recovered
    world.pole_flash.writeblocks = program
    world.run(lambda: world.payee.books.is_recovered)
    assert record(world).energy_mwh == flowed_mwh


def test_a_tariff_change_that_was_agreed_counts():
    cheap = PRICE // 2
    prices = [
        {"from_s": 0, "price_per_kwh": PRICE},
        {"from_s": 1_790_000_003, "price_per_kwh": cheap},
    ]
    world = Pair(pole={"prices": prices})
    world.run(
        lambda: (
            world.payee.charging is not None
            and world.payee.charging.tariff.next_price_per_kwh == cheap
        )
    )
    from_mwh = world.payee.charging.tariff.next_from_mwh
    world.run(lambda: world.pole_energy_mwh > from_mwh - 400)
    # The power goes; the register shows that the change was passed.
    numerator = from_mwh * PRICE + 500 * cheap
    cut_pole(world, from_mwh + 500)
    world.run(lambda: world.payee.books.is_recovered)
    assert record(world).amount_due == amount_from_numerator(numerator)


def test_an_orderly_end_leaves_nothing_to_settle():
    world = charging()
    world.plugged = False
    world.run(lambda: world.payee.charging is None)
    before = record(world)
    world.plugged = True
    # Another consumer behind the same meter is nobody's session.
    cut_pole(world, world.pole_energy_mwh + 2_000)
    world.steps(3)
    assert record(world).to_bytes() == before.to_bytes()


def test_what_was_billed_ahead_of_the_register_is_not_billed_again():
    world = charging()
    ahead_mwh = 700
    meter = Meter()
    log = SessionLog(world.pole_config, world.pole_journal, world.payee_records)
    # The register stood at 5000 when the channel had 900; now it says that 200 less than was
    # billed has flowed.
    stored = record(world)
    meter.register_mwh = 5_000
    log.open(CHANNEL_ID, meter, stored.energy_mwh - ahead_mwh, world.payee.charging.tariff)
    log.close()
    world.boot_pole(1_790_000_100)
    world.books.recover(meter)
    assert meter.skipped_mwh == ahead_mwh
    assert record(world).to_bytes() == stored.to_bytes()


def test_an_estimate_that_skips_counted_energy_counts_the_rest():
    estimate = EnergyEstimate()
    estimate.follow(Reading(0, 5_000, 1_000, 0, 230_000), 1_000, 1 << 30)
    estimate.skip_counted(700)
    totals = []
    for register_mwh in (5_000, 6_000, 7_000):
        estimate.follow(Reading(0, register_mwh, 1_000, 0, 230_000), 1_000, 1 << 30)
        totals.append(estimate.advance(0))
    assert totals == [0, 300, 1_300]


def test_an_estimate_counts_by_the_register_alone_while_nothing_can_flow():
    estimate = EnergyEstimate()
    estimate.follow(Reading(0, 5_000, 1_000, 3_600_000, 230_000), 1_000, 1 << 30)
    estimate.skip_counted(0)  # the register stands exactly at a step
    assert estimate.advance(100) == 100
    estimate.flowing = False
    assert estimate.advance(500) == 100
    estimate.follow(Reading(500, 6_000, 1_000, 3_600_000, 230_000), 1_000, 1 << 30)
    assert estimate.advance(900) == 1_000
    estimate.flowing = True
    assert estimate.advance(1_000) == 1_100


def test_no_stored_figure_keeps_the_pole_from_starting():
    """Figures near the end of their fields stay there; the session is billed and closed."""
    for amount_due, energy_mwh in ((LARGEST_DUE - 9, 0), (0, LARGEST_MWH - 9)):
        world = charging()
        meter = Meter()
        meter.register_mwh = 5_000
        before = record(world)
        before.amount_due = max(before.amount_due, amount_due)
        before.energy_mwh = max(before.energy_mwh, energy_mwh)
        log = SessionLog(world.pole_config, world.pole_journal, world.payee_records)
        log.open(CHANNEL_ID, meter, before.energy_mwh, world.payee.charging.tariff)
        world.payee_records.store(CHANNEL_ID, before)
        meter.register_mwh = 7_000
        for _ in range(2):
            world.boot_pole(1_790_000_100)
            world.books.recover(meter)
            assert world.books.is_recovered
        # Contacts that weld bill more and more to the last session.
        meter.total_mwh += 2_000
        world.books.bill_rest(meter)
        assert world.books.total_mwh == meter.total_mwh
        after = record(world)
        assert after.amount == before.amount
        if amount_due:
            assert after.amount_due == LARGEST_DUE
        else:
            assert after.energy_mwh == LARGEST_MWH
            assert after.amount_due == before.amount_due + 4 * PACKET_PRICE
