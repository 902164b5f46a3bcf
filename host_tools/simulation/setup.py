"""The parts of a simulated world that a plan decides: keys, channels, configurations, power."""

from hashlib import sha256
from random import Random
from typing import Any

from joulestream.channel import Certificate, Terms
from joulestream.device.config import check_table
from joulestream.host_tools.simulation.parts import (
    HOLD_MS,
)
from joulestream.host_tools.simulation.plan import CALM_MS, DAY_S, START_S, VEHICLES, Plan
from joulestream.pole import config as pole_config
from joulestream.signing import Signer
from joulestream.testkit import certificates
from joulestream.vehicle import config as vehicle_config

LEDGER_NUMBER = 1
PAYOUT_NAME = "operator"
ASSET = b"uEUR".ljust(32, b"\0")
VEHICLE_NAMES = tuple(f"vehicle-{number}" for number in range(VEHICLES))
WINDOW_S = 7 * DAY_S
_MOST_CHANNELS = 4
_METER = {
    "model": "sdm120",
    "answer_ms": 90,
    "timeout_ms": 600,
    "frozen_ms": 1_500,
    "recover_ms": 1_000,
}
SIGNERS = {
    name: Signer(sha256(b"simulation " + name.encode()).digest())
    for name in ("pole", "issuer", *VEHICLE_NAMES)
}


def account_id(name: str) -> bytes:
    """Return the id of an account, as host_tools.ledger does, which would bring a database."""
    return sha256(SIGNERS["issuer"].public_key + name.encode()).digest()


def terms(seed: int, name: str) -> Terms:
    """Return the terms of the channel from the vehicle `name` to the pole in a seed's world."""
    return certificates.terms(
        chain_id=LEDGER_NUMBER,
        contract=SIGNERS["issuer"].public_key,
        asset=ASSET,
        payer_key=SIGNERS[name].public_key,
        refund_account=account_id(name),
        payee_key=SIGNERS["pole"].public_key,
        payout_account=account_id(PAYOUT_NAME),
        dispute_window_s=WINDOW_S,
        salt=sha256(b"%d" % seed).digest()[:16],
    )


def certify(channel: Terms, capacity: int, expires_s: int) -> Certificate:
    """Return a certificate of a channel that ends `expires_s` after the start."""
    return certificates.certificate(
        channel,
        SIGNERS["issuer"],
        capacity=capacity,
        issued_at_s=START_S - 60,
        expires_at_s=START_S + expires_s,
    )


def certificate_pair(plan: Plan, number: int) -> list[Certificate]:
    """Return the first certificate of the vehicle with that number, and its renewal."""
    channel = terms(plan.seed, VEHICLE_NAMES[number])
    capacity = plan.figures["capacities"][number]
    return [
        certify(channel, capacity, plan.figures["expires_s"]),
        certify(channel, capacity, DAY_S + 60),
    ]


def power_profile(plan: Plan, rng: Random) -> list[int]:
    """Return the power that a vehicle draws in each second, in mW."""
    most_mw = plan.figures["max_power_w"] * 1_000
    seconds = (plan.length_ms + CALM_MS) // 1_000 + 2
    shares = (0, 30, 60, 90, 97, 97, 97)
    return [most_mw * rng.choice(shares) // 100 + rng.randrange(7_000) for _ in range(seconds)]


def _meter_values(figures: dict[str, Any]) -> dict[str, Any]:
    return {**_METER, "interval_ms": figures["meter_ms"]}


def pole_configuration(figures: dict[str, Any]) -> Any:
    """Return the pole's configuration, checked, from the figures of a plan."""
    issuer = {
        "key": SIGNERS["issuer"].public_key.hex(),
        "limit": 1 << 50,
        "kind": "sql",
        "chain_id": LEDGER_NUMBER,
        "contract": SIGNERS["issuer"].public_key.hex(),
        "asset": ASSET.hex(),
        "base_units_per_claim_unit": 1,
    }
    values = {
        "board": {},
        "seed_file": "-",
        "payout_account": account_id(PAYOUT_NAME).hex(),
        "issuers": [issuer],
        "collect_within_s": 2 * DAY_S,
        "renew_before_s": 4,
        "prices": figures["prices"],
        "credit": figures["credit"],
        "prepay": figures["pole_prepay"],
        "packet_energy_mwh": figures["packet_mwh"],
        "packet_ms": figures["packet_ms"],
        "max_power_w": figures["max_power_w"],
        "meter": _meter_values(figures),
        "link_timeout_ms": figures["link_timeout_ms"],
        "retry_ms": figures["retry_ms"],
        "max_channels": _MOST_CHANNELS,
        "contactor_hold_ms": HOLD_MS,
    }
    return pole_config.consistent(check_table(pole_config.TABLE, values))


def vehicle_configuration(figures: dict[str, Any], number: int) -> Any:
    """Return the configuration of the vehicle with that number, checked."""
    values = {
        "board": {},
        "seed_file": "-",
        "certificates": ["-"],
        "budget": figures["budgets"][number],
        "max_price_per_kwh": 1 << 40,
        "energy_wanted_mwh": 1 << 40,
        "prepay": figures["vehicle_prepay"],
        "audit_percent": 3,
        "audit_wait_ms": 700,
        "max_power_w": figures["max_power_w"],
        "meter": _meter_values(figures),
        "link_timeout_ms": figures["link_timeout_ms"],
        "retry_ms": figures["retry_ms"],
        "reconnect_ms": 300,
    }
    return vehicle_config.consistent(check_table(vehicle_config.TABLE, values))
