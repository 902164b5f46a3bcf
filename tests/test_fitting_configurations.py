"""Each configuration that is accepted charges with a fitting peer; each refusal names a field."""

from joulestream.device.config import ConfigError, check_table
from joulestream.pole.config import TABLE as POLE_TABLE
from joulestream.pole.config import consistent as consistent_pole
from joulestream.pole.cover import Cover
from joulestream.testkit.certificates import certificate
from joulestream.testkit.pair import METER, Meter, Pair, pole_values, vehicle_values
from joulestream.testkit.random import Random
from joulestream.units import energy_from_power, packet_amount
from joulestream.vehicle.config import TABLE as VEHICLE_TABLE
from joulestream.vehicle.config import consistent as consistent_vehicle

# So many of each kind: then each value below was accepted or refused at least once.
CONFIGURATIONS = 60
CHARGE_MWH = 2_000
METERS = (
    {},
    {},
    {"baud": 2_400, "turnaround_ms": 200},
    {"step_mwh": 10_000},
    {"refresh_ms": 1_000},
    {"interval_ms": 500},
)
ISSUER = pole_values()["issuers"][0]
OTHER = dict(ISSUER, key="12" * 32, limit=3_000_000)
# The usual values of a field come more often than the odd ones.
POLE = (
    ("issuers", ([ISSUER], [ISSUER, OTHER], [dict(ISSUER, asset="uUSD"), ISSUER])),
    ("prices", ([{"from_s": 0, "price_per_kwh": 320_000}], [{"from_s": 0, "price_per_kwh": 1}])),
    ("credit", (0, 320, 960, 50_000)),
    ("prepay", (0, 320, 960, 1 << 40)),
    ("packet_energy_mwh", (1_000, 1_300, 1, 4_000, 20_000)),
    ("packet_ms", (1_000, 1_000, 1_300, 25, 500, 1_900)),
    ("max_power_w", (3_700, 11_500, 22_000)),
    ("link_timeout_ms", (2_000, 2_000, 3_000, 1_000)),
    ("retry_ms", (250, 250, 20, 1_000)),
    ("max_channels", (1, 64)),
    ("min_capacity", (0, 1, 500_000, 4_000_000)),
)
VEHICLE = (
    ("prepay", (640, 3_200, 100_000, 0, 2)),
    ("audit", ("meter", "meter", "power")),
    ("audit_wait_ms", (None, None, 0, 600, 1_900, 1_980)),
    ("max_power_w", (3_700, 11_500, 22_000)),
    ("link_timeout_ms", (2_000, 2_000, 4_000, 50, 500)),
    ("max_tail_ms", (20_000, 20_000, 500, 100)),
    ("retry_ms", (250, 250, 20, 1_500)),
)


def chosen(random, table):
    """Return a value of each field; a field without one keeps its default."""
    picked = {name: values[random.below(len(values))] for name, values in table}
    picked = {name: picked[name] for name in picked if picked[name] is not None}
    picked["meter"] = dict(METER, **METERS[random.below(len(METERS))])
    return picked


def accepted(random, table, values_of, all_fields, consistent):
    """Yield changes that are accepted, with the checked configuration; check the refusals."""
    found = refused = 0
    while found < CONFIGURATIONS:
        changes = chosen(random, table)
        try:
            config = consistent(check_table(all_fields, values_of(**changes)))
        except ConfigError as error:
            refused += 1
            assert error.field.split(".")[0] in [row[0] for row in all_fields], error
            continue
        found += 1
        yield changes, config
    assert refused > CONFIGURATIONS // 4


def fitting_vehicle(pole):
    """Return changes of a vehicle that takes this pole's figures."""
    dearest = max(row.price_per_kwh for row in pole.prices)
    refresh_ms = max(pole.meter.refresh_ms, pole.meter.interval_ms)
    coarse_mwh = max(pole.meter.step_mwh, energy_from_power(pole.max_power_mw, refresh_ms))
    packet = packet_amount(dearest, pole.packet_energy_mwh)
    least = Cover(pole, Meter(pole.meter.step_mwh)).least(dearest)
    return {
        "prepay": max(packet_amount(dearest, coarse_mwh), packet, least),
        "link_timeout_ms": 4_000,
    }


def fitting_pole(vehicle):
    """Return changes of a pole with short packets and a price that this vehicle takes."""
    wait_ms = max(vehicle.retry_ms, vehicle.audit_wait_ms)
    packet_ms = min(1_000, vehicle.link_timeout_ms - wait_ms - 1)
    timeout_ms = min(max(2 * packet_ms, 50), vehicle.max_tail_ms - 120)
    return {
        "link_timeout_ms": timeout_ms,
        "packet_ms": min(packet_ms, timeout_ms - 11),
        "retry_ms": 10,
        # Two steps of 1 Wh take longer at this power than any meter here is late.
        "max_power_w": 3_700,
        "meter": dict(METER, interval_ms=20),
        # With the least price, a packet of any size costs one claim unit.
        "prices": [{"from_s": 0, "price_per_kwh": 1 if vehicle.prepay < 1_000 else 320_000}],
    }


def charges(pole, vehicle):
    """Let energy flow between the two; fail if hardly any does."""
    world = Pair(pole=pole, vehicle=vehicle, certificates=[certificate(capacity=1_900_000)])
    world.pole_meter.step_mwh = world.pole_config.meter.step_mwh
    world.own_meter.step_mwh = world.vehicle_config.meter.step_mwh
    world.step_energy_mwh = 20  # 3.6 kW
    for _ in range(1_000):
        world.step()
        if world.pole_energy_mwh >= CHARGE_MWH:
            return
    raise AssertionError((pole, vehicle, world.payee.last_stop, world.payer.last_stop))


def test_each_pole_that_is_accepted_charges_a_vehicle_that_fits():
    for changes, pole in accepted(Random(5), POLE, pole_values, POLE_TABLE, consistent_pole):
        charges(changes, fitting_vehicle(pole))


def test_each_vehicle_that_is_accepted_charges_at_a_pole_that_fits():
    for changes, vehicle in accepted(
        Random(6), VEHICLE, vehicle_values, VEHICLE_TABLE, consistent_vehicle
    ):
        charges(fitting_pole(vehicle), changes)
