"""A vehicle that breaks the rules on purpose: refused with the reason, contactor open, claim kept.

The pole's side is the real payee; the lie is told by changing payloads on the wire.
"""

from joulestream import errors, messages
from joulestream.channel import Claim, time_bytes
from joulestream.messages import ACCEPT, TIME_TAKEN, UPDATE, Invoice, TimeProof
from joulestream.runtime import BUILT_S
from joulestream.session_tag import name_session
from joulestream.testkit.certificates import DAY_S, KEYS, NOW_S, certificate, terms
from joulestream.testkit.pair import PACKET_PRICE, PRICE, STEP_MS, Pair, bending, both, lie

CLAIM = Claim(terms().channel_id())


def sign_claim(update, amount, key="payer", claim=CLAIM):
    update.amount = amount
    update.signature = KEYS[key].sign(claim.message(amount))


def test_an_update_with_a_wrong_signature():
    def change(update):
        update.signature = bytes([update.signature[0] ^ 1]) + update.signature[1:]

    world, reasons = lie(UPDATE, change)
    assert reasons == both(errors.BAD_SIGNATURE)
    record = world.payee_records.load(terms().channel_id())
    assert KEYS["payer"].sign(CLAIM.message(record.amount)) == record.signature


def test_an_update_signed_by_another_key():
    def change(update):
        sign_claim(update, update.amount, "stranger")

    assert lie(UPDATE, change)[1] == both(errors.BAD_SIGNATURE)


def test_an_update_for_another_channel():
    other = Claim(terms(salt=b"x" * 16).channel_id())

    def change(update):
        sign_claim(update, update.amount, claim=other)

    assert lie(UPDATE, change)[1] == both(errors.BAD_SIGNATURE)


def test_an_update_that_replays_an_old_claim():
    old = {}

    def remember(update):
        old["amount"] = update.amount
        old["signature"] = update.signature

    def replay(update):
        update.amount = old["amount"]
        update.signature = old["signature"]

    world = Pair()
    world.bend = bending(UPDATE, remember)
    world.charge(4)
    best = world.payee.charging.record.amount
    world.bend = bending(UPDATE, replay)
    assert world.run_to_stop() == both(errors.AMOUNT_SHRINKS)
    assert world.payee_records.load(terms().channel_id()).amount >= best


def test_an_update_one_unit_too_little():
    def change(update):
        due = world.payee.charging.packetizer.invoiced_mwh * PRICE // 1_000_000
        sign_claim(update, due - 1)

    world = Pair()
    world.charge(4)
    # Once nothing is prepaid, an invoice asks for more than was paid before it.
    world.payer.payments.prepay = 0
    world.charge(world.payee.charging.packets + 3)
    world.bend = bending(UPDATE, change)
    assert world.run_to_stop() == both(errors.UNDERPAID)


def test_an_update_above_the_capacity():
    def change(update):
        sign_claim(update, 1_000_001)

    assert lie(UPDATE, change)[1] == both(errors.OVER_CAPACITY)


def test_an_update_for_an_invoice_that_was_never_sent():
    def change(update):
        update.sequence += 1

    assert lie(UPDATE, change)[1] == both(errors.BAD_FIELD)


def test_a_message_out_of_turn():
    def change(update):
        return messages.ReceiptAck(session=world.payer.session.tag)

    world = Pair()
    world.charge(3)
    world.bend = bending(UPDATE, change)
    assert world.run_to_stop() == both(errors.UNEXPECTED_MESSAGE)


def test_a_vehicle_that_sends_what_only_a_pole_sends():
    def change(update):
        return Invoice(sequence=update.sequence, energy_mwh=0, amount_due=0)

    assert lie(UPDATE, change)[1] == both(errors.UNEXPECTED_MESSAGE)


def test_an_accept_without_the_payers_key():
    def change(accept):
        session = world.payer.session
        accept.signature = KEYS["stranger"].sign(session.signed_text(accept))

    world = Pair()
    world.bend = bending(ACCEPT, change)
    assert world.run_to_stop() == both(errors.BAD_PROOF)


def test_an_accept_replayed_from_another_session():
    recorded = []

    def record(accept):
        recorded.append(accept)

    first = Pair(vehicle={"energy_wanted_mwh": 2_000})
    first.bend = bending(ACCEPT, record)
    first.run_to_stop()
    second = Pair()
    second.pole_random = lambda size: b"another nonce!!!"[:size]
    second.bend = bending(ACCEPT, lambda accept: recorded[0])
    assert second.run_to_stop() == both(errors.BAD_PROOF)


def test_a_prepayment_that_is_promised_bigger_than_it_was_signed():
    def change(accept):
        accept.prepay += 1

    assert lie(ACCEPT, change, after_packets=0)[1] == both(errors.BAD_PROOF)


def test_a_vehicle_that_waits_for_less_than_a_packet():
    """It would give up between two invoices, and blame the pole for it."""
    pole = {"packet_ms": 1_000, "retry_ms": 300}
    for timeout_ms, reason in ((1_299, errors.POLE_TOO_SLOW), (1_301, None)):
        vehicle = {"link_timeout_ms": timeout_ms, "retry_ms": 100}
        # It hardly waits for its meter, or it would refuse the offer itself.
        vehicle.update({"audit": "power", "audit_wait_ms": 100})
        world = Pair(pole=pole, vehicle=vehicle)
        world.run(lambda: world.payee.last_stop or world.payer.packets)  # noqa: B023
        assert world.payee.last_stop == reason


def refused(reason, pole=None, **changes):
    """Check that a certificate with fields changed is refused by the pole for `reason`."""
    channel = changes.pop("channel", None)
    issuer = changes.pop("issuer", "issuer")
    world = Pair(pole=pole, certificates=[certificate(channel, issuer, **changes)])
    assert world.run_to_stop() == both(reason)
    assert world.pole_energy_mwh == 0


def test_certificates_that_are_refused():
    refused(errors.WRONG_CHANNEL, channel_id=bytes(32))
    refused(errors.WRONG_LEDGER, channel=terms(chain_id=2))
    refused(errors.WRONG_LEDGER, channel=terms(kind=2))
    refused(errors.WRONG_LEDGER, channel=terms(asset=b"x" * 32))
    refused(errors.WRONG_LEDGER, channel=terms(base_units_per_claim_unit=2))
    refused(errors.WRONG_PAYEE, channel=terms(payout_account=b"x" * 32))
    refused(errors.UNTRUSTED_ISSUER, issuer="stranger")
    refused(errors.CERTIFICATE_EXPIRED, expires_at_s=NOW_S)
    refused(errors.ISSUER_LIMIT, capacity=2_000_001)


def test_a_certificate_is_taken_up_to_the_edge_of_its_dispute_window():
    issued_at_s = NOW_S
    edge_s = issued_at_s + 7 * DAY_S - 2 * DAY_S
    refused(errors.CERTIFICATE_WINDOW, issued_at_s=issued_at_s, expires_at_s=edge_s + 1)
    world = Pair(certificates=[certificate(issued_at_s=issued_at_s, expires_at_s=edge_s)])
    world.charge(1)


def test_a_forged_certificate():
    forged = certificate()
    forged.capacity += 1
    assert Pair(certificates=[forged]).run_to_stop() == both(errors.CERTIFICATE_FORGED)


def test_another_vehicles_certificate():
    def change(accept):
        accept.certificate = certificate(terms(payer_key=KEYS["stranger"].public_key)).to_bytes()

    assert lie(ACCEPT, change, after_packets=0)[1] == both(errors.WRONG_CHANNEL)


def test_a_certificate_for_another_pole():
    def change(accept):
        channel = terms(payee_key=KEYS["stranger"].public_key)
        accept.certificate = certificate(channel, channel_id=terms().channel_id()).to_bytes()

    assert lie(ACCEPT, change, after_packets=0)[1] == both(errors.WRONG_PAYEE)


def test_an_issuers_channels_together_stay_within_its_limit():
    world = Pair()
    world.charge(3)
    paid = world.payee.charging.record.amount
    world.payee_records.admit(certificate(terms(salt=b"2" * 16)), world.payee.charging.record)
    admission = world.payee.admission
    fits = certificate(terms(), capacity=2_000_000 - paid)
    over = certificate(terms(), capacity=2_000_000 - paid + 1)
    channel_id = terms().channel_id()
    payer_key = KEYS["payer"].public_key
    assert admission.certificate_reason(fits, channel_id, payer_key, NOW_S) == 0
    assert admission.certificate_reason(over, channel_id, payer_key, NOW_S) == errors.ISSUER_LIMIT


def test_a_vehicle_that_accepts_and_stays_silent_gets_nothing_on_a_fresh_channel():
    world = Pair()
    world.bend = lambda sender, payload: [] if payload[0] == UPDATE else [payload]
    world.run(lambda: world.payee.last_stop)
    assert world.pole_energy_mwh == 0


def test_a_vehicle_that_stops_paying_gets_no_more_than_the_credit():
    world = Pair()
    world.charge(10)
    world.bend = lambda sender, payload: [] if payload[0] == UPDATE else [payload]
    world.run(lambda: world.payee.last_stop)
    charge = world.payee.last_charging
    step = world.step_energy_mwh * PRICE // 1_000_000 + 1
    assert charge.unpaid <= 3 * PACKET_PRICE + step


def test_the_contactor_opens_when_the_credit_is_reached():
    world = Pair()
    world.charge(10)
    world.run(world.payee.may_energise)
    charge = world.payee.charging
    credit = charge.credit
    assert credit == 3 * PACKET_PRICE
    for unpaid, may in ((credit - 1, True), (credit, False), (credit + 1, False)):
        charge.unpaid = unpaid
        assert world.payee.may_energise() is may, unpaid


def test_credit_is_earned_and_never_reset_by_reconnecting():
    world = Pair(vehicle={"reconnect_ms": 100})
    gained = []
    for _ in range(5):
        world.charge(2)
        world.bend = lambda sender, payload: [] if payload[0] == UPDATE else [payload]
        world.run(lambda: world.payee.charging is None)
        world.bend = None
        record = world.payee_records.load(terms().channel_id())
        gained.append(record.amount_due - record.amount)
    step = world.step_energy_mwh * PRICE // 1_000_000 + 1
    assert max(gained) <= 3 * PACKET_PRICE + step
    record = world.payee_records.load(terms().channel_id())
    assert record.energy_mwh == world.pole_energy_mwh


def test_time_unknown_energises_nothing():
    world = Pair(time_s=None)
    assert world.run_to_stop() == both(errors.TIME_UNKNOWN)
    assert world.pole_energy_mwh == 0


def told_the_time(time_s, key="issuer", nonce=None):
    """Let somebody tell a pole without a clock the time; return the world."""
    world = Pair(time_s=None)

    def bend(sender, payload):
        if payload[0] == TIME_TAKEN:
            return []  # this vehicle knows nothing of the proof
        if payload[0] != ACCEPT:
            return [payload]
        session = world.payee.session
        proof = time_bytes(nonce or session.payee_nonce, KEYS["payee"].public_key, time_s)
        message = TimeProof(
            session=session.tag,
            issuer_key=KEYS[key].public_key,
            time_s=time_s,
            signature=KEYS[key].sign(proof),
        )
        return [messages.encode(message), payload]

    world.bend = bend
    return world


def test_an_issuers_signature_over_the_poles_nonce_gives_the_time():
    world = told_the_time(NOW_S)
    world.charge(2)
    assert world.clock.time_s(world.now_ms) >= NOW_S


def test_a_strangers_or_replayed_or_impossible_proof_of_time_is_refused():
    cases = (
        (told_the_time(NOW_S, key="stranger"), errors.UNTRUSTED_ISSUER),
        (told_the_time(NOW_S, nonce=bytes(16)), errors.BAD_TIME),
        (told_the_time(BUILT_S - 1), errors.BAD_TIME),
        (told_the_time((1 << 64) - 1), errors.BAD_TIME),
    )
    for world, reason in cases:
        world.run(lambda world=world: world.payee.last_stop)
        assert world.payee.last_stop == reason
        assert world.pole_energy_mwh == 0


def test_an_offer_is_not_kept_alive_to_use_an_old_proof_of_time():
    """A proof of time that is kept for days would revive a certificate that has expired."""
    world = Pair(time_s=None)
    kept = []

    def bend(sender, payload):
        if payload[0] == ACCEPT:
            kept.append(bytes(payload))
        return [] if payload[0] in (ACCEPT, TIME_TAKEN) else [payload]

    world.bend = bend
    world.run(lambda: kept)
    world.payer.step = lambda *arguments: None
    begun_ms = world.now_ms
    number = 0
    while not world.payee.last_stop:
        number += 1
        session = world.payee.session
        proof = time_bytes(session.payee_nonce, KEYS["payee"].public_key, NOW_S + number)
        message = TimeProof(
            issuer_key=KEYS["issuer"].public_key,
            time_s=NOW_S + number,
            signature=KEYS["issuer"].sign(proof),
        )
        name_session(message, session.tag)
        world.payee.receive(messages.encode(message), world.now_ms)
        world.step()
        assert world.now_ms - begun_ms <= world.pole_config.link_timeout_ms + 2 * STEP_MS
    assert world.payee.last_stop == errors.LINK_TIMEOUT


def test_an_issuers_word_about_its_own_certificates_beats_the_boards_clock():
    """The board's clock is a day ahead, as after a wrong era, and its owner's prices follow it."""
    world = told_the_time(NOW_S)
    world.set_clock(NOW_S + 2 * DAY_S)
    world.charge(2)
    assert world.clock.time_s(world.now_ms) < NOW_S + 60
    assert world.clock.price_s > NOW_S + DAY_S


def test_a_clock_keeps_time_while_nobody_charges():
    """Ticks wrap twice in 30 days. The board has no clock that could help."""
    world = told_the_time(NOW_S)
    world.charge(2)
    world.plugged = False
    world.run(lambda: world.payee.charging is None)
    days = 30
    world.payer.step = lambda *arguments: None
    for _ in range(days * 24):
        world.now_ms = (world.now_ms + 3_600_000) % (1 << 30)
        world.step()
    assert world.clock.time_s(world.now_ms) - NOW_S - days * DAY_S < 60


def test_an_expired_certificate_after_a_power_cut_energises_nothing():
    world = Pair(certificates=[certificate(expires_at_s=NOW_S + 60)], time_s=None)
    assert world.run_to_stop() == both(errors.TIME_UNKNOWN)
