"""The table of all liars; what they gain when they are played."""

from contextlib import closing
from typing import Any

from joulestream.host_tools.adversaries import lying_issuers, lying_poles, lying_vehicles
from joulestream.host_tools.adversaries.liar import Liar
from joulestream.host_tools.adversaries.play import Play

LIARS: tuple[Liar, ...] = (*lying_vehicles.LIARS, *lying_poles.LIARS, *lying_issuers.LIARS)


def play(liar: Liar) -> Play:
    """Play one liar; return its play, which is over. Raises AssertionError."""
    its_play = Play()
    with closing(its_play.bank):
        liar.script(its_play)
    return its_play


def play_all() -> list[dict[str, Any]]:
    """Play every liar; return the name, role and gain in packets of each."""
    return [
        {"name": liar.name, "role": liar.role, "gain_packets": play(liar).gain} for liar in LIARS
    ]
