"""The description of a liar."""

from collections.abc import Callable
from dataclasses import dataclass

from joulestream.host_tools.adversaries.play import Play

VEHICLE = "vehicle"
POLE = "pole"
PAYER = "payer at the ledger"
ISSUER = "issuer"

Script = Callable[[Play], None]
ATTEMPTS = 5


@dataclass(frozen=True)
class Liar:
    """One liar.

    Attributes:
        name: the lie, as short as can be.
        role: the side that lies.
        lie: the same in a sentence.
        answer: the honest side's reaction.
        most: its greatest gain, in packets of the figures in stage.py.
        script: plays it, and takes stock after every attempt.
        reason: why `most` is above one packet; empty where it is not.
        attempts: how often it tries at least, the honest side's state kept.
    """

    name: str
    role: str
    lie: str
    answer: str
    most: float
    script: Script
    reason: str = ""
    attempts: int = ATTEMPTS
