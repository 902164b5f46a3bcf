"""Current flows steadily with real meters at the speed of their lines, for minutes."""

from joulestream import errors
from joulestream.testkit.meter import Line, Meter
from joulestream.testkit.two_loops import TwoLoops
from joulestream.units import energy_from_power

POWER_MW = 11_000_000
MAX_POWER_W = 11_500
MINUTES = 2
# More than any pole here asks for.
PREPAY = 6_400
# (model, bit/s, time until it begins to answer in ms)
METERS = (
    ("sdm120", 2_400, 25),
    ("sdm120", 2_400, 200),
    ("sdm120", 9_600, 200),
    ("sdm630", 9_600, 25),
    ("sdm72d-v2", 9_600, 25),
    ("sdm120", 115_200, 5),
)
# (credit, prepayment asked for, energy of a packet)
COVERS = (
    (0, 320, None),
    (320, 0, None),
    (960, 0, None),
    (640, 0, 2_000),
    (800, 0, 2_500),
    (3_200, 0, 10_000),
)


def charging(meter, cover, prepay=PREPAY, **more):
    """Return both loops, some seconds after the contact closed; the credit is earned then."""
    model, baud, turnaround_ms = meter
    credit, asked, packet_mwh = cover
    config = {"model": model, "baud": baud}
    pole = {
        "meter": config,
        "credit": credit,
        "prepay": asked,
        "packet_ms": 1_000,
        "max_power_w": MAX_POWER_W,
        "phases": 1,
        **more,
    }
    if packet_mwh:
        pole["packet_energy_mwh"] = packet_mwh
    vehicle = {
        "meter": config,
        "prepay": prepay,
        "budget": 1 << 40,
        "max_power_w": MAX_POWER_W,
    }
    meters = []
    for register_mwh in (5_000_000, 7_000_400):
        line = Line(baud=baud, turnaround_ms=turnaround_ms)
        meters.append(Meter(register_mwh, model=model, line=line))
    loops = TwoLoops(pole, vehicle, meters[0], meters[1], POWER_MW)
    if loops.run(20_000, lambda: loops.contact):
        loops.run(10_000)
        # The credit is earned by now: the pole asks for less ahead.
        loops.pole.stop(errors.RESTARTED)
        loops.run(20_000, lambda: not loops.contact)
        loops.run(20_000, lambda: loops.contact)
    return loops


def test_the_cover_that_the_pole_asks_for_keeps_the_contactor_closed():
    for meter in METERS:
        for cover in COVERS:
            loops = charging(meter, cover)
            assert loops.contact, (meter, cover, loops.pole.status())
            closings, flowed_mwh = loops.closings, loops.flowed_mwh
            loops.run(MINUTES * 60_000)
            assert loops.closings == closings, (meter, cover)
            least_mwh = energy_from_power(POWER_MW, MINUTES * 60_000) - 100
            assert loops.flowed_mwh - flowed_mwh >= least_mwh, (meter, cover)


def test_a_coarse_claim_unit_keeps_the_contactor_closed():
    """The pole's owner gives the cover of one unit, or of a packet that costs more."""
    for price in (30, 999, 3_000):
        for credit, asked in ((0, 1), (1, 0)):
            pole = {"prices": [{"from_s": 0, "price_per_kwh": price}]}
            packets = -(-price // 1_000)
            cover = (credit * packets, asked * packets, None)
            loops = charging(("sdm120", 9_600, 25), cover, **pole)
            assert loops.contact, (price, cover, loops.pole.status())
            closings, flowed_mwh = loops.closings, loops.flowed_mwh
            loops.run(MINUTES * 60_000)
            assert loops.closings == closings, (price, cover)
            least_mwh = energy_from_power(POWER_MW, MINUTES * 60_000) - 100
            assert loops.flowed_mwh - flowed_mwh >= least_mwh, (price, cover)


def test_a_vehicle_that_pays_too_little_ahead_for_such_a_meter_is_told_so():
    loops = charging(("sdm120", 2_400, 200), (0, 320, None), prepay=640)
    assert loops.closings == 0
    assert loops.pole.payee.last_stop == errors.PREPAY_TOO_SMALL
