"""Turns a plan into the fixed parts of a world: keys, channels, certificates, configurations.

The keys are the same in every world; the seed is the salt of its channels, so that each world has
channels of its own and one ledger can serve many worlds.
"""

from hashlib import sha256
from random import Random
from typing import TYPE_CHECKING

from joulestream.channel import Certificate, Terms
from joulestream.device.config import check_table
from joulestream.host_tools.simulation.parts import HOLD_MS
from joulestream.host_tools.simulation.plan import (
    CALM_MS,
    DAY_S,
    START_S,
    VEHICLES,
    Parameters,
    Plan,
)
from joulestream.meter.config import check_meter
from joulestream.pole import config as pole_config
from joulestream.signing import Signer
from joulestream.testkit import certificates
from joulestream.vehicle import config as vehicle_config

if TYPE_CHECKING:
    from joulestream.pole.config import PoleConfig
    from joulestream.vehicle.config import VehicleConfig

LEDGER_NUMBER = 1
PAYOUT_NAME = "operator"
ASSET = b"uEUR".ljust(32, b"\0")
VEHICLE_NAMES = tuple(f"vehicle-{number}" for number in range(VEHICLES))
WINDOW_S = 60 * DAY_S
AUDIT_PERCENT = 3
# By the ledger's clock, which may be ahead of the pole's.
_RENEWAL_ISSUED_S = 10
_LEAST_WAIT_MS = 700
# The keys of the one pole. It uses one of them at a time, with a flash for each.
POLE_KEYS = ("pole", "pole, second key")
SIGNERS = {
    name: Signer(sha256(b"simulation " + name.encode()).digest())
    for name in (*POLE_KEYS, "issuer", *VEHICLE_NAMES)
}


def account_id(name: str) -> bytes:
    """Return the id of a ledger account.

    It is computed here, since an import of host_tools.ledger would load its database library.
    """
    return sha256(SIGNERS["issuer"].public_key + name.encode()).digest()


def terms(seed: int, name: str, key: str = POLE_KEYS[0]) -> Terms:
    """Return the terms of a seed's channel from the vehicle `name` to a key of the pole."""
    return certificates.terms(
        chain_id=LEDGER_NUMBER,
        contract=SIGNERS["issuer"].public_key,
        asset=ASSET,
        payer_key=SIGNERS[name].public_key,
        refund_account=account_id(name),
        payee_key=SIGNERS[key].public_key,
        payout_account=account_id(PAYOUT_NAME),
        dispute_window_s=WINDOW_S,
        salt=sha256(b"%d" % seed).digest()[:16],
    )


def certify(
    channel: Terms, capacity: int, expires_s: int, issued_s: int = 0, claimed: int = 0
) -> Certificate:
    """Return a certificate of a channel.

    Args:
        channel: the terms of the channel.
        capacity: the most that the channel can pay, in claim units.
        expires_s: the end of the certificate, in s after the start of the world.
        issued_s: the ledger's time when it was issued, in s after the start of the world.
        claimed: the amount that the ledger has paid on the channel, in claim units.
    """
    return certificates.certificate(
        channel,
        SIGNERS["issuer"],
        capacity=capacity,
        issued_at_s=START_S + issued_s,
        expires_at_s=START_S + expires_s,
        claimed=claimed,
    )


def certificate_pair(plan: Plan, number: int, key: str) -> tuple[Certificate, Certificate]:
    """Return the vehicle's first certificate for a key of the pole, and its renewal."""
    channel = terms(plan.seed, VEHICLE_NAMES[number], key)
    capacity = plan.parameters.capacities[number]
    first = certify(channel, capacity, plan.parameters.expires_s)
    # The renewal ends after every first certificate, the longest of which has a day. It is younger
    # than a journal whose pole lost its power while it was made.
    return first, certify(channel, capacity, DAY_S + 60, _RENEWAL_ISSUED_S)


def certificate_after_loss(
    plan: Plan, number: int, key: str, issued_s: int, claimed: int
) -> Certificate:
    """Return the certificate that a vehicle gets for a pole that lost its journal.

    Args:
        plan: the world's plan.
        number: the vehicle's number.
        key: the pole's key.
        issued_s: the ledger's time, in s after the start of the world.
        claimed: the amount that the ledger has paid, in claim units.
    """
    channel = terms(plan.seed, VEHICLE_NAMES[number], key)
    ends_s = max(plan.parameters.expires_s, DAY_S + 60) + 1 + issued_s
    return certify(channel, plan.parameters.capacities[number], ends_s, issued_s, claimed)


def power_profile(plan: Plan, rng: Random) -> list[int]:
    """Return the power that a vehicle draws in each second of a world, in mW.

    It is mostly 97 % of the pole's maximum, so that limits are nearly reached; a meter that counts
    1.2 % too much stays below them.
    """
    max_power_mw = plan.parameters.max_power_w * 1_000
    seconds = (plan.length_ms + CALM_MS) // 1_000 + 2
    percents = (0, 30, 60, 90, 97, 97, 97, 97, 97)
    return [
        max_power_mw * rng.choice(percents) // 100 + rng.randrange(7_000) for _ in range(seconds)
    ]


def _audit_wait_ms(parameters: Parameters, number: int) -> int:
    """Return how long an invoice may wait for that meter: as long as its figures may be old."""
    meter = check_meter(parameters.meters[number].section(parameters.meter_ms))
    age_ms = parameters.meters[number].refresh_ms + 2 * max(meter.interval_ms, meter.reading_ms)
    return max(age_ms, _LEAST_WAIT_MS)


def pole_configuration(parameters: Parameters) -> "PoleConfig":
    """Return the pole's checked configuration."""
    issuer = {
        "key": SIGNERS["issuer"].public_key.hex(),
        "limit": 1 << 50,
        "kind": "sql",
        "chain_id": LEDGER_NUMBER,
        "contract": SIGNERS["issuer"].public_key.hex(),
        "asset": ASSET.rstrip(b"\0").decode(),
        "base_units_per_claim_unit": 1,
    }
    values = {
        "board": {},
        "seed_file": "-",
        "payout_account": account_id(PAYOUT_NAME).hex(),
        "issuers": [issuer],
        "collect_within_s": 2 * DAY_S,
        "min_capacity": 1,
        "renew_before_s": 4,
        "prices": parameters.prices,
        "credit": parameters.credit,
        "prepay": parameters.pole_prepay,
        "packet_energy_mwh": parameters.packet_mwh,
        "packet_ms": parameters.packet_ms,
        "max_power_w": parameters.max_power_w,
        "phases": 1,
        "meter": parameters.meters[0].section(parameters.meter_ms),
        "link_timeout_ms": parameters.pole_timeout_ms,
        "retry_ms": parameters.retry_ms,
        "max_channels": parameters.max_channels,
        "contactor_hold_ms": HOLD_MS,
    }
    return pole_config.consistent(check_table(pole_config.TABLE, values))


def vehicle_configuration(parameters: Parameters, number: int) -> "VehicleConfig":
    """Return the checked configuration of the vehicle with that number."""
    wait_ms = _audit_wait_ms(parameters, number + 1)
    # With a shorter timeout the vehicle would refuse the pole as too slow.
    least_ms = parameters.packet_ms + max(parameters.retry_ms, wait_ms) + 1
    values = {
        "board": {},
        "seed_file": "-",
        "certificates": ["-"],
        "budget": parameters.budgets[number],
        "max_price_per_kwh": parameters.max_price_per_kwh,
        "energy_wanted_mwh": 1 << 40,
        "prepay": parameters.vehicle_prepay,
        "audit_percent": AUDIT_PERCENT,
        "audit_wait_ms": wait_ms,
        "max_power_w": parameters.max_power_w,
        "meter": parameters.meters[number + 1].section(parameters.meter_ms),
        "link_timeout_ms": max(parameters.vehicle_timeout_ms, least_ms),
        "retry_ms": parameters.retry_ms,
        "reconnect_ms": 300,
    }
    return vehicle_config.consistent(check_table(vehicle_config.TABLE, values))
