"""The table of all liars, and the code that plays them."""

from contextlib import closing
from typing import Any

from joulestream.host_tools.adversaries import (
    lying_issuers,
    pole_billing,
    pole_debts,
    pole_meters,
    pole_offers,
    pole_tariffs,
    vehicle_certificates,
    vehicle_claims,
    vehicle_closings,
    vehicle_deadlines,
    vehicle_debts,
    vehicle_journals,
    vehicle_power,
    vehicle_tariffs,
)
from joulestream.host_tools.adversaries.liar import Liar
from joulestream.host_tools.adversaries.play import Play

LIARS: tuple[Liar, ...] = (
    *vehicle_claims.LIARS,
    *vehicle_debts.LIARS,
    *vehicle_certificates.LIARS,
    *vehicle_tariffs.LIARS,
    *vehicle_deadlines.LIARS,
    *vehicle_journals.LIARS,
    *vehicle_closings.LIARS,
    *vehicle_power.LIARS,
    *pole_billing.LIARS,
    *pole_tariffs.LIARS,
    *pole_debts.LIARS,
    *pole_meters.LIARS,
    *pole_offers.LIARS,
    *lying_issuers.LIARS,
)


def play(liar: Liar) -> Play:
    """Play all attempts of one liar; return its play with the gains.

    Raises AssertionError if the honest side does not answer as it should.
    """
    played = Play()
    with closing(played.bank):
        liar.script(played)
    return played


def play_all() -> list[dict[str, Any]]:
    """Play every liar; return the name, the role and the largest gain in packets of each."""
    return [
        {"name": liar.name, "role": liar.role, "gain_packets": play(liar).gain} for liar in LIARS
    ]
