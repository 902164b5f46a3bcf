"""One watt-hour of the own meter pays one channel, and only once. No pole can change that.

The pole's side is the real payee. A test changes its record behind its back, or its key.
"""

from joulestream import errors
from joulestream.device import journal_keys
from joulestream.testkit.certificates import KEYS, NOW_S, certificate, terms
from joulestream.testkit.flash import RamFlash
from joulestream.testkit.pair import PACKET_PRICE, PRICE, Pair
from joulestream.units import energy_from_power

CHANNEL_ID = terms().channel_id()
OTHER = terms(payee_key=KEYS["stranger"].public_key)
PREPAY = 2 * PACKET_PRICE
COMING_BACK = {"reconnect_ms": 40}
# The pole's link timeout, its meter's interval and its contactor's opening (OFFER).
TAIL_MS = 2_000 + 300
TAIL_MWH = energy_from_power(11_500_000, TAIL_MS)
# Both registers count in steps of 1 Wh.
STEPS_MWH = 2_000
HOME_MWH = 100_000


def worth(own_mwh):
    """Return the most that is due for energy of which the own meter counted `own_mwh`."""
    return (own_mwh * 103 // 100 + STEPS_MWH) * PRICE // 1_000_000


def signed(world, channel_id=CHANNEL_ID):
    record = world.wallet.load(channel_id)
    return 0 if record is None else record.signed


def own_mwh(world, channel_id=CHANNEL_ID):
    """Return the energy that the vehicle has given to the channel by now."""
    record = world.wallet.load(channel_id)
    return 0 if record is None else record.own_mwh


def ask_more(world, energy_mwh, channel_id=CHANNEL_ID):
    """Let the pole carry over `energy_mwh` that it never delivered, at the agreed price."""
    record = world.payee_records.load(channel_id)
    record.energy_mwh += energy_mwh
    record.amount_due += energy_mwh * PRICE // 1_000_000
    world.pole_journal.erase_ahead()
    world.pole_journal.put(journal_keys.PAYEE_RECORD + channel_id, record.to_bytes())
    world.payee_records.__init__(world.pole_journal, world.pole_config.max_channels)


def drop_session(world):
    """Let the pole forget its open session: no STOP, no receipt."""
    world.payee.session.abort()
    world.payee.charging = None


def charge_or_quarrel(world, packets):
    """Run until so many packets are paid, or the vehicle refuses a debt."""
    world.payer.packets = 0
    world.run(
        lambda: world.payer.packets >= packets or world.payer.last_stop == errors.CARRIED_DEBT
    )


def settle(world):
    """Wait until the vehicle has given away all energy of the session that ended."""
    world.steps(3 * TAIL_MS // 20)


def test_energy_from_home_justifies_no_bill():
    world = Pair(vehicle=COMING_BACK)
    for _ in range(12):
        charge_or_quarrel(world, 3)
        world.replug()
        world.plugged = False
        settle(world)
        world.own_energy_mwh += HOME_MWH
        world.plugged = True
        ask_more(world, 5_000)
    assert own_mwh(world) <= world.pole_energy_mwh
    assert signed(world) <= worth(world.pole_energy_mwh) + PREPAY


def test_energy_of_one_key_justifies_no_bill_of_another():
    """One pole, two keys: it asks again for the energy that it was paid for under the first."""
    world = Pair(vehicle=COMING_BACK, certificates=[certificate(), certificate(OTHER)])
    flashes = {"payee": world.pole_flash, "stranger": RamFlash()}
    ids = {"payee": CHANNEL_ID, "stranger": OTHER.channel_id()}
    for visit in range(8):
        key = ("payee", "stranger")[visit % 2]
        drop_session(world)
        world.pole_flash = flashes[key]
        world.boot_pole(NOW_S, key)
        if visit > 1:
            ask_more(world, 5_000, ids[key])
        charge_or_quarrel(world, 4)
        world.replug()
    paid = signed(world) + signed(world, ids["stranger"])
    most = worth(world.own_energy_mwh) + STEPS_MWH * PRICE // 1_000_000 + 2 * PREPAY
    assert paid <= most, (paid, most)
    assert own_mwh(world) + own_mwh(world, ids["stranger"]) <= world.own_energy_mwh


def test_after_the_tail_energy_belongs_to_no_channel():
    assert given_late(TAIL_MS // 2) >= 3_000
    assert given_late(2 * TAIL_MS + 1_000) < 3_000


def given_late(wait_ms):
    """Return the energy that the channel gets, 3 Wh of which come so long after its session."""
    world = Pair(vehicle={"reconnect_ms": 60_000})
    world.charge(5)
    before_mwh = own_mwh(world)
    world.bend = lambda sender, payload: []
    world.run(lambda: world.payer.last_stop == errors.LINK_TIMEOUT)
    drop_session(world)
    world.steps(wait_ms // 20)
    world.own_energy_mwh += 3_000
    settle(world)
    return own_mwh(world) - before_mwh - (world.pole_energy_mwh - before_mwh)


def test_unplugging_ends_the_tail():
    world = Pair(vehicle={"reconnect_ms": 60_000})
    world.charge(5)
    before_mwh = own_mwh(world)
    world.plugged = False
    world.steps(1_000 // 20)  # until the own meter has shown all
    world.own_energy_mwh += 3_000
    world.bend = lambda sender, payload: []
    world.plugged = True
    settle(world)
    assert own_mwh(world) - before_mwh < 3_000


def test_what_flowed_before_a_start_counts_up_to_the_tail_and_once():
    world = Pair(vehicle=COMING_BACK)
    world.charge(5)
    before_mwh = own_mwh(world)
    world.bend = lambda sender, payload: []
    for _ in range(5):
        world.own_energy_mwh += HOME_MWH
        world.boot_vehicle()
        world.steps(20)
    settle(world)
    more_mwh = own_mwh(world) - before_mwh
    assert 0 < more_mwh <= TAIL_MWH, (more_mwh, TAIL_MWH)
    for _ in range(5):
        world.own_energy_mwh += HOME_MWH
        world.boot_vehicle()
        settle(world)
    assert own_mwh(world) - before_mwh == more_mwh


def test_an_honest_pole_is_paid_for_all_that_flowed_before_the_vehicle_fell_silent():
    """The link is cut; the pole goes on until its own timeout, which may be the longer one."""
    unproven(2_000)
    unproven(6_000)


def unproven(timeout_ms):
    world = Pair(
        pole={"credit": 60 * PACKET_PRICE, "link_timeout_ms": timeout_ms},
        vehicle={"reconnect_ms": 8_000},
    )
    world.charge(70)
    world.bend = lambda sender, payload: []
    world.run(lambda: world.payee.charging is None)
    world.bend = None
    world.charge(3)
    assert world.payer.record.unproven_amount <= 1


def test_an_estimate_that_ran_ahead_of_the_register_takes_nothing_from_the_next_session():
    """The total stands still until the register has caught up. The pole bills meanwhile."""
    world = Pair(vehicle=COMING_BACK)
    world.charge(8)
    world.replug()
    world.own_energy_mwh += 5_000
    world.own_meter.unsure_mwh = 5_000
    world.run(lambda: world.payee.charging is not None)
    before_mwh = world.pole_energy_mwh
    world.own_percent = 0
    world.run(lambda: world.payer.last_stop or world.pole_energy_mwh >= before_mwh + 5_000)
    assert not world.payer.last_stop


def test_a_wallet_that_was_restored_gives_no_energy_twice():
    world = Pair(vehicle=COMING_BACK)
    world.charge(3)
    old = world.vehicle_flash.copy()
    for _ in range(4):
        world.charge(20)
        drop_session(world)
        world.vehicle_flash = old.copy()
        world.boot_vehicle()
        world.run(lambda: world.payer.packets)
        assert own_mwh(world) <= world.pole_energy_mwh
        world.replug()


def test_a_vehicle_without_a_meter_counts_its_power_for_one_channel_at_a_time():
    vehicle = {"audit": "power", "reconnect_ms": 40}
    world = Pair(vehicle=vehicle, certificates=[certificate(), certificate(OTHER)])
    total_mwh = world.own_energy_mwh
    flashes = {"payee": world.pole_flash, "stranger": RamFlash()}
    for key in ("payee", "stranger", "payee", "stranger"):
        world.replug()
        world.pole_flash = flashes[key]
        world.boot_pole(NOW_S, key)
        world.payer.packets = 0
        world.run(lambda: world.payer.packets >= 4)
    world.replug()
    both_mwh = own_mwh(world) + own_mwh(world, OTHER.channel_id())
    assert both_mwh <= world.own_energy_mwh - total_mwh
