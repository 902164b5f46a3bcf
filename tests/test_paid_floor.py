"""A pole with a new or an old journal: nobody charges for free, and no honest vehicle pays twice.

The vehicle is the test kit's, bent where it has to say more or less than it does by itself.
"""

from dual_runtime import raised
from joulestream import errors, messages
from joulestream.channel import Claim
from joulestream.device import journal_keys
from joulestream.device.payee_records import PayeeRecords
from joulestream.messages import ACCEPT, INVOICE, UPDATE
from joulestream.pole.clock import mark_restored
from joulestream.testkit.certificates import DAY_S, KEYS, NOW_S, certificate, terms
from joulestream.testkit.flash import RamFlash, mount
from joulestream.testkit.pair import PACKET_PRICE, Pair

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
    """

    def __init__(self, world, shown, stated_due=0, least=0, most=1 << 40):
        self.world = world
        self.shown = shown
        self.stated_due = stated_due
        self.least, self.most = least, most
        self.invoices = []
        self.sequence = 0
        world.bend = self.bend

    def bend(self, sender, payload):
        message = messages.decode(bytes(payload))
        if payload[0] == ACCEPT:
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


def test_a_pole_without_a_journal_asks_for_all_but_a_packet_of_the_collected_amount():
    world, amount = collected()
    lose_journal(world)
    vehicle = meet(world, fresh(amount))
    assert vehicle.invoices[0] == amount - PACKET_PRICE
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
    """The vehicle paid ahead, and its claim was collected: that is no debt."""
    world, amount = collected(prepay=4 * PACKET_PRICE)
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
    vehicle = meet(world, fresh(amount))
    assert vehicle.invoices[0] == amount - PACKET_PRICE
    assert world.payee_records.load(CHANNEL_ID).amount >= amount


def test_an_older_certificate_is_never_taken_again():
    """A vehicle from an old copy shows its old certificate. The pole goes on under its own."""
    world = Pair()
    newer = certificate(issued_at_s=NOW_S + 5, claimed=0)
    meet(world, newer)
    world.replug()
    meet(world, certificate())
    assert not world.payee.last_stop
    assert world.payee.charging.certificate.issued_at_s == newer.issued_at_s
    # In an open session it is refused.
    renewal = certificate(expires_at_s=NOW_S + 2 * DAY_S)
    world.payee.receive(
        bytes(
            messages.encode(
                messages.Renew(session=world.payer.session.tag, certificate=renewal.to_bytes())
            )
        ),
        world.now_ms,
    )
    assert world.payee.last_stop == errors.CERTIFICATE_OLD


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
