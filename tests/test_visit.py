"""When a vehicle that stays plugged in greets its pole again."""

from joulestream import errors
from joulestream.testkit.certificates import DAY_S, NOW_S
from joulestream.testkit.pair import Pair
from joulestream.vehicle.visit import Visit

PAUSE_MS = 1_000


def pause_ms(visit, reason):
    """Return the time after which the vehicle greets again; None: never."""
    visit.end_session(reason, 0)
    for at_ms in range(0, 700_000, 500):
        if visit.may_greet(at_ms):
            return at_ms
    return None


def test_what_passes_soon_and_what_passes_later():
    visit = Visit(PAUSE_MS, 1, bytes)
    for _ in range(3):
        assert pause_ms(visit, errors.LINK_TIMEOUT) == PAUSE_MS
    later = [pause_ms(visit, errors.CERTIFICATE_EXPIRED) for _ in range(12)]
    assert later[:4] == [1_000, 2_000, 4_000, 8_000] and later[-2:] == [600_000, 600_000]
    assert pause_ms(visit, errors.OVERBILLED) is None
    visit.begin()
    assert pause_ms(visit, errors.INTERNAL) == PAUSE_MS


def test_a_vehicle_whose_owner_wants_no_second_session_never_comes_back():
    for reason in (errors.LINK_TIMEOUT, errors.CERTIFICATE_OLD):
        assert pause_ms(Visit(0, 1, bytes), reason) is None


def test_a_clock_that_is_corrected_late_lets_the_vehicle_charge_all_the_same():
    world = Pair(time_s=NOW_S + 9 * 365 * DAY_S, vehicle={"reconnect_ms": PAUSE_MS})
    world.run(lambda: world.payer.last_stop == errors.CERTIFICATE_EXPIRED)
    world.set_clock(NOW_S)
    world.run(lambda: world.payer.packets >= 3)
