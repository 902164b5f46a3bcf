"""A vehicle writes its flash when it pays. A lying pole causes only few other writes."""

from joulestream import errors
from joulestream.messages import INVOICE, UPDATE, Invoice, decode, encode
from joulestream.session import OPEN
from joulestream.testkit.certificates import terms
from joulestream.testkit.pair import PRICE, Pair, bending

CHANNEL_ID = terms().channel_id()
_SECOND = 50  # steps


def count_writes(world):
    """Count the programs of the vehicle's flash from now on; return the list that holds them."""
    writes = []
    program = world.vehicle_flash.writeblocks

    def writeblocks(block, buffer, offset=0):
        writes.append(len(buffer))
        program(block, buffer, offset)

    world.vehicle_flash.writeblocks = writeblocks
    return writes


def watch_claims(world):
    """Return a list that gets the amount and the signature of each UPDATE from now on."""
    claims = []

    def note(update):
        claims.append((update.amount, bytes(update.signature)))

    world.bend = bending(UPDATE, note, 1 << 20)
    return claims


def test_packets_of_no_energy_are_answered_without_a_write():
    """An honest pole with an open contactor sends one a second, all night."""
    world = Pair()
    world.charge(3)
    world.step_energy_mwh = 0
    world.steps(5 * _SECOND)
    writes, claims = count_writes(world), watch_claims(world)
    world.steps(90 * _SECOND)
    assert len(claims) > 50 and len(set(claims)) == 1
    assert not writes
    world.step_energy_mwh = 60
    packets = world.payee.charging.packets
    world.charge(packets + 5)
    assert len(writes) >= 5
    assert world.payer.last_stop is None


def test_a_power_cut_after_claims_without_a_write_loses_nothing():
    """No session outlives the cut. So no number of it can come again, and none is stored."""
    world = Pair(vehicle={"reconnect_ms": 40})
    world.charge(4)
    world.step_energy_mwh = 0
    world.steps(10 * _SECOND)
    claims = watch_claims(world)
    world.steps(10 * _SECOND)
    stored = world.wallet.load(CHANNEL_ID)
    assert claims[-1][0] == stored.signed
    late = []
    world.bend = lambda sender, payload: (
        late.append(bytes(payload)) or [] if payload[0] == INVOICE else [payload]
    )
    world.run(lambda: late)
    world.boot_vehicle()
    again = world.wallet.load(CHANNEL_ID)
    assert (again.signed, again.number) == (stored.signed, stored.number)
    # The pole sends the old session's INVOICE in each state of the new one. It pays nothing there.
    world.bend = None
    amounts = watch_claims(world)
    for _ in range(100):
        world.step()
        if world.payer.session.state < OPEN:
            world.payer.receive(late[0], world.now_ms)
    world.step_energy_mwh = 60
    world.run(lambda: len(amounts) > 8)
    assert amounts[0][0] >= stored.signed
    numbers = [amount for amount, _ in amounts]
    assert numbers == sorted(numbers)
    assert world.wallet.load(CHANNEL_ID).number > stored.number
    due = world.wallet.load(CHANNEL_ID).amount_due
    assert due <= world.pole_energy_mwh * PRICE // 1_000_000


def test_energy_that_no_invoice_stored_still_counts_after_a_power_cut():
    """The own meter counts on while the pole bills nothing, and the record waits."""
    world = Pair(vehicle={"reconnect_ms": 40})
    world.charge(4)
    world.pole_percent = 0
    world.step_energy_mwh = 10
    world.steps(2 * _SECOND)
    hidden_mwh = world.own_energy_mwh - world.pole_energy_mwh
    assert hidden_mwh > 900
    world.step_energy_mwh = 0
    world.pole_percent = 100
    world.boot_vehicle()
    world.pole_energy_mwh += hidden_mwh
    world.run(lambda: world.payer.packets > 3)
    assert world.payer.last_stop is None and world.payee.last_stop is None
    assert world.payer.record.amount_due == world.pole_energy_mwh * PRICE // 1_000_000


def test_invoices_for_little_wait_for_the_budget_and_those_for_more_do_not():
    world = Pair()
    world.charge(3)
    world.step_energy_mwh = 0
    world.steps(5 * _SECOND)
    answers = []
    asked = [world.payer.payments.energy_mwh, world.payee.session.sequence]

    def bend(sender, payload):
        if sender == "vehicle" and payload[0] == UPDATE:
            answers.append(decode(payload).sequence)
        return [] if payload[0] in (INVOICE, UPDATE) else [payload]

    world.bend = bend
    world.payee.step = lambda *arguments: None
    payments = world.payer.payments
    invoice = Invoice(sequence=0, energy_mwh=0, amount_due=0)

    def ask(more_mwh):
        """Ask for so much energy; return the steps until the answer."""
        asked[0] += more_mwh
        asked[1] = world.payer.session.sequence + 1
        world.own_energy_mwh += more_mwh
        invoice.sequence = asked[1]
        invoice.energy_mwh = asked[0]
        invoice.amount_due = payments.tariff.amount_due(asked[0])
        world.payer.receive(encode(invoice), world.now_ms)
        steps = 0
        while asked[1] not in answers:
            world.step()
            steps += 1
            assert steps < 2 * _SECOND and world.payer.last_stop is None
        return steps

    while ask(1) == 1:
        assert len(answers) < 70
    waits = [ask(1) for _ in range(5)]
    assert min(waits) >= _SECOND - 1
    assert ask(100) == 1
    assert ask(1) >= _SECOND - 3
    writes = count_writes(world)
    while ask(0) > 1:
        pass
    assert not writes


def test_a_flash_that_fails_while_nothing_new_is_asked_for_stops_nothing():
    def fail(*arguments):
        raise OSError(5)

    world = Pair()
    world.charge(3)
    world.step_energy_mwh = 0
    world.steps(5 * _SECOND)
    world.vehicle_flash.writeblocks = fail
    world.steps(10 * _SECOND)
    assert world.payer.last_stop is None
    world.step_energy_mwh = 60
    assert world.run_to_stop() == (errors.WALLET_UNABLE, errors.WALLET_UNABLE)
