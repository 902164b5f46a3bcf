"""When a vehicle that stays plugged in greets its pole again."""

from joulestream import errors
from joulestream.testkit.certificates import DAY_S, NOW_S
from joulestream.testkit.meter import Line, Meter
from joulestream.testkit.pair import METER, PRICE, Pair
from joulestream.testkit.two_loops import TwoLoops
from joulestream.vehicle.visit import Visit

PAUSE_MS = 1_000
COMING_BACK = {"reconnect_ms": PAUSE_MS}
# Waits grow up to ten minutes. Here they stay far below.
SOON_MS = 300_000
# The owner's order and limits, and faults that one side charges the other with.
LASTING = (
    "OWNER_STOP",
    "ENERGY_REACHED",
    "BUDGET_EXHAUSTED",
    "BAD_FIELD",
    "BAD_PROOF",
    "AMOUNT_SHRINKS",
    "OVER_CAPACITY",
    "UNDERPAID",
    "OVERBILLED",
    "WRONG_AMOUNT",
    "CARRIED_DEBT",
)
# What mostly passes at once: nothing is gained by a longer wait.
SOON = (
    "BAD_SIGNATURE",
    "UNEXPECTED_MESSAGE",
    "LINK_TIMEOUT",
    "PAYMENT_TIMEOUT",
    "RESTARTED",
    "TIME_UNKNOWN",
    "METER_SILENT",
    "METER_STALE",
    "METER_FROZEN",
    "METER_BACKWARD",
    "METER_JUMP",
    "METER_OUT_OF_RANGE",
    "STORE_FAILED",
    "WALLET_UNABLE",
    "MEMORY_LOW",
)


def pause_ms(visit, reason, has_other=False):
    """Return the time after which the vehicle greets again; None: never."""
    visit.end_session(reason, has_other, 0)
    for at_ms in range(0, 700_000, 500):
        if visit.may_greet(at_ms):
            return at_ms
    return None


def test_each_reason_is_sorted_by_whether_it_passes_without_the_owner():
    """All 256 codes: also one that a later version adds may pass."""
    for code in range(256):
        visit = Visit(PAUSE_MS, 1, bytes)
        name = errors.reason_name(code)
        first, second = pause_ms(visit, code), pause_ms(visit, code)
        if name in LASTING:
            assert first is None, name
        else:
            assert first == PAUSE_MS, name
            assert second == (PAUSE_MS if name in SOON else 2 * PAUSE_MS), name


def test_what_passes_soon_and_what_passes_later():
    visit = Visit(PAUSE_MS, 1, bytes)
    for _ in range(3):
        assert pause_ms(visit, errors.LINK_TIMEOUT) == PAUSE_MS
    later = [pause_ms(visit, errors.CERTIFICATE_EXPIRED) for _ in range(12)]
    assert later[:4] == [1_000, 2_000, 4_000, 8_000] and later[-2:] == [600_000, 600_000]
    assert pause_ms(visit, errors.OVERBILLED) is None
    visit.begin()
    assert pause_ms(visit, errors.INTERNAL) == PAUSE_MS


def test_waits_grow_until_a_session_brought_energy():
    visit = Visit(PAUSE_MS, 1, bytes)
    for wait_ms in (1_000, 2_000, 4_000):
        visit.energy_mwh += 99_999  # too little for a session that went well
        assert pause_ms(visit, errors.UNPLUGGED) == wait_ms
    visit.energy_mwh += 100_000
    assert pause_ms(visit, errors.UNPLUGGED) == PAUSE_MS
    assert pause_ms(visit, errors.UNPLUGGED) == 2 * PAUSE_MS


def test_another_certificate_is_tried_without_a_longer_wait():
    visit = Visit(PAUSE_MS, 1, bytes)
    for _ in range(5):
        assert pause_ms(visit, errors.WRONG_LEDGER, has_other=True) == PAUSE_MS


def test_a_vehicle_whose_owner_wants_no_second_session_never_comes_back():
    for reason in (errors.LINK_TIMEOUT, errors.CERTIFICATE_OLD):
        assert pause_ms(Visit(0, 1, bytes), reason) is None


def test_a_clock_that_is_corrected_late_lets_the_vehicle_charge_all_the_same():
    world = Pair(time_s=NOW_S + 9 * 365 * DAY_S, vehicle=COMING_BACK)
    world.run(lambda: world.payer.last_stop == errors.CERTIFICATE_EXPIRED)
    world.set_clock(NOW_S)
    world.run(lambda: world.payer.packets >= 3)


def two_loops(turnaround_ms=25, **vehicle):
    """Return a pair of loops after 60 Wh, and the line of the pole's meter."""
    lines = [Line(turnaround_ms=turnaround_ms), Line(turnaround_ms=turnaround_ms)]
    meters = [Meter(5_000_000, line=lines[0]), Meter(7_000_400, line=lines[1])]
    vehicle["budget"] = 1 << 40
    world = TwoLoops({"credit": 0, "prepay": 320}, vehicle, *meters, 11_000_000)
    assert world.run(60_000, lambda: world.flowed_mwh > 60_000)
    return world, lines[0]


def flows_on(world):
    """Return whether 10 Wh more flow soon."""
    before_mwh = world.flowed_mwh
    return world.run(SOON_MS, lambda: world.flowed_mwh > before_mwh + 10_000)


def test_a_pilot_that_the_pole_alone_misread_for_one_step_ends_no_visit():
    for state in "AEF":
        world, _ = two_loops(meter=METER, prepay=6_400)
        world.glitch_pilot(state)
        reason = errors.PILOT_SHORTED if state == "E" else errors.UNPLUGGED
        assert world.pole.payee.last_stop == reason
        assert flows_on(world), state


def test_a_meter_that_is_slow_for_a_while_ends_no_visit():
    """The pole asks for more cover while its meter is slow, and for less afterwards."""
    meter = {"model": "sdm120", "baud": 9_600}
    world, line = two_loops(meter=meter, prepay=1_000)
    line.turnaround_ms = 190
    world.run(2_000)
    world.pole.stop(errors.RESTARTED)
    line.turnaround_ms = 25
    assert flows_on(world)


def test_a_dear_minute_ends_no_visit():
    """PRICE_TOO_HIGH above the owner's limit, PREPAY_TOO_SMALL where it needs more cover."""
    for dear, prepay, reason in (
        (450_000, 10_000, errors.PRICE_TOO_HIGH),
        (390_000, 350, errors.PREPAY_TOO_SMALL),
    ):
        prices = [
            {"from_s": 0, "price_per_kwh": PRICE // 2},
            {"from_s": NOW_S + 10, "price_per_kwh": dear},
            {"from_s": NOW_S + 70, "price_per_kwh": PRICE // 2},
        ]
        world = Pair(
            pole={"prices": prices, "credit": 0, "prepay": 450, "max_power_w": 3_000},
            vehicle=dict(COMING_BACK, prepay=prepay),
        )
        world.run(lambda: world.payer.last_stop == reason)  # noqa: B023
        while world.now_ms <= 71_000:
            world.step()
        before_mwh = world.pole_energy_mwh
        world.run(lambda: world.pole_energy_mwh > before_mwh + 10_000, SOON_MS)  # noqa: B023


def test_a_pole_that_always_says_unplugged_is_greeted_ever_less_often():
    world = Pair(vehicle=COMING_BACK)
    greetings = 0
    for _ in range(3_600):  # an hour, in seconds
        world.now_ms += 980
        before = world.payer.session.payer_nonce
        world.step()
        if world.payer.session.payer_nonce != before:
            greetings += 1
            world.payee.stop(errors.UNPLUGGED, world.now_ms)
            world.step()
    assert 8 <= greetings <= 20, greetings
