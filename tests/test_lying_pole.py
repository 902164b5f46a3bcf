"""A pole that breaks the rules on purpose: the vehicle refuses, and signs no more than it owes.

The vehicle's side is the real payer. A test changes messages on the wire to tell the lie.
"""

from joulestream import errors, messages
from joulestream.channel import SIGNED_OFFER, SIGNED_TARIFF, Claim
from joulestream.messages import (
    HELLO,
    INVOICE,
    OFFER,
    RECEIPT,
    STOP,
    TariffChange,
    signed_body,
)
from joulestream.session_tag import name_session
from joulestream.testkit.certificates import KEYS, NOW_S, certificate, terms
from joulestream.testkit.pair import PACKET_PRICE, PRICE, Pair, bending, both, lie
from joulestream.units import energy_from_power

CLAIM = Claim(terms().channel_id())


def sign_anew(world, signed_type, message):
    """Let the pole sign `message` anew after a change."""
    session = world.payee.session
    name_session(message, session.tag)
    message.signature = KEYS["payee"].sign(session.signed(signed_type, signed_body(message)))


def changed_offer(world, **changes):
    """Return a bend in which the pole signs another offer than its rules would give."""

    def change(offer):
        for name in changes:
            setattr(offer, name, changes[name])
        sign_anew(world, SIGNED_OFFER, offer)

    return bending(OFFER, change)


def offered(**changes):
    """Return why the vehicle refuses an offer with fields changed."""
    world = Pair()
    world.bend = changed_offer(world, **changes)
    world.run(lambda: world.payer.last_stop)
    assert world.pole_energy_mwh == 0
    return world.payer.last_stop


def test_the_slowest_pole_that_a_vehicle_takes():
    """Longest packet = link timeout - wait for the vehicle's own meter."""
    for packet_ms, reason in ((1_399, None), (1_400, errors.POLE_TOO_SLOW)):
        world = Pair(pole={"packet_ms": packet_ms})
        world.run(lambda: world.payer.last_stop or world.payer.packets)  # noqa: B023
        assert world.payer.last_stop == reason


def test_offers_that_are_refused():
    assert offered(price_per_kwh=400_001) == errors.PRICE_TOO_HIGH
    assert offered(amount_due=2 * PACKET_PRICE + 1) == errors.CARRIED_DEBT
    assert offered(best_amount=1) == errors.BAD_SIGNATURE
    assert offered(issuer_count=0) == errors.UNTRUSTED_ISSUER
    assert offered(issuer_count=200) == errors.BAD_FIELD
    # A packet, and an invoice that waits for the own meter, would take the link timeout of 2 s.
    assert offered(packet_ms=1_400) == errors.POLE_TOO_SLOW
    assert offered(packet_energy_mwh=1_000_000) == errors.PREPAY_TOO_SMALL
    assert offered(payee_key=KEYS["stranger"].public_key) == errors.NO_CHANNEL
    assert offered(remainder=1_000_000) == errors.BAD_FIELD


def test_an_offer_whose_meter_is_coarser_than_a_packet_is_refused():
    assert offered(step_mwh=1_001) == errors.POLE_TOO_COARSE
    assert offered(step_mwh=100_000) == errors.POLE_TOO_COARSE
    # A step may cost one prepayment at most, with packets of any size.
    assert offered(step_mwh=2_001, packet_energy_mwh=2_001) == errors.PREPAY_TOO_SMALL
    # 11.5 kW for 314 ms are 1,003 mWh.
    assert offered(refresh_ms=314) == errors.POLE_TOO_COARSE


def test_an_offer_of_a_pole_that_stops_too_late_is_refused():
    """By default it must stop within 20 s."""
    assert offered(link_timeout_ms=20_000) == errors.POLE_TOO_SLOW
    assert offered(stop_ms=20_000) == errors.POLE_TOO_SLOW


def test_an_offer_that_comes_twice_is_refused_once():
    world = Pair()
    sent = []

    def bend(sender, payload):
        if payload[0] == STOP:
            sent.append(payload)
        return [payload, payload] if payload[0] == OFFER else [payload]

    world.pole_config.prices[0].price_per_kwh = 400_001
    world.bend = bend
    assert world.run_to_stop() == both(errors.PRICE_TOO_HIGH)
    assert len(sent) == 1


def test_an_offer_changed_on_the_wire():
    def change(offer):
        offer.price_per_kwh -= 1

    world = Pair()
    world.bend = bending(OFFER, change)
    world.run(lambda: world.payer.last_stop)
    assert world.payer.last_stop == errors.BAD_SIGNATURE


def test_an_offer_of_another_version():
    world = Pair()
    world.bend = lambda sender, payload: (
        [bytes([OFFER, 9]) + payload[2:]] if payload[0] == OFFER else [payload]
    )
    world.run(lambda: world.payer.last_stop)
    assert world.run_to_stop() == both(errors.UNKNOWN_VERSION)


def test_a_hello_of_another_version_is_refused_with_the_reason():
    world = Pair()
    world.bend = lambda sender, payload: (
        [bytes([HELLO, 2]) + payload[2:] + b"more"] if payload[0] == HELLO else [payload]
    )
    world.run(lambda: world.payer.last_stop)
    assert world.payer.last_stop == errors.UNKNOWN_VERSION
    # The pole has no session that could end.
    assert world.payee.last_stop is None


def test_an_invoice_for_energy_that_never_flowed():
    def change(invoice):
        invoice.energy_mwh += 5_000
        invoice.amount_due = invoice.energy_mwh * PRICE // 1_000_000

    world = lie(INVOICE, change, times=1_000)[0]
    assert world.payer.last_stop == errors.OVERBILLED
    signed = world.payer.record.signed
    own = world.own_energy_mwh
    assert signed <= (own * 103 // 100 + 2_000) * PRICE // 1_000_000 + 2 * PACKET_PRICE


def test_an_invoice_that_does_not_add_up():
    def change(invoice):
        invoice.amount_due += 1

    assert lie(INVOICE, change)[1] == both(errors.WRONG_AMOUNT)


def test_an_invoice_that_runs_backwards():
    def change(invoice):
        invoice.energy_mwh = 0
        invoice.amount_due = 0

    assert lie(INVOICE, change)[1] == both(errors.BAD_FIELD)


def test_an_invoice_with_its_number_used_before():
    def change(invoice):
        invoice.sequence -= 1

    assert lie(INVOICE, change)[1] == both(errors.BAD_FIELD)


def test_a_tariff_after_the_fact():
    world = Pair()
    world.charge(5)
    changed = TariffChange(price_per_kwh=PRICE + 1, from_energy_mwh=1_000)
    sign_anew(world, SIGNED_TARIFF, changed)
    world.payer.receive(messages.encode(changed), world.now_ms)
    assert world.payer.last_stop == errors.BAD_FIELD


def test_a_tariff_for_what_the_tolerance_of_a_long_session_hides():
    """The energy since the last invoice is within the tolerance of the whole session."""
    world = Pair(vehicle={"audit_percent": 15})
    world.charge(40)
    world.pole_percent = 0
    world.bend = lambda sender, payload: [] if payload[0] == INVOICE else [payload]
    until_mwh = world.own_energy_mwh + 4_600
    world.run(lambda: world.own_energy_mwh >= until_mwh)
    from_energy_mwh = world.payer.record.energy_mwh + 1_000
    changed = TariffChange(price_per_kwh=PRICE + 1, from_energy_mwh=from_energy_mwh)
    sign_anew(world, SIGNED_TARIFF, changed)
    world.payer.receive(messages.encode(changed), world.now_ms)
    assert world.payer.last_stop == errors.BAD_FIELD


def test_what_was_left_out_at_a_low_price_is_not_billed_at_a_high_one():
    """Within the tolerance the pole counts a quarter less while energy is cheap, and then more."""
    percent = 25
    prices = [
        {"from_s": 0, "price_per_kwh": PRICE // 4},
        {"from_s": NOW_S + 16, "price_per_kwh": PRICE},
    ]
    world = Pair(pole={"prices": prices}, vehicle={"audit_percent": percent})
    world.pole_percent = 100 - percent
    world.run(lambda: world.payer.tariff and world.payer.tariff.price_per_kwh == PRICE)
    channel = world.payer.record
    before = channel.own_mwh, channel.billed_mwh
    assert before[0] - before[1] > 8_000
    world.pole_percent = 300
    world.run(lambda: world.payer.last_stop)
    assert world.payer.last_stop == errors.OVERBILLED
    own_mwh = world.own_energy_mwh - before[0]
    # A step of each register, the energy of a refresh of the pole's, and that of audit_wait_ms
    # twice: before and after the price rose.
    late_mwh = energy_from_power(11_500_000, 200) + 2 * energy_from_power(11_500_000, 600)
    most_mwh = own_mwh * (100 + percent) // 100 + 2_000 + late_mwh
    assert channel.billed_mwh - before[1] <= most_mwh


def test_a_tariff_signed_by_a_stranger():
    world = Pair()
    world.charge(3)
    tariff = TariffChange(price_per_kwh=PRICE + 1, from_energy_mwh=90_000)
    tariff.signature = KEYS["stranger"].sign(world.payee.session.signed_text(tariff))
    world.payer.receive(messages.encode(tariff), world.now_ms)
    assert world.payer.last_stop == errors.BAD_SIGNATURE


def test_a_receipt_signed_by_a_stranger_is_not_kept():
    def change(receipt):
        receipt.signature = bytes(64)

    world = Pair(vehicle={"energy_wanted_mwh": 3_000})
    world.bend = bending(RECEIPT, change, 1_000)
    world.run(lambda: world.payer.last_stop and world.payee.charging is None)
    assert world.payer.receipt is None


def test_a_nonce_that_is_a_claim_empties_no_wallet():
    """The pole's nonce holds the bytes of a claim; the vehicle still signs no such claim."""
    signed = []
    signer = KEYS["payer"]

    class Watched:
        public_key = signer.public_key

        def sign(self, message):
            signed.append(bytes(message))
            return signer.sign(message)

        def sign_into(self, message, out):
            out[:] = self.sign(message)
            return out

    world = Pair()
    world.signer = Watched()
    world.boot_vehicle()
    world.pole_random = lambda size: CLAIM.message(1 << 60)[:size]
    world.charge(2)
    claims = [message for message in signed if len(message) == 44]
    others = [message for message in signed if len(message) != 44]
    assert len(others) == 1 and all(message[:4] == b"JST1" for message in others)
    assert all(message == CLAIM.message(int.from_bytes(message[36:], "big")) for message in claims)
    for bad in (bytes(CLAIM.message(5)), b"", b"CLM\0"):
        try:
            world.wallet.prove(bad)
        except ValueError:
            continue
        raise AssertionError("the wallet signed %r" % bad)


def test_the_wallet_never_signs_beyond_its_budget_or_backwards():
    world = Pair(vehicle={"budget": 5_000})
    world.run_to_stop()
    channel = world.payer.record
    for amount in (channel.signed - 1, channel.signed + world.wallet.budget_left + 1):
        try:
            world.wallet.sign_claim(terms().channel_id(), channel, amount, CLAIM)
        except ValueError:
            continue
        raise AssertionError("signed %d" % amount)
    assert channel.signed <= 5_000


def test_a_pole_that_lost_a_claim_is_still_paid_no_less():
    """An offer with an older best claim does not make the vehicle sign a smaller total."""
    world = Pair(vehicle={"energy_wanted_mwh": 5_000})
    world.run_to_stop()
    signed = world.payer.record.signed
    flash = world.pole_flash.__class__()
    again = Pair(flash=(flash, world.vehicle_flash))
    again.charge(2)
    assert again.payer.record.signed >= signed


def test_a_store_that_fails_is_never_acknowledged():
    world = Pair()
    world.charge(3)
    before = world.payee_records.load(terms().channel_id()).amount

    def fail(channel_id, record):
        raise OSError(5)

    world.payee_records.store = fail
    assert world.run_to_stop() == both(errors.STORE_FAILED)
    assert world.payee.last_charging.record.amount == before


def test_a_debt_invented_again_with_every_reconnect_is_paid_once():
    """In each session the pole asks for one more prepayment, delivers nothing and hangs up."""
    world = Pair(vehicle={"reconnect_ms": 40})
    world.step_energy_mwh = 0
    channel_id = terms().channel_id()
    for _ in range(8):
        # Before the vehicle greets, the pole invents a debt.
        record = world.payee_records.load(channel_id)
        record.amount_due = record.amount + PACKET_PRICE
        world.payee_records.admit(certificate(), record)
        world.run(lambda: world.payer.packets or world.payer.last_stop)
        if world.payer.last_stop:
            break
        world.payee.session.abort()
        world.payee.charging = None
        world.run(lambda: world.payer.last_stop == errors.LINK_TIMEOUT)
        world.payer.packets = 0
        world.payer.last_stop = 0
    assert world.payer.last_stop in (errors.CARRIED_DEBT, errors.PREPAY_TOO_SMALL)
    assert world.payer.record.signed <= 2 * PACKET_PRICE
