"""The base class of lying vehicles.

An attempt starts honestly: the vehicle pays some packets, so that it has credit. Then it lies
until the pole stops the session. The next attempt is made at the same pole, which still knows the
channel. The gain must not grow with the attempts.
"""

from typing import Any

from joulestream.channel import Claim
from joulestream.host_tools.adversaries.bank import VALID_S
from joulestream.host_tools.adversaries.liar import ATTEMPTS, Script
from joulestream.host_tools.adversaries.peers import VehiclePeer
from joulestream.host_tools.adversaries.play import Play
from joulestream.host_tools.adversaries.stage import CREDIT, PACKET

# Packets that are paid honestly at the start of an attempt.
HONEST_PACKETS = 4
# In packets: the energy of the 450 ms until the meter shows it and the contact is open.
DELAY = 0.15
CREDIT_AND_DELAY = CREDIT / PACKET + DELAY


class LyingVehicle(VehiclePeer):
    """A vehicle that is honest until `lying` is set; then the pole must stop for `reason`.

    It prepays only while it has no credit, so that it never has money at the pole to lose.
    `other_claim` makes claims of another channel of the same vehicle.
    """

    reason = ""
    other_claim: Claim

    def amount(self, invoice: Any) -> int:
        ahead = 0 if self.paid else self.prepay
        self.paid = max(self.paid, invoice.amount_due + ahead)
        return self.paid

    def attempt(self, play: Play) -> None:
        """Charge honestly, lie until the pole stops, take stock, and come back."""
        self.lying = False
        self.charge(HONEST_PACKETS)
        self.lying = True
        self.lie()
        self.stage.run_to_end(self.reason)
        play.take_stock()
        self.stage.replug()

    def lie(self) -> None:
        """Do the part of the lie that happens once, when the lying begins."""


def again(
    kind: type[LyingVehicle], payer: str = "vehicle", valid_s: int = VALID_S, **changes: Any
) -> Script:
    """Return a script with several attempts of one liar on one channel.

    Args:
        kind: the class of the liar.
        payer: the name of the channel's payer (bank.py).
        valid_s: the validity of the certificate, in s.
        changes: changed fields of the honest pole's configuration.
    """

    def script(play: Play) -> None:
        other = play.certificate(1, payee="another pole")
        certificate = play.certificate(valid_s=valid_s, payer=payer)
        liar = kind(play.pole(**changes), certificate)
        liar.other_claim = Claim(other.channel_id)
        for _ in range(ATTEMPTS):
            liar.attempt(play)

    return script
