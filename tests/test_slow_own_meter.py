"""The vehicle's own meter shows energy late: it charges steadily, or it names the reason."""

from types import SimpleNamespace

from joulestream.errors import POLE_TOO_SLOW, PREPAY_TOO_SMALL
from joulestream.testkit.meter import Meter
from joulestream.testkit.pair import METER
from joulestream.testkit.two_loops import TwoLoops
from joulestream.vehicle.offer_check import longest_silence_ms

POWER_MW = 11_000_000
SETTLED_MS = 60_000


def two_loops(refresh_ms, **pole):
    """Return two loops after a minute; the vehicle's own meter has that refresh."""
    pole = {"meter": METER, "packet_ms": 1_000, "credit": 960, **pole}
    vehicle = {
        "meter": dict(METER, refresh_ms=refresh_ms),
        "prepay": 12_800,
        "budget": 1 << 40,
    }
    own_meter = Meter(7_000_400, refresh_ms=refresh_ms)
    world = TwoLoops(pole, vehicle, Meter(5_000_000), own_meter, POWER_MW)
    world.run(SETTLED_MS)
    return world


def test_an_own_meter_that_is_late_by_two_seconds_charges_at_a_default_pole():
    for refresh_ms in (200, 1_000, 2_000):
        world = two_loops(refresh_ms)
        before_mwh, closings = world.flowed_mwh, world.closings
        world.run(SETTLED_MS)
        assert world.flowed_mwh - before_mwh > POWER_MW * SETTLED_MS // 3_600_000 * 99 // 100
        assert world.closings == closings == 1, refresh_ms


def test_a_pole_that_does_not_wait_for_the_own_meter_is_refused():
    for refresh_ms in (2_500, 3_500, 5_000):
        world = two_loops(refresh_ms, credit=50_000)
        assert world.vehicle.payer.last_stop == POLE_TOO_SLOW, refresh_ms
        assert world.closings == 0, refresh_ms


def test_a_pole_whose_credit_ends_before_the_own_meter_shows_energy_is_refused():
    for refresh_ms in (3_500, 5_000):
        world = two_loops(refresh_ms, link_timeout_ms=10_000)
        assert world.vehicle.payer.last_stop == PREPAY_TOO_SMALL, refresh_ms
        assert world.closings == 0, refresh_ms


def test_with_time_and_cover_a_slow_own_meter_charges():
    for refresh_ms in (3_500, 5_000):
        world = two_loops(refresh_ms, link_timeout_ms=10_000, prepay=9_600)
        assert world.vehicle.payer.last_stop is None, refresh_ms
        before_mwh = world.flowed_mwh
        world.run(SETTLED_MS)
        assert world.flowed_mwh - before_mwh > POWER_MW * SETTLED_MS // 3_600_000 * 95 // 100


def test_the_longest_silence_is_that_of_all_powers():
    """The formula's two powers are the worst ones: no power between them is silent for longer."""
    for packet_mwh in (1_000, 2_000, 5_000, 10_000):
        for packet_ms in (500, 1_000, 1_900):
            for late_ms in (0, 400, 1_200, 3_700):
                offer = SimpleNamespace(
                    max_power_mw=POWER_MW,
                    packet_energy_mwh=packet_mwh,
                    packet_ms=packet_ms,
                    step_mwh=1_000,
                )
                config = SimpleNamespace(max_power_mw=POWER_MW, own_late_ms=late_ms)
                longest_ms = max(
                    min(packet_mwh * 3_600_000 // power_mw, packet_ms)
                    + max(late_ms - 2_000 * 3_600_000 // power_mw, 0)
                    for power_mw in range(100_000, POWER_MW + 1, 100_000)
                )
                found_ms = longest_silence_ms(offer, config, 1_000)
                assert longest_ms <= found_ms <= max(longest_ms + 20, packet_ms)
