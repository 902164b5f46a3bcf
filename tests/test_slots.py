"""Places in the pole's journal are paid for; a claim that can be collected keeps its place."""

from joulestream import errors
from joulestream.device import journal_keys
from joulestream.device.payee_records import PayeeRecords
from joulestream.pole.slots import Slots
from joulestream.testkit.certificates import DAY_S, KEYS, NOW_S, certificate, terms
from joulestream.testkit.flash import NorFlash, PowerCut, mount
from joulestream.testkit.pair import PACKET_PRICE, Pair
from joulestream.testkit.random import Random

WINDOW_S = 7 * DAY_S
COLLECT_WITHIN_S = 2 * DAY_S


class Issuer:
    def __init__(self, key, channels):
        self.key = key
        self.channels = channels


class Config:
    """The fields that Slots reads."""

    def __init__(self, most, *issuers):
        self.max_channels = most
        self.collect_within_s = COLLECT_WITHIN_S
        self.issuers = issuers


class Clock:
    """A clock that a test sets: the time by the board, and the time that an issuer proves."""

    def __init__(self):
        self.now_s = self.proven_s = NOW_S

    def issuer_s(self, issuer_key, now_ms):
        return self.now_s, self.proven_s


def channel(number, issuer="issuer", **changes):
    return certificate(terms(salt=number.to_bytes(16, "big")), issuer, **changes)


def admitted(records, shown, amount, amount_due=0, instead_of=None):
    record = records.load(shown.channel_id)
    record.amount, record.amount_due = amount, amount_due
    records.erase_ahead()
    records.admit(shown, record, instead_of)
    return shown.channel_id


def full(most=3, keys=("issuer",), quota=None):
    """Return records and slots of a pole with `most` places, and the clock."""
    journal = mount(NorFlash(12, 2048), journal_keys.key_count(journal_keys.POLE, most))
    records = PayeeRecords(journal, most)
    clock = Clock()
    issuers = [Issuer(KEYS[key].public_key, quota or most) for key in keys]
    return records, Slots(Config(most, *issuers), records, clock), clock


def test_a_channel_is_written_with_its_first_claim_and_not_before():
    world = Pair()
    world.run(lambda: world.payee.charging is not None)
    keys = [key for key in world.pole_journal.keys() if key[:1] in (b"c", b"k", b"s")]
    assert keys == [] and not world.payee.may_energise()
    world.charge(1)
    kept = {key[:1] for key in world.pole_journal.keys()}
    assert {b"c", b"k"} <= kept


def test_a_first_claim_below_a_packet_takes_no_place():
    world = Pair()
    world.run(lambda: world.payee.charging is not None)
    world.payee.charging.packet = PACKET_PRICE * 1_000
    world.run(lambda: world.payee.last_stop is not None)
    assert world.payee.last_stop == errors.PREPAY_TOO_SMALL
    assert len(list(world.payee_records)) == 0


def test_a_new_channel_is_worth_a_hundred_packets_or_what_is_configured():
    for least, capacity, reason in (
        (0, 100 * PACKET_PRICE, 0),
        (0, 100 * PACKET_PRICE - 1, errors.CAPACITY_TOO_SMALL),
        (5_000, 5_000, 0),
        (5_000, 4_999, errors.CAPACITY_TOO_SMALL),
    ):
        world = Pair(pole={"min_capacity": least}, certificates=[certificate(capacity=capacity)])
        if reason:
            world.run(lambda: world.payee.last_stop is not None)  # noqa: B023
            assert world.payee.last_stop == reason, (least, capacity)
        else:
            world.charge(3)


def test_sixty_four_channels_without_a_payment_leave_room_for_an_honest_one():
    world = Pair(pole={"max_channels": 2})
    for number in range(5):
        liar = Pair(
            pole={"max_channels": 2},
            vehicle={"prepay": 10 * PACKET_PRICE},
            certificates=[channel(number)],
            flash=(world.pole_flash, NorFlash(8, 2048)),
        )
        liar.bend = lambda sender, payload: [] if payload[0] == 5 else [payload]
        liar.steps(100)
    again = Pair(pole={"max_channels": 2}, flash=(world.pole_flash, world.vehicle_flash))
    again.charge(3)


def test_a_place_is_given_in_the_order_of_the_rules():
    """Collected; the same with debt; claimable no more: the smallest claim first."""
    records, slots, clock = full(4)
    collected_s = NOW_S + 10
    paid = admitted(records, channel(1), 500, 400)
    in_debt = admitted(records, channel(2), 500, 600)
    small = admitted(records, channel(3), 50)
    large = admitted(records, channel(4), 900)
    new = channel(9)
    assert slots.find(new, 0) == (False, None)
    for number in (1, 2):
        later = channel(number, claimed=500, issued_at_s=collected_s, expires_at_s=NOW_S + DAY_S)
        records.erase_ahead()
        records.collect(later)
    open_s = collected_s + WINDOW_S - COLLECT_WITHIN_S
    for now_s, found in ((open_s - 1, None), (open_s, paid)):
        clock.now_s = now_s
        assert slots.find(new, 0) == (found is not None, found)
    admitted(records, new, 400, instead_of=paid)
    assert slots.find(channel(10), 0) == (True, in_debt)
    admitted(records, channel(10), 400, instead_of=in_debt)
    # The board's clock may be in a wrong era: the issuer must prove the time as well.
    long_past_s = new.claimable_until_s + 30 * DAY_S
    clock.now_s = long_past_s + DAY_S
    assert slots.find(channel(11), 0) == (False, None)
    clock.proven_s = long_past_s - 1
    assert slots.find(channel(11), 0) == (False, None)
    clock.proven_s = long_past_s
    assert slots.find(channel(11), 0) == (True, small)
    slots.taken(small)
    assert slots.given_up == 50
    admitted(records, channel(11), 5_000, instead_of=small)
    found, given = slots.find(channel(12), 0)
    assert found and records.load(given).amount == 400 and large in records


def test_an_issuers_word_that_it_has_paid_gives_no_place():
    """With the place the debt would leave the issuer's limit, and it could owe without end."""
    records, slots, clock = full(1)
    first = admitted(records, channel(1), 500)
    records.erase_ahead()
    records.admit(channel(1, claimed=500, issued_at_s=NOW_S + 1), records.load(first))
    clock.now_s = NOW_S + 30 * DAY_S
    assert slots.find(channel(2), 0) == (False, None)
    records.erase_ahead()
    records.collect(channel(1, claimed=500, issued_at_s=NOW_S + 1))
    assert slots.find(channel(2), 0) == (True, first)


def test_an_expired_certificate_gives_no_place():
    """500 uncollected, the certificate ends on day 1, the ledger pays until day 8."""
    records, slots, clock = full(1)
    admitted(records, channel(1, expires_at_s=NOW_S + DAY_S), 500)
    clock.now_s = clock.proven_s = NOW_S + 5 * DAY_S
    assert slots.find(channel(2), 0) == (False, None)


def test_one_issuer_never_takes_all_places():
    records, slots, clock = full(4, ("issuer", "stranger"), quota=2)
    first = admitted(records, channel(1), 7)
    admitted(records, channel(2), 7)
    records.erase_ahead()
    records.collect(channel(1, claimed=7))
    clock.now_s = NOW_S + 30 * DAY_S
    # It may take the place of a channel of its own.
    assert slots.find(channel(3), 0) == (True, first)
    clock.now_s = NOW_S
    assert slots.find(channel(3), 0) == (False, None)
    assert slots.find(channel(3, "stranger"), 0) == (True, None)


def test_the_default_quota_leaves_places_for_other_issuers():
    assert Pair(pole={"max_channels": 7}).pole_config.issuers[0].channels == 7
    row = issuer_row()
    other = {**row, "key": KEYS["stranger"].public_key.hex()}
    config = Pair(pole={"max_channels": 7, "issuers": [row, other]}).pole_config
    assert [issuer.channels for issuer in config.issuers] == [4, 4]
    config = Pair(pole={"issuers": [{**row, "channels": 3}, other]}).pole_config
    assert [issuer.channels for issuer in config.issuers] == [3, 32]


def issuer_row():
    channel_terms = terms()
    return {
        "key": KEYS["issuer"].public_key.hex(),
        "limit": 2_000_000,
        "kind": "sql",
        "chain_id": 1,
        "contract": channel_terms.contract.hex(),
        "asset": channel_terms.asset.hex(),
        "base_units_per_claim_unit": 1,
    }


def test_a_power_cut_while_a_place_changes_hands_leaves_one_of_the_two():
    """At each operation of the flash: the old record with its certificate, or the new one's."""
    seen = set()
    for cut_in in range(12):
        for torn in (0, 0.5, 0.999):
            flash = NorFlash(12, 1024, Random(cut_in))
            keys = journal_keys.key_count(journal_keys.POLE, 2)
            records = PayeeRecords(mount(flash, keys), 2)
            old = admitted(records, channel(1, claimed=500), 500)
            kept = admitted(records, channel(2), 70)
            new = channel(3)
            flash.cut_in, flash.torn = cut_in, torn
            try:
                admitted(records, new, 900, instead_of=old)
                flash.cut_in = None
            except PowerCut:
                flash.power_up()
            records = PayeeRecords(mount(flash, keys), 2)
            assert kept in records and records.load(kept).amount == 70
            assert (old in records) != (new.channel_id in records), (cut_in, torn)
            seen.add(old in records)
            here = old if old in records else new.channel_id
            assert records.load(here).amount == (500 if here == old else 900)
            assert records.certificate(here).channel_id == here
            # The next channel finds a place, also after the remains of a cut.
            admitted(records, channel(4), 1_000, instead_of=here)
            assert len(list(records)) == 2
    assert seen == {True, False}
