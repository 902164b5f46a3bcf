"""The attempts of one liar: its ledger, the honest sides that it meets, and its gains.

A gain is measured from outside. A vehicle gains the value of the energy that flowed, at the agreed
price, less the payment on the ledger. A pole gains the payment less that value. No figure of an
honest firmware is used.
"""

from typing import Any

from joulestream.channel import Certificate
from joulestream.host_tools.adversaries.bank import CAPACITY, VALID_S, Bank
from joulestream.host_tools.adversaries.stage import PACKET, PoleStage, VehicleStage
from joulestream.host_tools.ledger import LedgerError


class Play:
    """The ledger and the honest sides for one script.

    Attributes:
        bank: the ledger.
        poles, vehicles: the honest sides.
        gains: the liar's gain at each stocktaking, in packets. A liar may leave at any moment, so
            the largest one counts.
    """

    def __init__(self) -> None:
        self.bank = Bank()
        self.poles: list[PoleStage] = []
        self.vehicles: list[VehicleStage] = []
        self.gains: list[float] = []
        self._certificates: list[Certificate] = []

    def pole(self, key: str = "pole", **changes: Any) -> PoleStage:
        """Return a new honest pole; `changes` are fields of its configuration."""
        stage = PoleStage(key, **changes)
        self.poles.append(stage)
        return stage

    def vehicle(self, **changes: Any) -> VehicleStage:
        """Return a new honest vehicle with a channel to the pole.

        Args:
            changes: fields of its configuration.
        """
        self.certificate()
        stage = VehicleStage(lambda: self._certificates, **changes)
        self.vehicles.append(stage)
        return stage

    def certificate(
        self, number: int = 0, capacity: int = CAPACITY, valid_s: int = VALID_S, **parties: str
    ) -> Certificate:
        """Open a channel on the ledger; return its certificate."""
        terms = self.bank.terms(number, **parties)
        certificate = self.bank.open(terms, capacity, valid_s)
        self._certificates.append(certificate)
        return certificate

    def take_stock(self) -> float:
        """Bring all claims to the ledger; return the liar's gain, in packets."""
        for pole in self.poles:
            self.bank.settle(pole.board.flash, pole.now_s)
        for vehicle in self.vehicles:
            self._collect_claims(vehicle)
        paid = self.bank.paid()
        # The value of the energy less the payment is the gain of a vehicle. A pole's is the
        # opposite.
        gain = sum(pole.value for pole in self.poles)
        gain += paid if self.vehicles else -paid
        gain -= sum(vehicle.value for vehicle in self.vehicles)
        self.gains.append(gain / PACKET)
        return self.gains[-1]

    @property
    def gain(self) -> float:
        """The largest gain of all stocktakings, in packets."""
        return max(self.gains)

    def _collect_claims(self, stage: VehicleStage) -> None:
        """Claim with every signature that ever left the vehicle, and keep the best one."""
        for channel_id, amount, signature in stage.claims:
            try:
                self.bank.ledger.claim(channel_id, amount, signature, stage.now_s)
            except LedgerError:
                continue
        stage.claims.sort(key=lambda claim: claim[1])
        del stage.claims[:-1]
