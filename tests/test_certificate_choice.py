"""A useless certificate of the vehicle never stands in the way of a good one for the same pole."""

from joulestream import errors
from joulestream.testkit.certificates import DAY_S, KEYS, NOW_S, certificate, terms
from joulestream.testkit.pair import PACKET_PRICE, Pair, pole_values

COMING_BACK = {"reconnect_ms": 500}
GOOD = terms(salt=b"b" * 16)
# What is wrong with the useless channel: its terms, its certificate, the pole's configuration.
USELESS = (
    ({}, {"issuer": "stranger"}, {}),
    ({}, {"capacity": 900}, {"min_capacity": 1_000}),
    ({}, {"capacity": 3_000_000}, {}),
    ({}, {"capacity": 100}, {}),
    ({}, {"claimed": 900_000}, {}),
    ({}, {"expires_at_s": NOW_S + 6 * DAY_S}, {}),
    ({}, {"expires_at_s": NOW_S - 1}, {}),
    ({}, {"issued_at_s": NOW_S - 10}, {}),
    ({}, {"after_signing": {"capacity": 999_999}}, {}),
    ({"asset": b"x" * 32}, {}, {}),
    ({"payout_account": b"x" * 32}, {}, {}),
)


def test_each_kind_of_useless_channel_blocks_no_good_one():
    """It was issued last, or first; its file comes first, or last; it ends last."""
    good = certificate(GOOD, expires_at_s=NOW_S + DAY_S - 1)
    for number, (channel, fields, pole) in enumerate(USELESS):
        for issued_at_s in (NOW_S, NOW_S + 1):
            fields = {"issued_at_s": issued_at_s, "expires_at_s": NOW_S + DAY_S + 1, **fields}
            useless = certificate(terms(salt=b"a" * 16, **channel), **fields)
            for certificates in ([useless, good], [good, useless]):
                world = Pair(certificates=certificates, vehicle=COMING_BACK, pole=pole)
                for _ in range(2):
                    world.run(lambda: world.payer.packets >= 3)  # noqa: B023
                    assert world.payer.session.channel_id == good.channel_id, number
                    world.replug()


def test_a_channel_that_is_spent_makes_way_for_a_new_one():
    """The old one expires before, with or after the new one."""
    for later_s in (-1, 0, 1):
        old = certificate(
            terms(salt=b"a" * 16), capacity=10_100, expires_at_s=NOW_S + DAY_S + later_s
        )
        new = certificate(GOOD)
        world = Pair(certificates=[old], vehicle=COMING_BACK)
        world.charge(4)
        world.replug()  # from its second session on the channel has credit, so it prepays nothing
        world.run(lambda: world.payer.last_stop == errors.CAPACITY_EXHAUSTED)  # noqa: B023
        assert world.wallet.load(old.channel_id).signed < old.capacity
        world.certificates[:] = [old, new]
        # The deposit was made while the vehicle stays plugged in.
        world.run(lambda: world.wallet.load(new.channel_id), 120_000)  # noqa: B023
        world.replug()
        world.charge(4)
        assert world.payer.session.channel_id == new.channel_id


def test_a_spent_channel_is_not_even_tried():
    old = certificate(terms(salt=b"a" * 16), capacity=10_100, issued_at_s=NOW_S + 1)
    new = certificate(GOOD)
    world = Pair(certificates=[old], vehicle=COMING_BACK)
    world.charge(4)
    world.replug()  # from its second session on the channel has credit, so it prepays nothing
    world.run(lambda: world.payer.last_stop == errors.CAPACITY_EXHAUSTED)
    assert world.wallet.load(old.channel_id).signed < old.capacity
    world.certificates[:] = [old, new]
    world.replug()
    world.run(lambda: not world.payer.session.is_quiet())
    world.run(lambda: world.payer.packets or world.payer.last_stop)
    assert world.payer.last_stop is None
    assert world.payer.session.channel_id == new.channel_id


def test_certificates_that_are_all_refused_get_another_turn():
    """Each reason may pass; the waits between two turns grow."""
    certificates = [
        certificate(terms(salt=bytes([number]) * 16), issued_at_s=NOW_S - 10)
        for number in range(3)
    ]
    world = Pair(certificates=certificates, vehicle=COMING_BACK)
    shown = []

    def bend(sender, payload):
        if sender == "vehicle" and payload[0] == 4:  # ACCEPT
            shown.append(world.payer.session.channel_id)
        return [payload]

    world.bend = bend
    world.run(lambda: len(shown) == 12)
    for turn in range(0, 12, 3):
        assert len(set(shown[turn : turn + 3])) == 3, turn
    first_ms = world.now_ms
    world.run(lambda: len(shown) == 15)
    assert world.now_ms - first_ms >= 4_000  # 500 ms, doubled with each turn


def test_a_renewal_that_is_refused_ends_no_session_and_the_next_one_is_shown():
    """Two issuers certify one channel; the pole trusts one of them for less than this channel."""
    issuer = pole_values()["issuers"][0]
    other = dict(issuer, key=KEYS["stranger"].public_key.hex(), limit=500_000)
    first = certificate(expires_at_s=NOW_S + 20)
    useless = certificate(issuer="stranger", issued_at_s=NOW_S + 2, expires_at_s=NOW_S + 2 * DAY_S)
    good = certificate(issued_at_s=NOW_S + 1)
    for renewals in ([first, useless, good], [first, good, useless]):
        world = Pair(
            pole={"issuers": [issuer, other], "renew_before_s": 10},
            certificates=[first],
            vehicle=COMING_BACK,
        )
        world.charge(1)
        session = world.payee.charging
        world.renewals = renewals
        world.run(lambda: world.now_ms > 40_000)  # noqa: B023
        assert world.payee.charging is session
        assert session.certificate.expires_at_s == good.expires_at_s


def test_a_debt_that_a_pole_invents_is_no_reason_to_pay_it_on_another_channel():
    first = certificate(terms(salt=b"a" * 16), issued_at_s=NOW_S + 1)
    world = Pair(certificates=[first, certificate(GOOD)], vehicle=COMING_BACK)
    world.charge(3)
    world.payee.stop(errors.RESTARTED, world.now_ms)
    world.run(lambda: world.payee.charging is None)
    record_of = world.books.record_for_offer

    def lying(channel_id, meter):
        record = record_of(channel_id, meter)
        record.amount_due += 20 * PACKET_PRICE
        return record

    world.books.record_for_offer = lying
    world.run(lambda: world.payer.last_stop == errors.CARRIED_DEBT)
    assert world.payer.visit.is_over
