"""The pole's rules for opening, renewing and ending a session, against one that bends them."""

from joulestream import errors, messages
from joulestream.channel import KIND_XRPL, Certificate, Claim
from joulestream.messages import (
    ACCEPT,
    HELLO,
    INVOICE,
    OFFER,
    RENEW,
    RENEW_REQUEST,
    STOP,
    TARIFF,
    TARIFF_ACCEPT,
    UPDATE,
)
from joulestream.testkit.certificates import DAY_S, KEYS, NOW_S, certificate, terms
from joulestream.testkit.pair import PACKET_PRICE, PRICE, Pair, bending, both, pole_values

CHANNEL_ID = terms().channel_id()


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
        (certificate(expires_at_s=first_s), errors.BAD_FIELD),
        (certificate(expires_at_s=first_s - 1), errors.BAD_FIELD),
        (certificate(expires_at_s=NOW_S), errors.CERTIFICATE_EXPIRED),
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
        assert world.run_to_stop()[0] == reason, errors.reason_name(reason)
        kept = world.payee_records.certificate(CHANNEL_ID)
        assert kept.expires_at_s == first_s


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


def test_after_a_renewal_by_another_issuer_its_limit_counts():
    issuers = pole_values()["issuers"]
    other = dict(issuers[0])
    other["key"] = KEYS["stranger"].public_key.hex()
    other["limit"] = 100_000
    issuers.append(other)
    world = Pair(
        pole={"issuers": issuers, "renew_before_s": 100},
        certificates=[certificate(expires_at_s=NOW_S + 50)],
    )
    renewal = certificate(issuer="stranger", capacity=100_000, expires_at_s=NOW_S + DAY_S)
    world.charge(1)
    world.renewals = [renewal]
    world.run(lambda: world.payee.charging.certificate.expires_at_s == renewal.expires_at_s)
    assert world.payee.charging.certificate.issuer_key == KEYS["stranger"].public_key
    amount = world.payee.charging.record.amount
    assert world.payee_records.uncollected(KEYS["stranger"].public_key, b"") == amount
    assert world.payee_records.uncollected(KEYS["issuer"].public_key, b"") == 0
    second = terms(salt=b"2" * 16)
    for capacity, reason in ((100_000 - amount, 0), (100_001 - amount, errors.ISSUER_LIMIT)):
        asked = certificate(second, issuer="stranger", capacity=capacity)
        assert reason == world.payee.admission.certificate_reason(
            asked, second.channel_id(), KEYS["payer"].public_key, NOW_S
        )


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
