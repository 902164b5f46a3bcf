"""A pole that lies about the past when a vehicle comes back gains at most one prepayment.

The pole's side is the real payee. A test changes its record, its price or its meter behind its
back; then everything that the pole says agrees with the lie.
"""

from joulestream import errors
from joulestream.device import journal_keys
from joulestream.messages import ACCEPT, HELLO, INVOICE, OFFER, TARIFF_ACCEPT
from joulestream.testkit.certificates import KEYS, NOW_S, certificate, terms
from joulestream.testkit.flash import mount
from joulestream.testkit.pair import PACKET_PRICE, PRICE, Pair, RamFlash
from joulestream.units import energy_from_power
from joulestream.vehicle.wallet import Wallet

CHANNEL_ID = terms().channel_id()
PREPAY = 2 * PACKET_PRICE
CHEAP = 100_000
# Energy that flows at maximum power until the pole has stopped (tail_mwh), counted once.
LAG_MWH = energy_from_power(11_500_000, 2_000 + 300)
# Two registers, each with steps of 1 Wh.
STEPS_MWH = 2_000
COMING_BACK = {"reconnect_ms": 40}
LOST = errors.LINK_TIMEOUT


def justified(own_mwh, price_per_kwh=PRICE):
    """Return the most that a vehicle may sign after its own meter counted `own_mwh`."""
    return (own_mwh * 103 // 100 + STEPS_MWH) * price_per_kwh // 1_000_000 + PREPAY


def signed(world, channel_id=CHANNEL_ID):
    """Return the highest amount that was signed, as the wallet's journal holds it."""
    channel = world.wallet.load(channel_id)
    return 0 if channel is None else channel.signed


def come_back(world, **changes):
    """Let the pole vanish, and come again with fields of its record changed."""
    world.payee.session.abort()
    world.payee.charging = None
    record = world.payee_records.load(CHANNEL_ID)
    for name in changes:
        setattr(record, name, changes[name])
    # An honest pole stores no record that shrinks. So the lie goes straight into the journal, and
    # the pole mounts its records anew.
    world.pole_journal.erase_ahead()
    world.pole_journal.put(journal_keys.PAYEE_RECORD + CHANNEL_ID, record.to_bytes())
    world.payee_records.__init__(world.pole_journal, world.pole_config.max_channels)


def answer(world):
    """Wait until the vehicle paid in a new session, or refused one."""
    world.payer.packets = 0
    world.payer.last_stop = None
    world.run(lambda: world.payer.packets or world.payer.last_stop not in (None, LOST))


def price(world, price_per_kwh):
    world.pole_config.prices[0].price_per_kwh = price_per_kwh


def test_an_offer_that_moves_the_record_gains_no_more_than_the_prepayment():
    lies = (
        lambda channel: {"energy_mwh": 0, "amount_due": channel.amount_due},
        lambda channel: {"energy_mwh": channel.energy_mwh // 2, "amount_due": channel.amount_due},
        lambda channel: {"energy_mwh": 0, "amount_due": 0, "remainder": 0},
        lambda channel: {"amount_due": channel.amount_due + PACKET_PRICE},
        lambda channel: {"amount_due": channel.amount_due + 100 * PACKET_PRICE},
        lambda channel: {"remainder": 999_999, "energy_mwh": channel.energy_mwh + 1},
        lambda channel: {"remainder": 0xFFFFFFFF},
        lambda channel: {"energy_mwh": channel.energy_mwh + 1_000_000},
        lambda channel: {
            "energy_mwh": channel.energy_mwh + 10_000,
            "amount_due": channel.amount_due + 10 * PACKET_PRICE,
        },
    )
    for lie in lies:
        world = Pair(vehicle=COMING_BACK)
        world.charge(12)
        world.own_percent = 0
        most = justified(world.own_energy_mwh)
        for _ in range(4):
            come_back(world, **lie(world.wallet.load(CHANNEL_ID)))
            world.steps(250)
            assert signed(world) <= most, (lies.index(lie), signed(world), most)
            world.replug()


def test_a_cheap_session_makes_no_invented_energy_payable_at_the_full_price():
    """The own meter counts nothing; only the pole says that energy flowed."""
    histories = (
        ((0, 0), (0, 5_000_000), (PRICE, 0)),
        ((0, 5_000_000), (PRICE, 5_000_000), (PRICE, 0)),
        ((1, 0), (1, 5_000_000), (PRICE, 0)),
        ((1, 5_000_000), (PRICE, 0), (PRICE, 5_000_000)),
    )
    for history in histories:
        world = Pair(vehicle=COMING_BACK)
        world.own_percent = 0
        world.step_energy_mwh = 1_000
        for price_per_kwh, energy_mwh in history:
            price(world, price_per_kwh)
            come_back(world, energy_mwh=energy_mwh)
            world.steps(250)
            assert signed(world) <= justified(0)
            world.replug()


def test_a_unit_more_with_every_reconnect_is_bounded_by_the_prepayment_in_total():
    """With a price of 32 units per kWh, 1 mWh can round up to a whole unit at each reconnect."""
    prepay = 2
    world = Pair(
        pole={"prices": [{"from_s": 0, "price_per_kwh": 32}], "credit": 1, "prepay": 1},
        vehicle={"reconnect_ms": 40, "prepay": prepay, "max_price_per_kwh": 40},
    )
    world.charge(40)
    world.step_energy_mwh = 0
    channel = world.wallet.load(CHANNEL_ID)
    most = channel.amount_due + prepay
    for _ in range(8):
        channel = world.wallet.load(CHANNEL_ID)
        changes = {"energy_mwh": channel.energy_mwh + 1, "amount_due": channel.amount_due + 1}
        come_back(world, **changes)
        world.steps(120)
        assert world.wallet.load(CHANNEL_ID).amount_due <= most
        assert signed(world) <= most


def test_energy_drawn_elsewhere_does_not_become_billable():
    def unplugged(world):
        world.plugged = False

    def unanswered(world):
        world.bend = lambda sender, payload: []

    for elsewhere in (unplugged, unanswered):
        world = Pair(vehicle=COMING_BACK)
        world.charge(12)
        world.replug()
        here_mwh = world.own_energy_mwh
        elsewhere(world)
        for _ in range(150):
            world.own_energy_mwh += 100_000
            world.step()
        world.bend = None
        world.plugged = True
        world.own_percent = 0
        for _ in range(3):
            channel = world.wallet.load(CHANNEL_ID)
            come_back(
                world,
                energy_mwh=channel.energy_mwh + 100_000,
                amount_due=channel.amount_due + LAG_MWH * PRICE // 1_000_000,
            )
            world.steps(400)
            assert signed(world) <= justified(here_mwh + LAG_MWH)
            world.replug()


def withheld(world):
    """Let energy flow at the cheap price; the pole sends no invoice for it yet."""
    world.charge(3)
    world.pole_percent = 0
    world.run(lambda: world.clock.time_s(world.now_ms) >= NOW_S + 14)
    world.pole_percent = 100
    world.own_percent = 0
    return world.own_energy_mwh


def test_a_price_raised_after_the_fact():
    """The new price would begin at the last invoice, but more energy has flowed since."""
    prices = [
        {"from_s": 0, "price_per_kwh": CHEAP},
        {"from_s": NOW_S + 15, "price_per_kwh": 4 * CHEAP},
    ]
    world = Pair(pole={"prices": prices, "packet_ms": 1_000})
    own_mwh = withheld(world)
    world.run(lambda: world.payee.charging is None)
    assert world.payer.last_stop == errors.BAD_FIELD
    assert signed(world) <= justified(own_mwh, CHEAP)


def test_a_price_raised_after_the_fact_through_a_reconnect():
    cheap = [{"from_s": 0, "price_per_kwh": CHEAP}]
    world = Pair(pole={"prices": cheap, "packet_ms": 1_000}, vehicle=COMING_BACK)
    own_mwh = withheld(world)
    for _ in range(3):
        price(world, 4 * CHEAP)
        come_back(world)
        world.steps(1_500)
        # The vehicle cannot tell one step of its meter from energy of the new session.
        assert signed(world) <= justified(own_mwh, CHEAP) + 1_000 * 4 * CHEAP // 1_000_000
        world.replug()


def tariff_ahead():
    """Charge until the vehicle accepts a dearer tariff that begins later; return the world."""
    prices = [
        {"from_s": 0, "price_per_kwh": CHEAP},
        {"from_s": NOW_S + 1, "price_per_kwh": 4 * CHEAP},
    ]
    world = Pair(pole={"prices": prices}, vehicle=COMING_BACK)
    world.run(lambda: world.payer.tariff and world.payer.tariff.next_price_per_kwh)
    return world


def unbilled(world, energy_mwh):
    """Let `energy_mwh` flow that the pole does not bill; return the record before that."""
    channel = world.wallet.load(CHANNEL_ID)
    world.pole_percent = 0
    until_mwh = world.own_energy_mwh + energy_mwh
    world.run(lambda: world.own_energy_mwh >= until_mwh)
    world.own_percent = 0
    return channel


def test_a_debt_carried_over_costs_what_was_agreed_and_not_what_is_agreed_for_later():
    world = tariff_ahead()
    channel = unbilled(world, 4_000)
    own_mwh = world.own_energy_mwh
    assert channel.energy_mwh + 4_000 <= channel.next_from_mwh
    price(world, 4 * CHEAP)
    dear = 4_000 * 4 * CHEAP // 1_000_000
    come_back(world, energy_mwh=channel.energy_mwh + 4_000, amount_due=channel.amount_due + dear)
    answer(world)
    assert world.payer.last_stop == errors.CARRIED_DEBT
    assert signed(world) <= justified(own_mwh, CHEAP)


def near_the_change():
    """Charge until the dearer tariff is about to begin; return the world."""
    world = tariff_ahead()
    world.run(lambda: world.payer.record.energy_mwh + 2_000 > world.payer.tariff.next_from_mwh)
    return world


def test_a_debt_that_contains_both_prices_is_priced_exactly():
    for more, unproven_amount in ((0, 0), (1, 1)):
        world = near_the_change()
        channel = unbilled(world, 4_000)
        cheap_mwh = channel.next_from_mwh - channel.energy_mwh
        assert 0 < cheap_mwh < 2_000 and channel.price_per_kwh == CHEAP
        numerator = cheap_mwh * CHEAP + (4_000 - cheap_mwh) * 4 * CHEAP + channel.remainder
        come_back(
            world,
            energy_mwh=channel.energy_mwh + 4_000,
            amount_due=channel.amount_due + numerator // 1_000_000 + more,
            remainder=numerator % 1_000_000,
        )
        answer(world)
        assert world.wallet.load(CHANNEL_ID).unproven_amount == unproven_amount


def test_a_debt_of_a_session_without_an_invoice_costs_its_price():
    """A cheap session delivers energy before its first invoice; the session before was dear."""
    world = Pair(vehicle=COMING_BACK)
    world.charge(8)
    price(world, CHEAP)
    offers = []

    def bend(sender, payload):
        if payload[0] == OFFER:
            offers.append(payload)
        return [] if payload[0] == INVOICE and len(offers) == 1 else [payload]

    world.bend = bend
    come_back(world)
    channel = world.wallet.load(CHANNEL_ID)
    paid_mwh = world.own_energy_mwh
    world.run(lambda: world.own_energy_mwh >= paid_mwh + 2_000)
    world.own_percent = 0
    dear = 2_000 * PRICE // 1_000_000
    come_back(world, energy_mwh=channel.energy_mwh + 2_000, amount_due=channel.amount_due + dear)
    answer(world)
    most = dear - 2_000 * CHEAP // 1_000_000
    assert world.wallet.load(CHANNEL_ID).unproven_amount in range(most - 1, most + 2)


def test_prices_are_stored_before_they_are_accepted():
    seen = []

    def bend(sender, payload):
        if payload[0] in (ACCEPT, TARIFF_ACCEPT):
            seen.append(payload[0])
            journal = mount(world.vehicle_flash.copy())
            wallet = Wallet(KEYS["payer"], journal, [certificate()], 500_000, "always")
            channel = wallet.load(CHANNEL_ID)
            prices = (channel.price_per_kwh, channel.next_price_per_kwh)
            assert prices == (CHEAP, CHEAP if payload[0] == ACCEPT else 4 * CHEAP)
        return [payload]

    prices = [
        {"from_s": 0, "price_per_kwh": CHEAP},
        {"from_s": NOW_S + 1, "price_per_kwh": 4 * CHEAP},
    ]
    world = Pair(pole={"prices": prices})
    world.bend = bend
    world.run(lambda: TARIFF_ACCEPT in seen)
    assert ACCEPT in seen


def two_poles(refused):
    """Charge at one pole, then at another; that one refuses the vehicle's greeting `refused`."""
    other = terms(payee_key=KEYS["stranger"].public_key)
    budget = 20_000
    world = Pair(
        vehicle={"reconnect_ms": 40, "budget": budget},
        certificates=[certificate(), certificate(other)],
    )
    world.charge(20)
    world.replug()
    first = world.wallet.load(CHANNEL_ID).to_bytes()
    here_mwh = world.own_energy_mwh
    world.pole_flash = RamFlash()
    world.boot_pole(NOW_S, "stranger")
    greetings = [0]

    def bend(sender, payload):
        if payload[0] == HELLO:
            greetings[0] += 1
            bad = greetings[0] == refused
            world.pole_meter.reason = errors.METER_SILENT if bad else 0
        return [payload]

    world.bend = bend
    world.charge(20)
    assert greetings[0] >= 3
    assert world.wallet.load(CHANNEL_ID).to_bytes() == first
    there = world.wallet.load(other.channel_id())
    assert there.signed == world.payee.charging.record.amount
    assert there.signed <= justified(world.own_energy_mwh - here_mwh)
    assert world.wallet.budget_left == budget - signed(world) - there.signed
    world.run(lambda: world.payer.last_stop == errors.BUDGET_EXHAUSTED)
    assert signed(world) + signed(world, other.channel_id()) <= budget


def test_a_vehicle_with_two_channels_keeps_their_records_apart():
    """The vehicle greets with the wrong channel first, and the other pole refuses a greeting."""
    two_poles(refused=1)
    two_poles(refused=2)


def test_the_energy_wanted_counts_over_reconnects_until_the_plug_is_pulled():
    wanted_mwh = 20_000
    world = Pair(vehicle={"reconnect_ms": 40, "energy_wanted_mwh": wanted_mwh})
    for visit in (1, 2):
        for count in (6, 12):
            world.charge(count)
            come_back(world, energy_mwh=world.payee.last_charging.energy_mwh())
        world.run(lambda: world.payer.last_stop == errors.ENERGY_REACHED)
        billed_mwh = world.payer.record.billed_mwh
        assert abs(billed_mwh - visit * wanted_mwh) <= visit * 4_000, billed_mwh
        world.replug()
