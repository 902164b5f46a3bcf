"""One row of the table of liars: a script, its description, and the limit of its gain."""

from collections.abc import Callable
from dataclasses import dataclass

from joulestream.host_tools.adversaries.play import Play

VEHICLE = "vehicle"
POLE = "pole"
PAYER = "payer at the ledger"
ISSUER = "issuer"

Script = Callable[[Play], None]
# A gain that returns with every attempt would show: five times a gain is above its limit.
ATTEMPTS = 5


@dataclass(frozen=True)
class Liar:
    """One liar.

    Attributes:
        name: the lie in a few words that follow "the vehicle that" or "the pole that".
        role: the side that lies.
        lie: the lie in a sentence.
        answer: the honest side's answer, without its subject.
        max_gain: the limit of the gain, in packets (stage.py).
        script: plays all attempts, and takes stock after each.
        reason: the reason for a limit above one packet; "" for a lower limit.
        attempts: the least number of attempts. The honest side keeps its state between them.
    """

    name: str
    role: str
    lie: str
    answer: str
    max_gain: float
    script: Script
    reason: str = ""
    attempts: int = ATTEMPTS
