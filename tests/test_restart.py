"""Reboots, link cuts, lost frames and new prices between honest ends.

Nothing is lost or invented, and charging goes on.
"""

from joulestream import errors, messages
from joulestream.device.payee_records import PayeeRecords
from joulestream.messages import INVOICE, OFFER, RECEIPT, UPDATE
from joulestream.testkit.certificates import NOW_S, certificate, terms
from joulestream.testkit.flash import mount
from joulestream.testkit.pair import PACKET_PRICE, PRICE, STEP_MS, Pair, bending, pole_values
from joulestream.testkit.random import Random

CHANNEL_ID = terms().channel_id()
COARSE = 32


def stored(world):
    """Return the record as a pole that boots now would find it."""
    return PayeeRecords(mount(world.pole_flash.copy()), 64).load(CHANNEL_ID)


def greet_anew(world):
    """Let the vehicle forget its session without a STOP, and greet again."""
    world.payer.session.abort()
    world.payer.visit.begin()


def unpaid_by_now(world):
    """Stop paying, run until the pole delivers no more; return the unpaid amount."""
    world.bend = lambda sender, payload: [] if payload[0] == UPDATE else [payload]
    world.run(lambda: not world.payee.may_energise())
    return world.payee.charging.unpaid


def test_nothing_is_acknowledged_before_it_is_stored():
    """Each INVOICE after the first, and the RECEIPT, acknowledge the best claim."""
    acknowledged = []

    def bend(sender, payload):
        if payload[0] in (INVOICE, RECEIPT):
            amount = world.payee.charging.record.amount
            assert stored(world).amount == amount
            acknowledged.append(amount)
        return [payload]

    world = Pair()
    world.bend = bend
    world.charge(6)
    world.payer.stop(errors.OWNER_STOP, world.now_ms)
    world.run_to_stop()
    assert len(set(acknowledged)) >= 6


def test_a_greeting_in_mid_session_forgets_no_debt():
    world = Pair(vehicle={"reconnect_ms": 40})
    world.charge(8)
    unpaid_by_now(world)
    for _ in range(4):
        charge = world.payee.charging
        offers = []
        world.bend = lambda sender, payload: (
            (
                offers.append(messages.decode(payload)) if payload[0] == OFFER else None  # noqa: B023
            )
            or ([] if payload[0] == UPDATE else [payload])
        )
        greet_anew(world)
        world.run(lambda: world.payee.charging is not charge)  # noqa: B023
        world.run(lambda: offers)  # noqa: B023
        assert offers[0].energy_mwh == world.pole_energy_mwh
        assert offers[0].amount_due == world.pole_energy_mwh * PRICE // 1_000_000
        world.steps(20)
    record = stored(world)
    step = world.step_energy_mwh * PRICE // 1_000_000 + 1
    assert record.amount_due - record.amount <= 3 * PACKET_PRICE + step


def test_what_flows_until_the_contactor_is_open_is_billed():
    """A meter shows the last energy some intervals late, after a STOP and after a HELLO."""
    world = Pair()
    world.charge(5)
    world.payer.stop(errors.OWNER_STOP, world.now_ms)
    world.run(lambda: world.payee.last_stop)
    world.steps(500 // STEP_MS)
    world.pole_energy_mwh += 700
    world.own_energy_mwh += 700
    world.run_to_stop()
    assert world.payee.receipt.energy_mwh == world.pole_energy_mwh
    assert stored(world).energy_mwh == world.pole_energy_mwh

    world = Pair(vehicle={"reconnect_ms": 40})
    world.charge(5)
    greet_anew(world)
    charge = world.payee.charging
    world.run(lambda: world.payee.last_stop == errors.RESTARTED)
    world.steps(500 // STEP_MS)
    world.pole_energy_mwh += 700
    world.own_energy_mwh += 700
    world.run(lambda: world.payee.charging is not charge)
    assert stored(world).energy_mwh == world.pole_energy_mwh


def test_a_receipt_covers_what_no_invoice_asked_for():
    """Energy that is prepaid needs no further invoice."""
    world = Pair(pole={"packet_energy_mwh": 1_000})
    world.charge(5)
    world.run(lambda: world.payee.charging.has_uninvoiced_energy())
    assert world.payee.charging.unpaid < 0
    receipts = []
    world.bend = lambda sender, payload: (
        (receipts.append(messages.decode(payload)) if payload[0] == RECEIPT else None) or [payload]
    )
    world.payer.stop(errors.OWNER_STOP, world.now_ms)
    world.run_to_stop()
    assert receipts[0].energy_mwh == world.pole_energy_mwh
    assert receipts[0].amount_due == world.pole_energy_mwh * PRICE // 1_000_000


def test_the_amount_due_is_exact_over_many_restarts():
    """At 32 units per kWh a unit is 31 Wh: no session loses the part that it rounds off."""
    world = Pair(
        pole={
            "prices": [{"from_s": 0, "price_per_kwh": COARSE}],
            "credit": 1,
            "prepay": 1,
            "packet_energy_mwh": 10_000,
        },
        vehicle={"max_price_per_kwh": 40, "prepay": 2, "reconnect_ms": 40, "budget": 5_000},
    )
    world.step_energy_mwh = 317
    world.charge(3)
    remainders = set()
    for count in range(40):
        start_mwh = world.pole_energy_mwh
        world.run(lambda: world.pole_energy_mwh >= start_mwh + 1_777 * (4 + count % 9))  # noqa: B023
        if count % 3 == 2:
            world.replug()
            world.boot_pole(NOW_S)
        else:
            charge = world.payee.charging
            greet_anew(world)
            world.run(lambda: world.payee.charging is not charge)  # noqa: B023
        record = stored(world)
        numerator = world.pole_energy_mwh * COARSE
        assert record.energy_mwh == world.pole_energy_mwh
        assert record.amount_due == numerator // 1_000_000
        assert record.remainder == numerator % 1_000_000
        remainders.add(record.remainder)
        world.run(world.payee.may_energise)
    assert len(remainders) > 20
    # After a power cut in mid-session the record is that of the last claim.
    world.charge(4)
    record_paid = stored(world)
    numerator = record_paid.energy_mwh * COARSE
    assert record_paid.amount_due == numerator // 1_000_000
    assert record_paid.remainder == numerator % 1_000_000
    assert world.payee.charging.record.amount >= record.amount_due


def test_a_store_that_fails_at_the_end_of_a_session_is_asked_again_before_the_next():
    world = Pair(vehicle={"reconnect_ms": 40})
    world.charge(8)
    unpaid_by_now(world)
    debt = world.payee.charging.unpaid
    delivered_mwh = world.pole_energy_mwh
    program = world.pole_flash.writeblocks

    def fail(*arguments):
        raise OSError(5)

    world.pole_flash.writeblocks = fail
    refusals = []
    for _ in range(3):
        world.run(lambda: world.payee.charging is None)
        world.payee.last_stop = 0
        greet_anew(world)
        world.run(lambda: world.payee.last_stop)
        refusals.append(world.payee.last_stop)
    assert refusals == [errors.STORE_FAILED] * 3
    assert world.pole_energy_mwh == delivered_mwh
    world.pole_flash.writeblocks = program
    offers = []
    world.bend = bending(OFFER, offers.append, 9)
    greet_anew(world)
    world.run(lambda: offers)
    assert offers[0].amount_due - offers[0].best_amount == debt
    record = stored(world)
    assert record.energy_mwh == delivered_mwh
    assert record.amount_due - record.amount == debt


def history(seed, kind):
    """Let many events of one kind happen between honest ends.

    Returns "" when charging went on to the end, else the reason why it did not.
    """
    random = Random(seed)

    def choice(*values):
        return values[random.below(len(values))]

    price = choice(320_000, 333_333, 17, 99_991)
    packet_mwh = choice(1_000, 1_777, 5_000)
    packet = -(-price * packet_mwh // 1_000_000)
    prices = [{"from_s": 0, "price_per_kwh": price}]
    if kind == "tariff":
        for count in range(1, 10):
            other = choice(price, max(price // 2, 1), price + price // 4)
            prices.append({"from_s": NOW_S + 7 * count, "price_per_kwh": other})
    issuers = pole_values()["issuers"]
    issuers[0]["limit"] = 10**12
    world = Pair(
        pole={
            "prices": prices,
            "packet_energy_mwh": packet_mwh,
            "credit": choice(0, 4, 6) * packet,
            "prepay": 2 * packet,
            "packet_ms": 1_000,
            "issuers": issuers,
        },
        vehicle={
            "prepay": 4 * packet,
            "max_price_per_kwh": 1_000_000,
            "reconnect_ms": 200,
            "budget": 10**9,
        },
        certificates=[certificate(capacity=10**9)],
    )
    world.own_percent = choice(98, 99, 100, 101)
    loss = choice(0, 2, 10)
    cut = [False]
    world.bend = lambda sender, payload: [] if cut[0] or random.below(100) < loss else [payload]
    for _ in range(8):
        event = choice(kind, "cut", "none") if kind != "cut" else "cut"
        if event in ("cut", "vehicle"):
            cut[0] = True
            world.steps(1 + random.below(180))
            cut[0] = False
        if event == "vehicle":
            world.boot_vehicle()
        elif event == "pole":
            world.boot_pole(NOW_S + world.now_ms // 1_000)
        before_mwh = world.pole_energy_mwh
        world.steps(500 + random.below(300))
        if world.payer.visit.is_over or world.pole_energy_mwh == before_mwh:
            reason = world.payer.last_stop or world.payee.last_stop
            return errors.reason_name(reason) or "no progress"
    return ""


def test_honest_ends_go_on_charging_whatever_happens_between():
    for kind in ("cut", "vehicle", "pole", "tariff"):
        for seed in range(1, 13):
            why = history(seed, kind)
            assert not why, (kind, seed, why)
