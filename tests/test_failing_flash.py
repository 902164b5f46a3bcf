"""A flash that fails costs at most a session; the vehicle comes back, and no claim is lost."""

from joulestream import errors
from joulestream.messages import ACCEPT
from joulestream.testkit.certificates import terms
from joulestream.testkit.pair import PRICE, Meter, Pair

CHANNEL_ID = terms().channel_id()
_SECOND = 50  # steps


class Failing:
    """Lets the next `left` programs and erases of a flash fail, or all of them while it is -1."""

    def __init__(self, flash):
        self.left = 0
        self.failed = 0
        self._program, self._control = flash.writeblocks, flash.ioctl
        flash.writeblocks, flash.ioctl = self.writeblocks, self.ioctl

    def writeblocks(self, block, buffer, offset=0):
        self._fail()
        self._program(block, buffer, offset)

    def ioctl(self, operation, argument):
        if operation == 6:
            self._fail()
        return self._control(operation, argument)

    def _fail(self):
        if self.left:
            self.left -= self.left > 0
            self.failed += 1
            raise OSError(5)


SIDES = ("pole_flash", "vehicle_flash")


def failing(side):
    """Return a pair, and its flash `side` that fails as told."""
    world = Pair(vehicle={"reconnect_ms": 1_000})
    return world, Failing(getattr(world, side))


def check_money(world):
    """Check that the pole's stored claim is the vehicle's, and that no energy is billed twice."""
    world.replug()
    stored = world.payee_records.load(CHANNEL_ID)
    signed = world.wallet.load(CHANNEL_ID).signed
    assert stored.amount_due <= stored.amount <= signed
    assert stored.amount_due == world.pole_energy_mwh * PRICE // 1_000_000


def test_one_failed_program_ends_no_session():
    for side in SIDES:
        world, flash = failing(side)
        world.charge(3)
        for _ in range(4):
            packets = world.payee.charging.packets
            world.erase_ahead()
            flash.left = 1
            world.charge(packets + 2)
            assert world.payee.last_stop is None and world.payer.last_stop is None
        assert flash.failed == 4 and flash.left == 0
        check_money(world)


def fail_for_seconds(side, reason):
    """Let a flash fail for ten seconds: the pole delivers nothing, and goes on afterwards."""
    world, flash = failing(side)
    world.charge(5)
    flash.left = -1
    world.run(lambda: world.payee.charging is None)
    delivered_mwh = world.pole_energy_mwh
    reasons = set()
    for _ in range(10 * _SECOND):
        world.step()
        reasons.add(world.payee.last_stop)
        assert not world.payee.may_energise()
    assert world.pole_energy_mwh == delivered_mwh
    assert reason in reasons
    flash.left = 0
    world.run(lambda: world.payee.charging is not None and world.payee.charging.packets > 3)
    assert world.pole_energy_mwh > delivered_mwh
    check_money(world)


def test_after_seconds_of_a_failing_flash_of_the_pole_the_vehicle_comes_back():
    fail_for_seconds("pole_flash", errors.STORE_FAILED)


def test_after_seconds_of_its_own_failing_flash_the_vehicle_comes_back():
    fail_for_seconds("vehicle_flash", errors.WALLET_UNABLE)


def test_an_offer_waits_until_the_session_before_is_billed_to_its_end():
    """The flash failed once while a doubt of the meter ended the session, so two debts wait."""
    world, flash = failing("pole_flash")
    world.charge(5)
    world.meter_reason = errors.METER_SILENT
    world.step()
    flash.left = -1
    world.run(lambda: world.payee.charging is None)
    assert world.books.has_rest
    flash.left = 0
    world.steps(10)
    world.pole_energy_mwh += 900
    world.own_energy_mwh += 900
    world.meter_reason = 0
    world.payee.last_stop = None
    world.run(lambda: world.payee.charging is not None or world.payee.last_stop)
    assert world.payee.last_stop is None
    assert world.payee.charging.start_energy_mwh == world.pole_energy_mwh
    world.charge(3)


def test_an_offer_whose_record_has_changed_is_not_accepted():
    world = Pair(vehicle={"reconnect_ms": 1_000})
    world.charge(3)
    world.replug()
    before = world.payee_records.load(CHANNEL_ID)
    meter = Meter()
    meter.total_mwh = world.books.total_mwh + 500

    def bend(sender, payload):
        if payload[0] == ACCEPT and world.books.total_mwh < meter.total_mwh:
            # Contacts that weld let energy flow, for instance.
            world.books.bill_rest(meter)
        return [payload]

    world.bend = bend
    world.payee.last_stop = world.payer.last_stop = 0
    assert world.run_to_stop() == (errors.STORE_FAILED, errors.STORE_FAILED)
    assert world.payee_records.load(CHANNEL_ID).energy_mwh == before.energy_mwh + 500
    world.own_energy_mwh += 500
    world.charge(3)
