"""A wallet serves a life: thousands of poles, one after the other, in one small flash.

Of all of them the wallet keeps the budget that is spent, and the total of the own meter up to
which its energy is given away.
"""

from joulestream.device.journal import JournalFull
from joulestream.device.journal_keys import PAYER_RECORD, VEHICLE, key_count
from joulestream.device.payer_record import PayerRecord
from joulestream.fields import UINT
from joulestream.testkit.certificates import KEYS, certificate, terms
from joulestream.testkit.flash import NorFlash, mount
from joulestream.vehicle.wallet import Wallet

CHANNELS = 31
BUDGET = 10_000_000


def channel(number):
    return terms(salt=number.to_bytes(16, "big"))


def new_record():
    layout = PayerRecord.LAYOUT
    values = {name: 0 if kind == UINT else bytes(size) for name, size, kind in layout}
    values["price_per_kwh"] = values["next_price_per_kwh"] = 1
    return PayerRecord(**values)


class Life:
    """A wallet that pays one pole after the other."""

    def __init__(self, flash):
        self.flash = flash
        self.wallet = None
        self.boot([])

    def boot(self, certificates):
        self.journal = mount(self.flash, key_count(VEHICLE))
        self.wallet = Wallet(KEYS["payer"], self.journal, certificates, BUDGET, "always")

    def pay(self, number, amount, total_mwh):
        """Sign `amount` more on a channel, when the own meter's total is `total_mwh`."""
        wallet = self.wallet
        channel_id = channel(number).channel_id()
        record = wallet.load(channel_id) or new_record()
        wallet.learn(record, record.signed + amount)
        record.own_total_mwh = total_mwh
        record.tail_mwh = 1
        self.journal.erase_ahead()
        wallet.store(channel_id, record)


def test_thousands_of_poles_in_sequence_fit_into_one_flash():
    life = Life(NorFlash(8, 2048))
    spent = 0
    for number in range(1_500):
        life.wallet.certificates = [certificate(channel(number))]
        life.pay(number, 3, 1_000 * number)
        spent += 3
        if number % 100 == 99:
            life.boot(life.wallet.certificates)
            newest = life.wallet.records.newest
            assert newest.own_total_mwh == 1_000 * number
            assert life.wallet.records.newest_id == channel(number).channel_id()
            assert life.wallet.load(channel(number).channel_id()).signed == 3
        # A channel that comes back was counted already: a full wallet has forgotten it itself.
        assert life.wallet.budget_left >= BUDGET - spent
    assert len(list(life.wallet.records)) <= CHANNELS


def test_no_channel_with_a_certificate_makes_room():
    life = Life(NorFlash(16, 4096))
    certificates = [certificate(channel(number)) for number in range(CHANNELS)]
    life.wallet.certificates = certificates
    for number in range(CHANNELS):
        life.pay(number, 5, 0)
    life.wallet.certificates = certificates + [certificate(channel(99))]
    try:
        life.pay(99, 5, 0)
    except JournalFull:
        pass
    else:
        raise AssertionError("a channel with a certificate was forgotten")
    # The channel without its certificate makes room, and no other.
    del certificates[7]
    life.wallet.certificates = certificates + [certificate(channel(99))]
    life.pay(99, 5, 0)
    life.boot(life.wallet.certificates)
    kept = [life.wallet.load(item.channel_id) for item in life.wallet.certificates]
    assert all(record is not None and record.signed == 5 for record in kept)
    assert life.wallet.load(channel(7).channel_id()) is None


def test_the_channel_that_was_used_the_longest_ago_makes_room():
    life = Life(NorFlash(16, 4096))
    for number in range(CHANNELS):
        life.pay(number, 5, 0)
    life.pay(0, 5, 0)
    life.pay(50, 5, 0)
    assert life.wallet.load(channel(0).channel_id()) is not None
    assert life.wallet.load(channel(1).channel_id()) is None


def test_a_power_cut_while_a_channel_makes_room_leaves_the_one_or_the_other():
    from joulestream.testkit.flash import PowerCut

    for torn in (0.0, 0.3, 0.9, 0.999):
        flash = NorFlash(8, 4096)
        life = Life(flash)
        for number in range(CHANNELS):
            life.pay(number, 5, number)
        left = life.wallet.budget_left
        flash.torn = torn
        life.journal.erase_ahead()
        flash.cut_in = 0
        try:
            life.pay(60, 5, 77)
        except PowerCut:
            pass
        flash.power_up()
        life.boot([])
        records = life.wallet.records
        assert len(list(records)) == CHANNELS
        old, new = channel(0).channel_id(), channel(60).channel_id()
        assert (records.load(old) is None) != (records.load(new) is None)
        assert life.wallet.budget_left <= left
        assert PAYER_RECORD + new in life.journal.keys() or records.load(old).signed == 5


def test_a_full_wallet_counts_an_issuers_word_as_spent():
    """Else a lying issuer could overdraw the budget on one new channel after the other."""
    life = Life(NorFlash(8, 2048))
    for number in range(CHANNELS + 2):
        life.wallet.certificates = [certificate(channel(number))]
        life.pay(number, 3, 1_000 * number)
    assert not life.wallet.records.can_add()
    left = life.wallet.budget_left
    life.wallet.learn(new_record(), 500)
    assert life.wallet.budget_left == left, "a full wallet had counted what it forgot"
    life.wallet.believe(new_record(), 500)
    assert life.wallet.budget_left == left - 500
