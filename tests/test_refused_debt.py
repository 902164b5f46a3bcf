"""A debt that the vehicle refused locks no deposit: its owner pays it or leaves it.

A state that is old is no worse than one that is gone: the own signature is proof.
"""

import pytest

from joulestream import errors, messages
from joulestream.channel import Claim
from joulestream.device import journal_keys
from joulestream.host_tools import wallet
from joulestream.messages import ACCEPT, INVOICE, UPDATE
from joulestream.testkit.certificates import DAY_S, KEYS, NOW_S, certificate, terms
from joulestream.testkit.flash import RamFlash, mount
from joulestream.testkit.pair import PACKET_PRICE, PRICE, Pair

CHANNEL_ID = terms().channel_id()
COMING_BACK = {"reconnect_ms": 40, "prepay": 2 * PACKET_PRICE}
# More than the vehicle takes on trust.
DEBT = 3 * PACKET_PRICE
CREDIT = 8 * PACKET_PRICE
STEP_MWH = 1_000
STEP_PRICE = PRICE * STEP_MWH // 1_000_000


def charged(packets=12, **pole):
    world = Pair(pole={"credit": CREDIT, **pole}, vehicle=COMING_BACK)
    world.charge(packets)
    return world


def change_pole(world, change):
    """Change the pole's record of the channel in its journal, while no session is open."""
    record = world.payee_records.load(CHANNEL_ID)
    change(record)
    world.pole_journal.erase_ahead()
    world.pole_journal.put(journal_keys.PAYEE_RECORD + CHANNEL_ID, record.to_bytes())
    world.payee_records.__init__(world.pole_journal, world.pole_config.max_channels)


def disputed(amount=DEBT, **pole):
    """Return a pair that stopped with CARRIED_DEBT: energy that only the pole saw."""

    def add(record):
        record.energy_mwh += 3_000
        record.amount_due += amount

    world = charged(**pole)
    world.replug()
    change_pole(world, add)
    world.run(lambda: world.payer.last_stop == errors.CARRIED_DEBT)
    return world


def decide(world, decision):
    """Let the owner decide on the stopped vehicle's journal; return the amount."""
    journal = mount(world.vehicle_flash)
    journal.erase_ahead()
    amount = decision(journal, CHANNEL_ID)
    world.boot_vehicle()
    return amount


def goes_on(world, packets=10):
    """Return whether the channel charges on."""
    world.payer.packets = 0
    world.run(
        lambda: (
            world.payer.packets >= packets
            or world.payer.last_stop in (errors.CARRIED_DEBT, errors.PREPAY_TOO_SMALL)
        )
    )
    return world.payer.packets >= packets


def test_the_owner_sees_the_refused_debt():
    world = disputed()
    (channel,) = wallet.channels(mount(world.vehicle_flash.copy()))
    assert channel.channel_id == CHANNEL_ID and channel.is_newest
    record = channel.record
    assert 0 < record.refused_amount <= DEBT
    assert 0 < record.refused_mwh <= 3_000
    assert channel.prepaid == record.signed - record.amount_due


def test_without_a_decision_the_debt_is_refused_again():
    world = disputed()
    world.replug()
    assert not goes_on(world)


def test_a_debt_that_is_paid_opens_the_channel():
    world = disputed()
    due = world.payee_records.load(CHANNEL_ID).amount_due
    assert 0 < decide(world, wallet.pay_refused) <= DEBT
    assert goes_on(world)
    record = world.payer.record
    assert record.signed >= due and record.left_amount == 0
    assert record.unproven_amount <= 1 + STEP_PRICE
    assert record.refused_amount == record.refused_mwh == 0


def test_a_debt_on_trust_leaves_room_for_what_the_poles_register_shows_late():
    """A wallet restored to a state some packets old has lost the own meter's part of that energy.

    The vehicle tolerates a step of each register, and the step that it kept.
    """
    for late_mwh, reason in ((3 * STEP_MWH - 100, None), (5 * STEP_MWH, errors.OVERBILLED)):
        world = Pair(pole={"credit": CREDIT}, vehicle={**COMING_BACK, "prepay": 6 * PACKET_PRICE})
        world.charge(12)
        world.own_energy_mwh += 2 * STEP_MWH
        world.replug()

        def add(record):
            record.energy_mwh += 8_000
            record.amount_due += DEBT

        change_pole(world, add)
        world.run(lambda: world.payee.charging is not None)  # noqa: B023
        assert world.payer.record.unproven_amount
        world.payer.last_stop = None
        world.step_energy_mwh = 0
        world.pole_energy_mwh += late_mwh
        world.steps(100)
        assert world.payer.last_stop == reason, late_mwh


def test_a_debt_that_is_left_opens_the_channel_and_is_never_paid():
    world = disputed()
    left = decide(world, wallet.leave_refused)
    for _ in range(3):
        assert goes_on(world)
        charging = world.payee.charging
        record = world.payer.record
        # The pole goes on asking, and bears the debt as a part of its credit.
        assert record.left_amount == left
        assert record.signed == record.amount_due - left + world.payer.payments.prepay
        assert charging.unpaid <= charging.credit + PACKET_PRICE
        world.replug()
    # The owner may still change its mind, in the pole's favour alone.
    with pytest.raises(wallet.RefusedDebtError):
        decide(world, wallet.leave_refused)


def test_a_pole_without_credit_for_it_delivers_nothing_on_a_debt_that_is_left():
    world = disputed(credit=2 * PACKET_PRICE)
    decide(world, wallet.leave_refused)
    assert not goes_on(world)
    assert world.payer.last_stop == errors.PREPAY_TOO_SMALL


def test_a_debt_that_is_left_leaves_cover_for_a_steady_current():
    """Credit that the debt uses up counts neither for the cover nor for an orderly stop.

    An orderly stop at 11.5 kW costs 6,134 claim units. The credit of 25 packets covers it. With
    the debt it does not.
    """

    def add(record):
        record.amount_due += 9 * PACKET_PRICE

    world = charged(40, credit=25 * PACKET_PRICE)
    assert world.payee.charging.stop_amount
    world.replug()
    change_pole(world, add)
    world.run(lambda: world.payer.last_stop == errors.CARRIED_DEBT)
    decide(world, wallet.leave_refused)
    assert goes_on(world)
    assert world.payee.charging.left and not world.payee.charging.stop_amount
    assert world.payee.may_energise() and not world.payee.must_pause()


def test_a_debt_that_is_left_takes_a_part_of_the_poles_credit():
    """A vehicle that states nothing may leave the credit unpaid, and not one unit more."""
    assert stopped_for(less=0) is None
    assert stopped_for(less=1) == errors.UNDERPAID


def stopped_for(less):
    """Return why the pole stops when `less` than its credit allows is paid."""
    credit = 2 * PACKET_PRICE
    world = disputed(amount=3 * DEBT, credit=credit)
    world.replug()
    world.payee.last_stop = None
    world.bend = pays(world, credit + less)
    decide(world, wallet.pay_refused)
    world.run(lambda: world.payee.last_stop or world.payee.charging is not None)
    world.steps(4)
    assert not world.payee.may_energise()
    return world.payee.last_stop


def pays(world, less):
    """Return a bend: the vehicle states that nothing is due, and pays `less` than is asked.

    It promises a prepayment, since the debt uses up the credit that covers the next packets.
    """
    due = []

    def bend(sender, payload):
        message = messages.decode(bytes(payload))
        if payload[0] == ACCEPT:
            message.amount_due = message.remainder = 0
            message.prepay = 2 * PACKET_PRICE
            message.signature = KEYS["payer"].sign(world.payer.session.signed_text(message))
        elif payload[0] == INVOICE:
            due.append(message.amount_due)
        elif payload[0] == UPDATE:
            message.amount = due[-1] - less
            claim = Claim(CHANNEL_ID).message(message.amount)
            message.signature = KEYS["payer"].sign(claim)
        return [messages.encode(message)]

    return bend


def returns(world, visits=3):
    """Return whether the vehicle charges at each of its next visits."""
    for _ in range(visits):
        world.plugged = False
        world.steps(200)
        world.boot_vehicle()
        world.plugged = True
        if not goes_on(world, 5):
            return False
    return True


def test_a_debt_that_is_left_is_forgotten_when_the_pole_forgets_it():
    """The pole's journal is lost, or is a copy from before the dispute."""
    for is_lost in (True, False):
        world = charged()
        world.replug()
        copy = world.pole_flash.copy()

        def add(record):
            record.energy_mwh += 3_000
            record.amount_due += DEBT

        change_pole(world, add)
        world.run(lambda: world.payer.last_stop == errors.CARRIED_DEBT)  # noqa: B023
        decide(world, wallet.leave_refused)
        assert goes_on(world)
        world.plugged = False
        world.steps(200)
        if is_lost:
            amount = world.payee_records.load(CHANNEL_ID).amount
            later_s = NOW_S + 1_000
            world.certificates[:] = [
                certificate(claimed=amount, issued_at_s=later_s, expires_at_s=later_s + DAY_S)
            ]
        world.pole_flash = RamFlash() if is_lost else copy
        world.boot_pole(NOW_S + 900)
        assert returns(world), is_lost
        assert world.payer.record.left_amount == 0


def test_a_debt_that_is_no_whole_number_can_be_decided():
    """The bill is at its tolerance, so that no spare energy absorbs the rounding."""
    for decision in (wallet.leave_refused, wallet.pay_refused):
        for remainder in (0, 1, 160_000, 500_000):
            world = Pair(pole={"credit": CREDIT}, vehicle=COMING_BACK)
            world.own_percent = 96
            world.charge(12)
            world.replug()

            def add(record, remainder=remainder):
                record.energy_mwh += 3_000
                record.amount_due += DEBT
                record.remainder = (record.remainder + remainder) % 1_000_000

            change_pole(world, add)
            world.run(lambda: world.payer.last_stop == errors.CARRIED_DEBT)  # noqa: B023
            decide(world, decision)
            assert returns(world), (decision, remainder)


def test_a_lower_prepayment_than_the_trust_that_is_spent_leaves_a_decision():
    world = trusting(PACKET_PRICE - 1)
    world.vehicle_config.prepay = 200
    world.replug()
    assert not goes_on(world)
    assert world.payer.last_stop == errors.PREPAY_TOO_SMALL
    assert decide(world, wallet.pay_refused) == PACKET_PRICE - 1


def test_a_second_dispute_can_be_decided_too():
    world = disputed()
    first = decide(world, wallet.leave_refused)
    assert goes_on(world)
    world.replug()

    def add(record):
        record.amount_due += DEBT

    change_pole(world, add)
    world.run(lambda: world.payer.last_stop == errors.CARRIED_DEBT)
    second = decide(world, wallet.pay_refused)
    assert second >= DEBT - 1
    assert goes_on(world)
    assert world.payer.record.left_amount == first


def trusting(debt):
    """Return a pair in which a pole without credit asks for `debt` without any energy."""

    def add(record):
        record.amount_due += debt

    world = charged(credit=0, prepay=2 * PACKET_PRICE)
    world.replug()
    change_pole(world, add)
    assert not goes_on(world)
    return world


def test_a_vehicle_trusts_no_further_than_it_can_still_pay_for_a_packet():
    """With all its prepayment spent on trust it could never charge on this channel again."""
    for debt, reason in (
        (PACKET_PRICE + 1, errors.CARRIED_DEBT),
        (2 * PACKET_PRICE, errors.CARRIED_DEBT),
    ):
        world = trusting(debt)
        assert world.payer.last_stop == reason
        (channel,) = wallet.channels(mount(world.vehicle_flash.copy()))
        assert channel.record.refused_amount == debt
        assert decide(world, wallet.pay_refused) == debt
        assert goes_on(world)


def test_the_owner_frees_a_prepayment_that_is_spent_on_trust():
    """The pole asks for two packets ahead, and the trust leaves less than that."""
    world = trusting(PACKET_PRICE - 1)
    assert world.payer.last_stop == errors.PREPAY_TOO_SMALL
    world.replug()
    assert not goes_on(world)
    with pytest.raises(wallet.RefusedDebtError):
        decide(world, wallet.leave_refused)
    assert decide(world, wallet.pay_refused) == PACKET_PRICE - 1
    assert goes_on(world)
    assert world.payer.record.unproven_amount == 0


def test_what_is_decided_on_one_channel_keeps_the_owner_of_the_energy():
    """The newest record tells it. A decision stores a record of another channel."""
    world = disputed()
    other = world.wallet.load(CHANNEL_ID)
    other.refused_amount = 0
    other.tail_mwh = 77
    world.wallet.store(bytes(32), other)
    journal = mount(world.vehicle_flash)
    journal.erase_ahead()
    wallet.pay_refused(journal, CHANNEL_ID)
    world.boot_vehicle()
    assert world.wallet.records.newest_id == bytes(32)
    assert world.wallet.records.newest.tail_mwh == 77


def test_there_is_nothing_to_decide_without_a_debt():
    world = charged()
    for decision in (wallet.pay_refused, wallet.leave_refused):
        with pytest.raises(wallet.RefusedDebtError):
            decide(world, decision)
    journal = mount(world.vehicle_flash)
    with pytest.raises(wallet.RefusedDebtError):
        wallet.pay_refused(journal, bytes(32))


# Old copies


def restored(world, old):
    """Start the vehicle with the old flash `old`."""
    world.replug()
    world.vehicle_flash = old.copy()
    world.boot_vehicle()


def test_a_restored_wallet_goes_on_and_counts_what_was_spent():
    for packets in (1, 4, 20):
        world = charged(packets)
        old = world.vehicle_flash.copy()
        before = world.wallet.load(CHANNEL_ID).signed
        left = world.wallet.budget_left
        world.charge(packets + 30)
        restored(world, old)
        assert goes_on(world), world.payer.last_stop
        assert world.payer.record.unproven_amount == 0
        assert world.wallet.budget_left == left - (world.payer.record.signed - before)


def test_what_a_refused_offer_proves_is_counted_once():
    """The OFFER is refused, so the figures that it proves must be stored on their own."""
    world = charged(4)
    old = world.vehicle_flash.copy()
    world.charge(40)
    best = world.wallet.load(CHANNEL_ID).signed
    left = world.wallet.budget_left
    restored(world, old)
    world.pole_config.prices[0].price_per_kwh = 400_001
    for _ in range(3):
        world.payer.last_stop = 0
        world.run(lambda: world.payer.last_stop == errors.PRICE_TOO_HIGH)
        assert world.wallet.budget_left == left
        assert world.wallet.load(CHANNEL_ID).signed == best
        world.boot_vehicle()
        world.replug()


def test_the_ledgers_word_is_proof_too():
    """Pole and vehicle both lost their memory. The certificate says how much was claimed."""
    world = charged(20)
    claimed = world.payee_records.load(CHANNEL_ID).amount
    again = Pair(
        vehicle={"reconnect_ms": 40},
        certificates=[certificate(terms(), claimed=claimed)],
    )
    left = again.wallet.budget_left
    assert goes_on(again)
    record = again.payer.record
    assert record.signed >= claimed
    assert again.wallet.budget_left == left - record.signed
    # All but one packet of the claimed amount was due.
    assert record.amount_due >= claimed - PACKET_PRICE


def test_a_pole_that_lost_its_journal_gets_the_vehicles_memory():
    world = charged(20)
    world.replug()
    due = world.wallet.load(CHANNEL_ID).amount_due
    signed = world.wallet.load(CHANNEL_ID).signed
    again = Pair(flash=(world.pole_flash.__class__(), world.vehicle_flash), vehicle=COMING_BACK)
    again.own_energy_mwh = world.own_energy_mwh
    again.charge(1)
    assert again.payee.charging.record.amount >= signed
    assert again.payee.charging.record.amount_due >= due
