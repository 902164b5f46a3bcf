"""The pole's rules for opening, renewing and ending a session, against one that bends them."""

from joulestream import errors, messages
from joulestream.channel import KIND_XRPL, MAX_AMOUNT, Certificate, Claim
from joulestream.messages import (
    ACCEPT,
    HELLO,
    INVOICE,
    OFFER,
    RENEW,
    RENEW_REQUEST,
    RENEWED,
    STOP,
    TARIFF,
    TARIFF_ACCEPT,
    UPDATE,
)
from joulestream.testkit.certificates import DAY_S, KEYS, NOW_S, certificate, terms
from joulestream.testkit.pair import PACKET_PRICE, PRICE, Pair, bending, both, pole_values

CHANNEL_ID = terms().channel_id()


def losing(number, times):
    """Return a bend for Pair.bend that loses the next `times` messages of one number."""
    left = [times]

    def bend(sender, payload):
        if payload[0] != number or not left[0]:
            return [payload]
        left[0] -= 1
        return []

    return bend


def prove_anew(world, accept):
    """Let the vehicle sign an ACCEPT anew after a change."""
    session = world.payer.session
    accept.signature = KEYS["payer"].sign(session.signed_text(accept))


def test_an_accept_that_promises_too_little_ahead():
    """On a fresh channel there is no credit yet: a whole packet must be paid ahead."""

    def change(accept):
        accept.prepay = PACKET_PRICE - 1
        prove_anew(world, accept)

    world = Pair()
    world.bend = bending(ACCEPT, change)
    assert world.run_to_stop() == both(errors.PREPAY_TOO_SMALL)
    assert world.pole_energy_mwh == 0


def test_no_due_of_2_to_the_63_is_taken():
    for amount_due, reason in (
        (MAX_AMOUNT, errors.CAPACITY_EXHAUSTED),
        (MAX_AMOUNT + 1, errors.BAD_FIELD),
        (2 * MAX_AMOUNT + 1, errors.BAD_FIELD),
    ):
        world = Pair()

        def change(accept, world=world, amount_due=amount_due):
            accept.amount_due = amount_due
            prove_anew(world, accept)

        world.bend = bending(ACCEPT, change)

        assert world.run_to_stop() == both(reason)
        assert world.pole_energy_mwh == 0


def test_an_accept_with_a_certificate_that_is_used_up():
    world = Pair(vehicle={"energy_wanted_mwh": 5_000})
    world.run_to_stop()
    delivered_mwh = world.pole_energy_mwh
    used_up = certificate(capacity=world.payee_records.load(CHANNEL_ID).amount_due - 1)

    def change(accept):
        accept.certificate = used_up.to_bytes()
        prove_anew(world, accept)

    world.replug()
    world.bend = bending(ACCEPT, change)
    world.payee.last_stop = world.payer.last_stop = 0
    assert world.run_to_stop() == both(errors.CAPACITY_EXHAUSTED)
    assert world.pole_energy_mwh == delivered_mwh


def test_the_capacity_ends_the_session_whatever_the_vehicle_believes():
    """The vehicle thinks that it has more, and pays the capacity to the last unit."""
    capacity = 8_000
    small = certificate(capacity=capacity)

    def bend(sender, payload):
        if payload[0] not in (ACCEPT, UPDATE):
            return [payload]
        message = messages.decode(payload)
        if payload[0] == ACCEPT:
            message.certificate = small.to_bytes()
            prove_anew(world, message)
        else:
            message.amount = min(message.amount, capacity)
            claim = Claim(CHANNEL_ID).message(message.amount)
            message.signature = KEYS["payer"].sign(claim)
        return [messages.encode(message)]

    world = Pair()
    world.bend = bend
    world.run(lambda: world.payee.last_stop)
    assert world.payee.last_stop == errors.CAPACITY_EXHAUSTED
    step = world.step_energy_mwh * PRICE // 1_000_000 + 1
    assert world.pole_energy_mwh * PRICE // 1_000_000 <= capacity + step


def test_a_tariff_that_is_never_answered_ends_the_session_before_it_begins():
    prices = [
        {"from_s": 0, "price_per_kwh": PRICE},
        {"from_s": NOW_S + 3, "price_per_kwh": PRICE // 2},
    ]
    world = Pair(pole={"prices": prices})
    world.bend = lambda sender, payload: [] if payload[0] == TARIFF else [payload]
    assert world.run_to_stop() == both(errors.TARIFF_REFUSED)
    record = world.payee_records.load(CHANNEL_ID)
    assert record.amount_due == record.energy_mwh * PRICE // 1_000_000


def test_a_certificate_that_expires_in_mid_session_ends_it():
    world = Pair(certificates=[certificate(expires_at_s=NOW_S + 6)])
    assert world.run_to_stop() == both(errors.CERTIFICATE_EXPIRED)
    assert world.pole_energy_mwh > 0
    assert world.clock.time_s(world.now_ms) <= NOW_S + 10


def test_renewals_that_are_refused():
    later_s = NOW_S + 2 * DAY_S
    first_s = NOW_S + 50
    forged = certificate(expires_at_s=later_s)
    forged.capacity += 1
    cases = (
        (forged, errors.CERTIFICATE_FORGED),
        (certificate(expires_at_s=NOW_S + 30 * DAY_S), errors.CERTIFICATE_WINDOW),
        (certificate(issuer="stranger", expires_at_s=later_s), errors.UNTRUSTED_ISSUER),
        (certificate(terms(salt=b"x" * 16), expires_at_s=later_s), errors.WRONG_CHANNEL),
        (certificate(capacity=2_000_001, expires_at_s=later_s), errors.ISSUER_LIMIT),
    )
    for renewal, reason in cases:
        world = Pair(pole={"renew_before_s": 48}, certificates=[certificate(expires_at_s=first_s)])
        world.charge(1)
        world.renewals = [certificate(expires_at_s=later_s)]

        def change(message):
            message.certificate = renewal.to_bytes()  # noqa: B023

        world.bend = bending(RENEW, change)
        answers = []
        send = world.payee.session.send

        def note(message, now_ms):
            if message.number == RENEWED:
                answers.append(message.expires_at_s)  # noqa: B023
            send(message, now_ms)  # noqa: B023

        world.payee.session.send = note
        world.run(lambda: answers)  # noqa: B023
        world.charge(world.payee.charging.packets + 3)
        assert world.payee.last_stop is None, errors.reason_name(reason)
        assert answers == [first_s]
        kept = world.payee_records.certificate(CHANNEL_ID)
        assert kept.expires_at_s == first_s
        admission = world.payee.admission
        key = world.payer.wallet.public_key
        assert reason == admission.certificate_reason(renewal, CHANNEL_ID, key, world.now_ms, True)
        # Without a good one the session ends with the certificate in use.
        world.renewals = []
        world.wallet.certificates = [certificate(expires_at_s=first_s)]
        world.run(lambda: world.payee.last_stop)  # noqa: B023
        assert world.payee.last_stop == errors.CERTIFICATE_EXPIRED


def test_a_renewal_that_is_no_better_changes_nothing():
    """A vehicle cannot know under which certificate the pole went on."""
    issued_s, ends_s = NOW_S + 10, NOW_S + 50
    first = certificate(issued_at_s=issued_s, expires_at_s=ends_s)
    for renewal in (
        certificate(issued_at_s=issued_s, expires_at_s=ends_s),
        certificate(issued_at_s=issued_s, expires_at_s=ends_s - 1),
        certificate(expires_at_s=NOW_S + 1),
        certificate(issued_at_s=issued_s - 1, expires_at_s=ends_s + DAY_S),
    ):
        world = Pair(pole={"renew_before_s": 48}, certificates=[first], time_s=issued_s)
        world.charge(1)
        world.renewals = [certificate(issued_at_s=issued_s, expires_at_s=ends_s + DAY_S)]
        answers = []

        def bend(sender, payload):
            if payload[0] == RENEW:
                message = messages.decode(payload)
                message.certificate = renewal.to_bytes()  # noqa: B023
                return [messages.encode(message)]
            if payload[0] == RENEWED:
                answers.append(messages.decode(payload).expires_at_s)  # noqa: B023
            return [payload]

        world.bend = bend
        world.run(lambda: answers)  # noqa: B023
        world.steps(200)
        assert world.payee.last_stop is None and world.payer.last_stop is None
        assert set(answers) == {ends_s} and len(answers) == 1
        assert world.payee.charging.certificate.expires_at_s == ends_s


def test_a_vehicle_that_was_restored_renews_with_what_ends_after_the_poles_own_certificate():
    """The vehicle shows an old certificate, and the pole goes on under its own, newer one."""
    old = certificate(expires_at_s=NOW_S + 2_000)
    newer = certificate(issued_at_s=NOW_S + 10, expires_at_s=NOW_S + 4_000)
    too_short = certificate(issued_at_s=NOW_S + 20, expires_at_s=NOW_S + 3_900)
    best = certificate(issued_at_s=NOW_S + 20, expires_at_s=NOW_S + 4_001)
    world = Pair(pole={"renew_before_s": 3_990}, certificates=[newer])
    world.charge(3)
    world.replug()
    world.certificates[:] = [old]
    world.boot_vehicle()
    world.charge(3)
    renews = []
    world.bend = bending(RENEW, renews.append, 1_000)
    world.renewals = [too_short]
    world.steps(15 * 50)
    assert not renews and world.payee.session.sequence
    assert world.payee.last_stop is None
    world.renewals = [best]
    world.run(lambda: world.payee.charging.certificate.expires_at_s == best.expires_at_s)
    assert len(renews) == 1


def test_a_renewal_that_is_lost_raises_no_limit_too_early():
    """The deposit was raised near its end. The pole takes no more than it knows of."""
    capacity = 30 * PACKET_PRICE
    for lost in range(4):
        for left in (700, 1_000, 1_300):
            small = certificate(capacity=capacity, expires_at_s=NOW_S + 200)
            large = certificate(
                capacity=10 * capacity, issued_at_s=NOW_S + 5, expires_at_s=NOW_S + DAY_S
            )
            world = Pair(pole={"renew_before_s": 199}, certificates=[small])
            world.charge(1)
            while world.payer.record.amount_due <= capacity - left:
                world.step()
            world.bend = losing(RENEW, lost)
            world.renewals = [large]
            world.steps(10 * 50)
            assert world.payee.last_stop in (None, errors.CAPACITY_EXHAUSTED)
            assert world.payer.last_stop in (None, errors.CAPACITY_EXHAUSTED)


def test_nothing_is_asked_before_the_first_invoice_is_paid():
    """INVOICE 1 may be lost, and then the vehicle does not know yet that the session is open."""
    dearer = PRICE * 5 // 4
    for pole, ends_s in (
        ({}, NOW_S + 50),
        ({"prices": [[0, PRICE], [NOW_S + 1, dearer]]}, NOW_S + DAY_S),
    ):
        rows = pole.get("prices", [[0, PRICE]])
        pole = {"prices": [{"from_s": from_s, "price_per_kwh": price} for from_s, price in rows]}
        world = Pair(pole=pole, certificates=[certificate(expires_at_s=ends_s)])
        world.plugged = False
        world.steps(48)  # the OFFER comes in the last moment of the old price
        world.plugged = True
        sent = []

        def bend(sender, payload):
            sent.append(payload[0])  # noqa: B023
            return [] if payload[0] == INVOICE and sent.count(INVOICE) <= 2 else [payload]  # noqa: B023

        world.bend = bend
        world.steps(100)
        assert world.payee.last_stop is None and world.payer.last_stop is None
        asked = [number for number in sent if number in (TARIFF, RENEW_REQUEST)]
        assert asked and sent.index(asked[0]) > sent.index(UPDATE)


def test_the_cover_of_a_price_counts_the_credit_that_the_first_payment_earns():
    prices = [(0, PRICE), (NOW_S + 1, PRICE * 3 // 2)]
    pole = {"prices": [{"from_s": from_s, "price_per_kwh": price} for from_s, price in prices]}
    world = Pair(pole=pole, vehicle={"max_price_per_kwh": PRICE * 3})
    world.plugged = False
    world.steps(48)
    world.plugged = True
    world.charge(3)
    world.run(lambda: world.payee.charging.tariff.price_per_kwh == PRICE * 3 // 2)
    assert world.payee.last_stop is None


def test_a_certificate_that_comes_after_the_first_request_is_sent():
    world = Pair(
        pole={"renew_before_s": 48},
        certificates=[certificate(expires_at_s=NOW_S + 50)],
    )
    requests = []
    world.bend = bending(
        RENEW_REQUEST, lambda message: requests.append(message.sequence), times=1_000
    )
    world.charge(2)
    world.run(lambda: len(requests) >= 4)
    renewal = certificate(expires_at_s=NOW_S + DAY_S)
    world.renewals = [renewal]
    world.run(lambda: world.payee.charging.certificate.expires_at_s == renewal.expires_at_s)
    assert requests == list(range(1, len(requests) + 1))


def test_a_late_stop_or_offer_does_not_end_the_next_session():
    world = Pair()
    world.charge(2)
    kept = []
    world.bend = lambda sender, payload: (
        kept.append(bytes(payload)) or [payload] if payload[0] in (STOP, OFFER) else [payload]
    )
    world.payee.stop(errors.OWNER_STOP, world.now_ms)
    world.run(lambda: world.payer.session.is_quiet() and world.payee.charging is None)
    world.replug()
    world.run(lambda: len(kept) >= 2)
    late = kept[0]
    assert late[0] == STOP
    # The new session's OFFER comes after the STOP of the one before, and once more later.
    world.bend = lambda sender, payload: (
        [late, payload]
        if payload[0] in (HELLO, OFFER, INVOICE) and sender == "pole"
        else [payload]
    )
    world.charge(2)
    assert world.payer.last_stop is None


def pair_with_two_issuers(limit):
    """Return a pair whose pole trusts a second issuer up to `limit`, and soon asks to renew."""
    issuers = pole_values()["issuers"]
    other = dict(issuers[0])
    other["key"] = KEYS["stranger"].public_key.hex()
    other["limit"] = limit
    issuers.append(other)
    return Pair(
        pole={"issuers": issuers, "renew_before_s": 100},
        certificates=[certificate(expires_at_s=NOW_S + 50)],
    )


def test_after_a_renewal_by_another_issuer_its_limit_counts():
    world = pair_with_two_issuers(100_000)
    renewal = certificate(issuer="stranger", capacity=100_000, expires_at_s=NOW_S + DAY_S)
    world.charge(1)
    world.renewals = [renewal]
    world.run(lambda: world.payee.charging.certificate.expires_at_s == renewal.expires_at_s)
    assert world.payee.charging.certificate.issuer_key == KEYS["stranger"].public_key
    amount = world.payee.charging.record.amount
    assert world.payee_records.uncollected(KEYS["stranger"].public_key, b"") == amount
    # Until the certificate is stored with a claim, a restart brings the first issuer back.
    assert world.payee_records.uncollected(KEYS["issuer"].public_key, b"") == amount
    packets = world.payee.charging.packets
    world.run(lambda: world.payee.charging.packets > packets)
    amount = world.payee.charging.record.amount
    assert world.payee_records.uncollected(KEYS["stranger"].public_key, b"") == amount
    assert world.payee_records.uncollected(KEYS["issuer"].public_key, b"") == 0
    second = terms(salt=b"2" * 16)
    for capacity, reason in ((100_000 - amount, 0), (100_001 - amount, errors.ISSUER_LIMIT)):
        asked = certificate(second, issuer="stranger", capacity=capacity)
        assert reason == world.payee.admission.certificate_reason(
            asked, second.channel_id(), KEYS["payer"].public_key, NOW_S
        )


def test_a_renewal_moves_no_debt_to_an_issuer_that_is_trusted_for_less():
    """A second certificate of a small capacity must not free the limit of the first issuer."""
    world = pair_with_two_issuers(PACKET_PRICE)
    world.charge(4)
    world.renewals = [certificate(issuer="stranger", capacity=1, expires_at_s=NOW_S + DAY_S)]
    # The session goes on under the first issuer's certificate, to its end.
    assert world.run_to_stop() == both(errors.CERTIFICATE_EXPIRED)
    debt = world.payee_records.load(CHANNEL_ID).amount
    assert debt > PACKET_PRICE
    assert world.payee_records.uncollected(KEYS["issuer"].public_key, b"") == debt


def test_an_accept_moves_no_debt_to_an_issuer_that_is_trusted_for_less():
    world = pair_with_two_issuers(PACKET_PRICE)
    world.charge(4)
    world.replug()
    shown = certificate(issuer="stranger", capacity=PACKET_PRICE, expires_at_s=NOW_S + DAY_S)

    def change(message):
        message.certificate = shown.to_bytes()
        message.signature = KEYS["payer"].sign(world.payer.session.signed_text(message))

    world.bend = bending(ACCEPT, change)
    world.boot_vehicle()
    world.payee.last_stop = 0
    assert world.run_to_stop() == both(errors.ISSUER_LIMIT)


def test_no_claim_is_stored_under_an_issuer_whose_certificate_must_wait():
    """After a restart the debt would count for the issuer before alone."""
    world = pair_with_two_issuers(100_000)
    world.charge(4)
    world.replug()
    world.certificates[:] = [
        certificate(issuer="stranger", capacity=90_000, expires_at_s=NOW_S + DAY_S)
    ]
    while world.books.budget.take(1, world.now_ms):
        pass
    world.boot_vehicle()
    world.payee.last_stop = 0
    assert world.run_to_stop() == both(errors.STORE_FAILED)


def test_a_renewal_that_no_time_can_judge_ends_no_session():
    """For instance one of an issuer that told this pole no time. The one in use is still good."""
    later = certificate(expires_at_s=NOW_S + 2 * DAY_S)
    world = Pair(pole={"renew_before_s": 48}, certificates=[certificate(expires_at_s=NOW_S + 50)])
    world.charge(1)
    world.clock.reason = lambda certificate, now_ms, look=True: errors.TIME_UNKNOWN
    world.renewals = [later]
    world.steps(250)
    assert world.payee.charging is not None and world.payee.last_stop is None
    assert world.payee.charging.certificate.expires_at_s == NOW_S + 50


def test_a_bad_meter_neither_offers_nor_opens():
    world = Pair()
    world.meter_reason = errors.METER_STALE
    seen = []
    world.bend = lambda sender, payload: seen.append(payload[0]) or [payload]
    world.run(lambda: world.payer.last_stop)
    assert world.payer.last_stop == errors.METER_STALE
    assert OFFER not in seen and HELLO in seen

    def late(sender, payload):
        if payload[0] == OFFER:
            world.meter_reason = errors.METER_FROZEN
        # The first ACCEPT is lost; until it comes again the pole has seen its meter.
        if payload[0] == ACCEPT and not lost:
            lost.append(payload)
            return []
        return [payload]

    lost = []
    world = Pair()
    world.bend = late
    assert world.run_to_stop() == both(errors.METER_FROZEN)
    assert world.payee.last_charging is None


def test_a_pole_remembers_a_certificate_only_once_it_was_admitted():
    forged = certificate()
    forged.capacity += 1
    world = Pair(certificates=[forged])
    world.run_to_stop()
    assert world.payee_records.certificate(CHANNEL_ID) is None
    world = Pair()
    world.charge(1)
    assert isinstance(world.payee_records.certificate(CHANNEL_ID), Certificate)


def test_a_tariff_is_not_agreed_while_the_meter_is_in_doubt():
    """The register at the moment of the agreed new price must be journaled."""
    prices = [
        {"from_s": 0, "price_per_kwh": PRICE},
        {"from_s": NOW_S + 1, "price_per_kwh": PRICE // 2},
    ]
    world = Pair(pole={"prices": prices})
    doubtful = []

    def bend(sender, payload):
        if payload[0] == TARIFF_ACCEPT:
            doubtful.append(payload)
            world.meter_reason = world.pole_meter.reason = errors.METER_JUMP
            world.pole_meter.register_mwh = None
        return [payload]

    world.bend = bend
    assert world.run_to_stop() == both(errors.METER_JUMP)
    assert doubtful and world.payee.last_charging.tariff.next_price_per_kwh is None


def test_a_channel_keeps_the_payer_of_its_stored_claim():
    """XRPL draws the ids of its channels, so an issuer could name the channel of another one."""
    ledger = {"kind": "xrpl", "contract": "00" * 32}
    rows = [dict(pole_values()["issuers"][0], **ledger)]
    rows.append(dict(rows[0], key=KEYS["stranger"].public_key.hex()))
    names = {"kind": KIND_XRPL, "contract": bytes(32)}
    world = Pair(
        pole={"issuers": rows},
        certificates=[certificate(terms(**names), channel_id=CHANNEL_ID)],
    )
    world.charge(3)
    for payer, reason in (("payer", 0), ("stranger", errors.WRONG_CHANNEL)):
        shown = certificate(
            terms(payer_key=KEYS[payer].public_key, **names),
            "stranger",
            channel_id=CHANNEL_ID,
        )
        admission = world.payee.admission
        assert reason == admission.certificate_reason(
            shown, CHANNEL_ID, shown.payer_key, world.now_ms
        )
