"""The frame of all lying vehicles: an honest start, a lie, and a new attempt at that pole."""

from typing import Any

from joulestream.channel import Claim
from joulestream.host_tools.adversaries.bank import (
    VALID_S,
)
from joulestream.host_tools.adversaries.liar import ATTEMPTS, Script
from joulestream.host_tools.adversaries.peers import VehiclePeer
from joulestream.host_tools.adversaries.play import Play
from joulestream.host_tools.adversaries.stage import CREDIT, PACKET

HONEST_PACKETS = 4
# The energy of the 450 ms until the meter shows the last of it and the contact is open.
DELAY = 0.15
CREDIT_AND_DELAY = CREDIT / PACKET + DELAY


class LyingVehicle(VehiclePeer):
    """Honest while not `lying`; then its pole must stop it for `reason`.

    Each attempt begins with packets that are paid, so that there is something to gain, but never
    ahead once there is credit. `other_claim` is for another channel of its own.
    """

    reason = ""
    other_claim: Claim

    def amount(self, invoice: Any) -> int:
        ahead = 0 if self.paid else self.prepay
        self.paid = max(self.paid, invoice.amount_due + ahead)
        return self.paid

    def attempt(self, play: Play) -> None:
        """Charge honestly, lie, and come back."""
        self.lying = False
        self.charge(HONEST_PACKETS)
        self.lying = True
        self.lie()
        self.stage.run_to_end(self.reason)
        play.take_stock()
        self.stage.replug()

    def lie(self) -> None:
        """Begin to lie: a liar's single acts at that moment."""


def again(
    kind: type[LyingVehicle], payer: str = "vehicle", valid_s: int = VALID_S, **changes: Any
) -> Script:
    """Return a script in which a liar of that kind tries again and again on one channel."""

    def script(play: Play) -> None:
        other = play.certificate(1, payee="another pole")
        certificate = play.certificate(valid_s=valid_s, payer=payer)
        liar = kind(play.pole(**changes), certificate)
        liar.other_claim = Claim(other.channel_id)
        for _ in range(ATTEMPTS):
            liar.attempt(play)

    return script
