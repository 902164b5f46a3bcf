"""The wallet stores every claim before it signs it, and keeps to capacity and budget."""

from joulestream import errors, messages
from joulestream.channel import Claim
from joulestream.device.config import ConfigError, check_table
from joulestream.device.journal_keys import PAYER_RECORD
from joulestream.messages import INVOICE, UPDATE
from joulestream.testkit.board import MemoryBoard, Uart
from joulestream.testkit.certificates import KEYS, certificate, terms
from joulestream.testkit.flash import mount
from joulestream.testkit.pair import PRICE, Pair, RamFlash, vehicle_values
from joulestream.vehicle import config as vehicle_config
from joulestream.vehicle.main import assemble
from joulestream.vehicle.wallet import Wallet

CHANNEL_ID = terms().channel_id()


class PowerCut(Exception):
    """The power went while the flash was written."""


def watched(world, check):
    """Call `check(amount)` with every amount that leaves the vehicle."""
    amounts = []

    def bend(sender, payload):
        if payload[0] == UPDATE:
            amount = messages.decode(payload).amount
            amounts.append(amount)
            check(amount)
        return [payload]

    world.bend = bend
    return amounts


def remembered(flash, budget=500_000):
    """Return the amount signed and the budget left, for a wallet that boots with `flash`."""
    wallet = Wallet(KEYS["payer"], mount(flash.copy()), [certificate()], budget, "always")
    channel = wallet.load(CHANNEL_ID)
    return (0 if channel is None else channel.signed), wallet.budget_left


def test_no_claim_leaves_before_the_journal_holds_it():
    def check(amount):
        held, left = remembered(world.vehicle_flash)
        assert held >= amount
        assert left <= 500_000 - amount

    world = Pair()
    amounts = watched(world, check)
    world.charge(12)
    assert len(amounts) >= 12


def test_a_power_cut_never_makes_the_wallet_forget_a_claim():
    """The power goes at one write after the other; no claim left that the flash does not hold."""
    for cut_at in range(6, 16):
        flash = RamFlash()
        world = Pair(flash=(RamFlash(), flash))
        program = flash.writeblocks
        writes = [0]
        signer = KEYS["payer"]
        signed = [0]

        class Watched:
            public_key = signer.public_key

            def sign(self, message):
                if message[:4] == b"CLM\0":
                    signed[0] = max(signed[0], int.from_bytes(message[36:44], "big"))  # noqa: B023
                return signer.sign(message)  # noqa: B023

            def sign_into(self, message, out):
                out[:] = self.sign(message)
                return out

        def writeblocks(block, buffer, offset=0):
            writes[0] += 1  # noqa: B023
            if writes[0] == cut_at:  # noqa: B023
                program(block, buffer[: len(buffer) // 2], offset)  # noqa: B023
                raise PowerCut
            program(block, buffer, offset)  # noqa: B023

        world.signer = Watched()
        world.boot_vehicle()
        flash.writeblocks = writeblocks
        try:
            world.steps(400)
        except PowerCut:
            assert remembered(flash)[0] >= signed[0]
            continue
        raise AssertionError("the power was not cut")


def test_the_budget_outlives_a_power_cut():
    world = Pair(vehicle={"budget": 4_000, "reconnect_ms": 40})
    for packets in (3, 6):
        world.charge(packets)
        signed = world.wallet.load(CHANNEL_ID).signed
        world.boot_vehicle()
        assert world.wallet.budget_left == 4_000 - signed
    world.run(lambda: world.payer.last_stop == errors.BUDGET_EXHAUSTED)
    assert world.wallet.load(CHANNEL_ID).signed <= 4_000


def test_a_journal_that_fails_signs_nothing():
    def fail(*arguments):
        raise OSError(5)

    world = Pair()
    world.charge(3)
    before = remembered(world.vehicle_flash)[0]
    amounts = watched(world, lambda amount: None)
    world.vehicle_flash.writeblocks = fail
    assert world.run_to_stop() == (errors.WALLET_UNABLE, errors.WALLET_UNABLE)
    assert not amounts or max(amounts) <= before


def test_no_claim_exceeds_the_capacity():
    capacity = 8_000

    def check(amount):
        assert amount <= capacity

    world = Pair(certificates=[certificate(capacity=capacity)])
    amounts = watched(world, check)
    reasons = world.run_to_stop()
    assert reasons == (errors.CAPACITY_EXHAUSTED, errors.CAPACITY_EXHAUSTED)
    assert max(amounts) == capacity


def ended(reason):
    """Stop for `reason` while energy is unpaid that no invoice asked for.

    Returns the world, the amount signed before the stop, and the number of invoices after it.
    """
    world = Pair()
    world.charge(5)
    world.payer.payments.prepay = 0
    world.charge(8)
    charge = world.payee.charging
    world.run(lambda: charge.unpaid > 0 and not world.payee.session.is_waiting_for(UPDATE))
    before = world.payer.record.signed
    invoices = []

    def bend(sender, payload):
        if payload[0] == INVOICE:
            invoices.append(payload)
        return [payload]

    world.bend = bend
    world.payer.stop(reason, world.now_ms)
    assert world.run_to_stop() == (reason, reason)
    return world, before, len(invoices)


def test_after_a_quarrel_nothing_more_is_paid():
    """The pole's last invoice is correct, but the pole wronged the vehicle before."""
    for reason in (errors.OVERBILLED, errors.WRONG_AMOUNT, errors.BAD_SIGNATURE):
        world, before, invoices = ended(reason)
        assert invoices
        assert world.payer.record.signed == before


def test_a_friendly_end_still_pays_what_flowed():
    for reason in (errors.OWNER_STOP, errors.ENERGY_REACHED, errors.METER_SILENT):
        world, before, invoices = ended(reason)
        record = world.payee_records.load(CHANNEL_ID)
        assert invoices and record.amount > before
        assert record.amount == record.amount_due
        assert record.amount_due == world.pole_energy_mwh * PRICE // 1_000_000


def test_the_wallet_stores_no_record_that_shrinks():
    world = Pair()
    world.charge(5)
    record = world.wallet.load(CHANNEL_ID)
    record.signed -= 1
    try:
        world.wallet.store(CHANNEL_ID, record)
    except ValueError:
        assert remembered(world.vehicle_flash)[0] == record.signed + 1
    else:
        raise AssertionError("it stored a smaller amount")


def test_the_wallet_takes_no_record_from_the_journal_that_shrank():
    """An older record is written behind the running wallet's back."""
    world = Pair()
    world.charge(3)
    older = world.wallet.load(CHANNEL_ID).to_bytes()
    world.charge(6)
    world.vehicle_journal.put(PAYER_RECORD + CHANNEL_ID, older)
    try:
        world.wallet.load(CHANNEL_ID)
    except ValueError:
        return
    raise AssertionError("it took the older record")


def test_the_wallet_takes_no_record_that_spent_more_than_it_knows():
    world = Pair()
    world.charge(3)
    record = world.wallet.load(CHANNEL_ID)
    record.spent += 1
    world.vehicle_journal.put(PAYER_RECORD + CHANNEL_ID, record.to_bytes())
    try:
        world.wallet.load(CHANNEL_ID)
    except ValueError:
        return
    raise AssertionError("it took the record")


def test_another_versions_record_stops_the_start():
    """A shorter record would be misread, or the spent budget forgotten."""
    flash = RamFlash()
    journal = mount(flash)
    journal.erase_ahead()
    journal.put(PAYER_RECORD + CHANNEL_ID, bytes(70))

    board = MemoryBoard({"link": Uart(), "meter": Uart()}, flash)
    config = vehicle_config.consistent(check_table(vehicle_config.TABLE, vehicle_values()))
    try:
        assemble(config, board, KEYS["payer"], lambda: [certificate()])
    except ConfigError as error:
        assert "another version" in str(error)
    else:
        raise AssertionError("it started")


def test_a_wallet_that_lost_its_state_goes_on_from_its_best_claim():
    """With an empty or an older flash the vehicle does not spend signed money again.

    The amount that it signed and does not remember counts as spent now.
    """
    for early in (0, 3):
        world = Pair(vehicle={"energy_wanted_mwh": 8_000})
        if early:
            world.charge(early)
        old = world.vehicle_flash.copy()
        before = remembered(old)
        world.run_to_stop()
        best = world.payee_records.load(CHANNEL_ID).amount
        assert best > before[0]
        again = Pair(flash=(world.pole_flash, old))
        again.own_energy_mwh = world.own_energy_mwh
        amounts = watched(again, lambda amount: None)
        again.charge(5)
        assert min(amounts) >= best
        spent = before[1] - again.wallet.budget_left
        assert spent == max(amounts) - before[0]
        claim = Claim(CHANNEL_ID).message(max(amounts))
        assert again.payee.charging.record.signature == KEYS["payer"].sign(claim)
