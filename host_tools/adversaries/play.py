"""One liar's play: a ledger, the honest sides it meets, and its gain so far.

A gain is measured from outside: the energy that really flowed through the contact, at the price
agreed, less the payment on the ledger. No figure of an honest firmware is used.
"""

from typing import Any

from joulestream.channel import Certificate
from joulestream.host_tools.adversaries.bank import CAPACITY, VALID_S, Bank
from joulestream.host_tools.adversaries.stage import PACKET, PoleStage, VehicleStage
from joulestream.host_tools.ledger import LedgerError


class Play:
    """The surroundings of a script.

    `gains` are the liar's gains at each stocktaking, in packets. It can leave whenever it
    likes, so the largest of them counts.
    """

    def __init__(self) -> None:
        self.bank = Bank()
        self.poles: list[PoleStage] = []
        self.vehicles: list[VehicleStage] = []
        self.gains: list[float] = []
        self._certificates: list[Certificate] = []

    def pole(self, key: str = "pole", **changes: Any) -> PoleStage:
        """Return an honest pole, its configuration with fields changed."""
        stage = PoleStage(key, **changes)
        self.poles.append(stage)
        return stage

    def vehicle(self, **changes: Any) -> VehicleStage:
        """Return an honest vehicle with a channel to the pole."""
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
        # A lying vehicle keeps energy that it does not pay for, a lying pole keeps money.
        lost = sum(pole.value for pole in self.poles)
        lost += paid if self.vehicles else -paid
        lost -= sum(vehicle.value for vehicle in self.vehicles)
        self.gains.append(lost / PACKET)
        return self.gains[-1]

    @property
    def gain(self) -> float:
        """The most that the liar had gained at any stocktaking."""
        return max(self.gains)

    def _collect_claims(self, stage: VehicleStage) -> None:
        """Let the pole claim with every signature that it ever got."""
        for channel_id, amount, signature in stage.claims:
            try:
                self.bank.ledger.claim(channel_id, amount, signature, stage.now_s)
            except LedgerError:
                continue
        stage.claims.sort(key=lambda claim: claim[1])
        del stage.claims[:-1]
