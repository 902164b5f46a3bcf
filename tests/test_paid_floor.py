"""A pole with a new or an old journal: nobody charges for free, and no honest vehicle pays twice.

The vehicle is the test kit's, bent where it has to say more or less than it does by itself.
"""

from dual_runtime import raised
from joulestream import errors, messages
from joulestream.channel import Claim
from joulestream.device import journal_keys
from joulestream.device.payee_records import PayeeRecords
from joulestream.messages import ACCEPT, INVOICE, OFFER, UPDATE
from joulestream.pole.restored import mark_restored
from joulestream.session import ACCEPTED
from joulestream.testkit.certificates import DAY_S, KEYS, NOW_S, certificate, terms
from joulestream.testkit.flash import RamFlash, mount
from joulestream.testkit.pair import PACKET_PRICE, PRICE, Pair

CHANNEL_ID = terms().channel_id()
LATER_S = NOW_S + 600


class Vehicle:
    """Bends a Pair's vehicle: it states and signs as the test says.

    Args:
        world: the pair.
        shown: the certificate that it shows.
        stated_due: the amount due that its ACCEPT states.
        least: it signs this amount at least.
        most: it signs this amount at most.

    Attributes:
        invoices: the amounts that the pole asked for.
        asked_ahead: the prepayment that the pole asked for.
    """

    def __init__(self, world, shown, stated_due=0, least=0, most=1 << 40):
        self.world = world
        self.shown = shown
        self.stated_due = stated_due
        self.least, self.most = least, most
        self.invoices = []
        self.asked_ahead = 0
        self.sequence = 0
        world.bend = self.bend

    def bend(self, sender, payload):
        message = messages.decode(bytes(payload))
        if payload[0] == OFFER:
            self.asked_ahead = message.prepay
        elif payload[0] == ACCEPT:
            message.certificate = self.shown.to_bytes()
            message.amount_due = self.stated_due
            message.remainder = 0
            message.prepay = 2 * PACKET_PRICE
            session = self.world.payer.session
            message.signature = KEYS["payer"].sign(session.signed_text(message))
        elif payload[0] == INVOICE:
            # Its answer goes straight back: the vehicle itself need not agree with the bill.
            self.invoices.append(message.amount_due)
            amount = min(max(message.amount_due + PACKET_PRICE, self.least), self.most)
            claim = Claim(CHANNEL_ID).message(amount)
            update = messages.Update(
                sequence=message.sequence, amount=amount, signature=KEYS["payer"].sign(claim)
            )
            self.world.payee.receive(bytes(messages.encode(update)), self.world.now_ms)
            return []
        elif payload[0] == UPDATE:
            return []
        return [messages.encode(message)]


def collected(prepay=0):
    """Charge, and let the ledger pay the best claim; return the pair and that amount."""
    world = Pair(pole={"prepay": prepay}, vehicle={"prepay": prepay or 2 * PACKET_PRICE})
    world.charge(12)
    world.replug()
    return world, world.payee_records.load(CHANNEL_ID).amount


def meet(world, shown, **changes):
    """Let the vehicle come, as Vehicle bends it, until something was paid or it was stopped."""
    vehicle = Vehicle(world, shown, **changes)
    world.payee.last_stop = None
    world.payee.charging = None
    world.boot_vehicle()
    world.run(
        lambda: (
            world.payee.last_stop
            or (world.payee.charging is not None and world.payee.charging.packets >= 4)
        )
    )
    return vehicle


def fresh(claimed, **changes):
    changes = {"issued_at_s": LATER_S, "expires_at_s": LATER_S + DAY_S, **changes}
    return certificate(claimed=claimed, **changes)


def lose_journal(world):
    world.pole_flash = RamFlash()
    world.boot_pole(LATER_S)


def test_a_pole_without_a_journal_asks_for_all_but_a_prepayment_of_the_collected_amount():
    world, amount = collected()
    lose_journal(world)
    vehicle = meet(world, fresh(amount), least=amount)
    assert vehicle.invoices[0] == amount - vehicle.asked_ahead
    assert PACKET_PRICE <= vehicle.asked_ahead <= 2 * PACKET_PRICE
    record = world.payee_records.load(CHANNEL_ID)
    assert not world.payee.last_stop and record.amount >= amount


def test_a_stated_amount_that_is_higher_counts_and_a_lower_one_does_not():
    for more in (-PACKET_PRICE, 1, 5_000):
        world, amount = collected()
        lose_journal(world)
        vehicle = meet(world, fresh(amount), stated_due=amount + more)
        assert vehicle.invoices[0] == max(amount - PACKET_PRICE, amount + more)
        assert not world.payee.last_stop


def test_no_claim_below_the_collected_amount_is_taken_and_nothing_flows_before():
    world, amount = collected()
    lose_journal(world)
    flowed_mwh = world.pole_energy_mwh
    meet(world, fresh(amount), most=amount - 1)
    assert world.payee.last_stop == errors.AMOUNT_SHRINKS
    assert world.pole_energy_mwh == flowed_mwh


def test_a_pole_that_lost_nothing_asks_for_no_more_because_of_a_certificate():
    """The vehicle paid ahead, and its claim was collected: that is no debt.

    The pole asks for less ahead by now, since the channel has earned its credit.
    """
    world, amount = collected(prepay=4 * PACKET_PRICE)
    world.pole_config.prepay = 0
    due = world.payee_records.load(CHANNEL_ID).amount_due
    vehicle = meet(world, fresh(amount), least=amount)
    assert vehicle.invoices[0] == due < amount - PACKET_PRICE
    assert not world.payee.last_stop


def test_a_pole_with_an_old_copy_of_its_journal():
    world = Pair()
    world.charge(4)
    world.replug()
    old = world.pole_flash.copy()
    older = world.payee_records.load(CHANNEL_ID)
    world.charge(30)
    world.replug()
    amount = world.payee_records.load(CHANNEL_ID).amount
    world.pole_flash = old
    mark_restored(mount(old, journal_keys.key_count(journal_keys.POLE, 64)), LATER_S)
    world.boot_pole(LATER_S)
    assert world.payee_records.load(CHANNEL_ID).amount == older.amount < amount
    # A certificate from before the copy was written back may hide the later payments.
    meet(world, certificate(claimed=older.amount))
    assert world.payee.last_stop == errors.CERTIFICATE_OLD
    vehicle = meet(world, fresh(amount), least=amount)
    credit = min(world.pole_config.credit, older.amount)
    assert vehicle.invoices[0] == amount - vehicle.asked_ahead - credit
    assert world.payee_records.load(CHANNEL_ID).amount >= amount


def test_a_copy_from_the_middle_of_a_session_bills_nothing_again():
    """The pole takes it for the journal of a session that a power cut ended."""
    world = Pair()
    world.charge(4)
    old = world.pole_flash.copy()
    due = world.payee_records.load(CHANNEL_ID).amount_due
    world.charge(30)
    world.plugged = False
    world.run(lambda: world.payee.charging is None)
    amount = world.payee_records.load(CHANNEL_ID).amount
    world.pole_flash = old
    mark_restored(mount(old, journal_keys.key_count(journal_keys.POLE, 64)), LATER_S)
    world.boot_pole(LATER_S)
    world.run(lambda: world.payee.books.is_recovered)
    assert world.payee_records.load(CHANNEL_ID).amount_due == due
    assert honest(world, fresh(amount))
    assert not world.payer.record.unproven_amount


def honest(world, shown, packets=6):
    """Let the honest vehicle come with a certificate; return whether it charged."""
    world.certificates[:] = [shown]
    world.boot_vehicle()
    world.plugged = True
    world.run(lambda: world.payer.last_stop or world.payer.packets >= packets)
    return world.payer.packets >= packets


def left(prepay):
    """Return a pair after a visit, an older copy of the flash, and the record of the pole."""
    world = Pair(
        pole={"prepay": prepay, "credit": 2 * PACKET_PRICE},
        vehicle={"prepay": max(prepay, 2 * PACKET_PRICE)},
    )
    world.charge(10)
    world.replug()
    copy = world.pole_flash.copy()
    world.charge(30)
    world.plugged = False
    world.run(lambda: world.payee.charging is None)
    record = world.payee_records.load(CHANNEL_ID)
    return world, copy, record


def test_an_honest_vehicle_pays_nothing_twice_to_a_pole_that_forgot():
    """Its journal is lost, or is an older copy; the vehicle paid up to four packets ahead."""
    for prepay in range(0, 5 * PACKET_PRICE, PACKET_PRICE):
        for is_lost in (True, False):
            world, copy, record = left(prepay)
            word = fresh(record.amount)
            if not is_lost:
                journal = mount(copy, journal_keys.key_count(journal_keys.POLE, 64))
                journal.erase_ahead()
                PayeeRecords(journal, 64).collect(word)
            world.pole_flash = RamFlash() if is_lost else copy
            world.boot_pole(LATER_S)
            # With its old certificate, if the pole holds a newer one.
            assert honest(world, word if is_lost else certificate()), (prepay, is_lost)
            assert not world.payer.record.unproven_amount
            # The pole still owes the energy that was paid ahead: at most four packets are unused.
            charging = world.payee.charging
            energy_mwh = charging.energy_mwh() - charging.start_energy_mwh
            paid_mwh = (charging.paid - record.amount_due) * 1_000_000 // PRICE
            assert paid_mwh - energy_mwh <= (4 * PACKET_PRICE) * 1_000_000 // PRICE


def test_a_vehicle_that_lost_its_wallet_needs_the_newest_certificate():
    """Pole and vehicle both have older copies. Only the certificate shows the paid amount."""
    world, copy, record = left(2 * PACKET_PRICE)
    word = fresh(record.amount)
    journal = mount(copy, journal_keys.key_count(journal_keys.POLE, 64))
    journal.erase_ahead()
    PayeeRecords(journal, 64).collect(word)
    world.pole_flash, world.vehicle_flash = copy, RamFlash()
    world.boot_pole(LATER_S)
    assert not honest(world, certificate())
    assert world.payer.last_stop == errors.CERTIFICATE_OLD
    world.replug()
    assert honest(world, word)


def test_a_pole_that_feigns_a_loss_gets_no_more_than_the_trust_of_one_prepayment():
    """It collects, and asks with tiny packets for all that was paid ahead, again and again."""
    world, _, record = left(4 * PACKET_PRICE)
    for again in range(6):
        amount = max(world.payer.record.signed, record.amount)
        word = fresh(amount, issued_at_s=LATER_S + again, expires_at_s=LATER_S + DAY_S)

        def feign(sender, payload, amount=amount):
            message = messages.decode(bytes(payload))
            if payload[0] == OFFER:
                message.best_amount = message.amount_due = message.remainder = 0
                message.best_signature = bytes(64)
                message.packet_energy_mwh = message.prepay = 1
                message.step_mwh = message.refresh_ms = 0
                text = world.payee.session.signed_text(message)
                message.signature = KEYS["payee"].sign(text)
            return [messages.encode(message)]

        world.bend = feign
        world.certificates[:] = [word]
        world.boot_vehicle()
        world.replug()
        world.payer.last_stop = None
        world.run(lambda: world.payer.last_stop or world.payer.session.state == ACCEPTED)
        world.steps(50)
        signed = world.payer.wallet.load(CHANNEL_ID).signed
        assert signed <= record.amount + 4 * PACKET_PRICE


def test_an_issuers_word_spends_no_more_than_the_budget():
    """It says that the ledger took an amount that this wallet never signed."""
    for claimed, reason in ((3_200, None), (3_201, errors.BUDGET_EXHAUSTED)):
        world = Pair(vehicle={"budget": 3_200})
        world.certificates[:] = [certificate(claimed=claimed)]
        world.boot_vehicle()
        world.run(lambda: world.payer.last_stop or world.payee.charging)  # noqa: B023
        assert world.payer.last_stop == reason


def test_an_older_certificate_is_never_taken_again():
    """A vehicle from an old copy shows its old certificate. The pole goes on under its own."""
    world = Pair()
    newer = certificate(issued_at_s=NOW_S + 5, claimed=0)
    meet(world, newer)
    world.replug()
    meet(world, certificate())
    assert not world.payee.last_stop
    assert world.payee.charging.certificate.issued_at_s == newer.issued_at_s
    # In an open session it changes nothing.
    renewal = certificate(expires_at_s=NOW_S + 2 * DAY_S)
    world.payee.receive(
        bytes(
            messages.encode(
                messages.Renew(session=world.payer.session.tag, certificate=renewal.to_bytes())
            )
        ),
        world.now_ms,
    )
    assert not world.payee.last_stop
    assert world.payee.charging.certificate.issued_at_s == newer.issued_at_s


def test_an_older_certificate_is_refused_when_the_newer_one_cannot_be_taken():
    world = Pair()
    meet(world, certificate(issued_at_s=NOW_S + 5, expires_at_s=NOW_S + 60))
    world.replug()
    world.set_clock(NOW_S + 120)
    meet(world, certificate())
    assert world.payee.last_stop == errors.CERTIFICATE_OLD


def test_a_host_marks_a_channel_and_an_issuers_word_does_not():
    world, amount = collected()
    issuer_key = KEYS["issuer"].public_key
    meet(world, fresh(amount), least=amount + 2 * PACKET_PRICE)
    world.replug()
    owed = world.payee_records.uncollected(issuer_key, b"")
    assert owed == world.payee_records.load(CHANNEL_ID).amount > amount
    journal = mount(world.pole_flash, journal_keys.key_count(journal_keys.POLE, 64))
    records = PayeeRecords(journal, 64)
    assert records.collect(fresh(amount, issued_at_s=LATER_S + 1))
    assert not records.collect(certificate(terms(salt=b"2" * 16), claimed=1))
    for known in (records, PayeeRecords(journal, 64)):
        assert known.uncollected(issuer_key, b"") == owed - amount
        assert known.standing(CHANNEL_ID).settled == amount
        assert known.certificate(CHANNEL_ID).issued_at_s == LATER_S + 1
    # A mark that comes late changes nothing.
    assert records.collect(fresh(amount - 1))
    assert records.uncollected(issuer_key, b"") == owed - amount
    assert records.certificate(CHANNEL_ID).issued_at_s == LATER_S + 1
    assert raised(records.load, CHANNEL_ID) is None


def test_a_remainder_of_a_whole_unit_is_no_remainder():
    world = Pair()

    def bend(sender, payload):
        if payload[0] != ACCEPT:
            return [payload]
        message = messages.decode(bytes(payload))
        message.remainder = 1_000_000
        session = world.payer.session
        message.signature = KEYS["payer"].sign(session.signed_text(message))
        return [messages.encode(message)]

    world.bend = bend
    world.run_to_stop()
    assert world.payee.last_stop == errors.BAD_FIELD


def test_a_mark_does_not_shorten_the_certificate_of_the_vehicle():
    """The operator's mark of a collection ends a day before the vehicle's certificate."""
    own = certificate(expires_at_s=NOW_S + 5 * DAY_S)
    world = Pair(certificates=[own], vehicle={"reconnect_ms": 5_000})
    world.renewals = [own]
    world.charge(5)
    world.replug()
    world.steps(50)
    world.plugged = False
    world.steps(200)
    amount = world.payee_records.load(own.channel_id).amount
    mark = certificate(claimed=amount, issued_at_s=NOW_S + DAY_S, expires_at_s=NOW_S + 4 * DAY_S)
    assert world.payee_records.collect(mark)
    standing = world.payee_records.standing(own.channel_id)
    assert (standing.settled, standing.collected) == (amount, amount)
    world.pole_journal.erase_ahead()
    for hours, packets in ((3 * 24, 5), (4 * 24 + 12, 5)):
        world.boot_pole(NOW_S + hours * 3_600)
        world.boot_vehicle()
        world.plugged = True
        world.charge(packets)
        assert world.payee.charging.paid >= amount
        world.replug()
        world.plugged = False
        world.steps(200)
    later = certificate(
        claimed=amount, issued_at_s=NOW_S + 2 * DAY_S, expires_at_s=NOW_S + 6 * DAY_S
    )
    assert world.payee_records.collect(later)
    assert world.payee_records.certificate(own.channel_id).expires_at_s == later.expires_at_s


def test_the_mark_of_a_closing_or_closed_channel_ends_all_charging():
    closes_s = NOW_S + 30 * DAY_S
    for claimable_s in (NOW_S + DAY_S, closes_s):
        world = Pair(vehicle={"reconnect_ms": 1_000})
        world.charge(5)
        world.replug()
        world.plugged = False
        world.steps(200)
        delivered_mwh = world.pole_energy_mwh
        mark = certificate(
            claimed=world.payee_records.load(CHANNEL_ID).amount,
            issued_at_s=NOW_S + 60,
            expires_at_s=NOW_S + 60,
            claimable_until_s=claimable_s,
        )
        assert world.payee_records.collect(mark)
        world.pole_journal.erase_ahead()
        world.boot_pole(NOW_S + 120)
        world.boot_vehicle()
        world.plugged = True
        world.run(lambda: world.payee.last_stop)  # noqa: B023
        assert world.payee.last_stop == errors.CERTIFICATE_OLD
        assert world.pole_energy_mwh == delivered_mwh
