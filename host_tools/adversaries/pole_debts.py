"""Poles that lie about the debt, the energy and the claims of a channel."""

from typing import Any

from joulestream.channel import Claim
from joulestream.errors import OWNER_STOP
from joulestream.host_tools.adversaries.bank import SIGNERS
from joulestream.host_tools.adversaries.liar import POLE, Liar
from joulestream.host_tools.adversaries.lying_pole import (
    HONEST_PACKETS,
    PREPAID,
    TOLERANCE,
    LiesInItsOffer,
    LyingPole,
    RefusedOffer,
    again,
    tolerated,
)
from joulestream.host_tools.adversaries.play import Play
from joulestream.host_tools.adversaries.stage import (
    PACKET,
    PACKET_MWH,
)
from joulestream.messages import (
    Stop,
)


class InventsDebt(LiesInItsOffer):
    reason = "PREPAY_TOO_SMALL"

    def lies(self) -> dict[str, Any]:
        return {"amount_due": self.amount_due + PACKET * 2 // 5}


class TellsLessEnergy(LiesInItsOffer):
    reason = "PREPAY_TOO_SMALL"

    def lies(self) -> dict[str, Any]:
        return {"energy_mwh": 0, "amount_due": self.amount_due + PACKET * 2 // 5}


class TellsMoreEnergy(LiesInItsOffer):
    reason = "PREPAY_TOO_SMALL"

    def lies(self) -> dict[str, Any]:
        more_mwh = PACKET_MWH * 2 // 5
        amount_due = self.amount_due + PACKET * 2 // 5
        return {"energy_mwh": self.energy_mwh + more_mwh, "amount_due": amount_due}


class ForgetsTheStanding(LiesInItsOffer):
    """Offers a channel never seen before, so that all is paid a second time."""

    def lies(self) -> dict[str, Any]:
        self.energy_mwh = self.amount_due = self.remainder = 0
        return {"energy_mwh": 0, "amount_due": 0, "remainder": 0, "best_amount": 0}


class InventsAHugeDebt(RefusedOffer):
    reason = "CARRIED_DEBT"

    def lies(self) -> dict[str, Any]:
        return {"amount_due": self.amount_due + 2 * PACKET}


class ForgesTheBestClaim(RefusedOffer):
    reason = "BAD_SIGNATURE"

    def lies(self) -> dict[str, Any]:
        amount = self.best_amount + 5 * PACKET
        claim = Claim(self.hello.channel_id).message(amount)
        return {"best_amount": amount, "best_signature": SIGNERS["stranger"].sign(claim)}


class LiesInItsReceipt(LyingPole):
    """Its receipt tells of a debt, which it asks for when the vehicle comes again."""

    def attempt(self, play: Play) -> None:
        stage = self.stage
        self.delivers = True
        self.charge(HONEST_PACKETS)
        self.send(Stop(reason=OWNER_STOP))
        honest = self.amount_due
        self.amount_due += 2 * PACKET
        self.stop_reason = OWNER_STOP
        self.send_receipt()
        self.end()
        stage.run(lambda: stage.status().get("receipt", {}).get("amount_due") == self.amount_due)
        stage.replug()
        self.meet()
        assert stage.last_stop() == "CARRIED_DEBT"
        self.amount_due = honest
        play.take_stock()
        stage.replug()


LIARS = (
    Liar(
        "invents debt",
        POLE,
        "Offers a little more debt with every reconnect, and delivers nothing.",
        "takes no more than one prepayment on trust, and prepays as much less; PREPAY_TOO_SMALL",
        PREPAID,
        again(InventsDebt),
    ),
    Liar(
        "invents a huge debt",
        POLE,
        "Offers two packets of debt that nobody knows of.",
        "stops with CARRIED_DEBT",
        PREPAID,
        again(InventsAHugeDebt),
    ),
    Liar(
        "tells less energy",
        POLE,
        "Sets its count of energy back, and offers more debt.",
        "counts only differences; what they do not justify is taken on trust, once",
        PREPAID,
        again(TellsLessEnergy),
    ),
    Liar(
        "tells more energy",
        POLE,
        "Offers debt together with energy that never flowed.",
        "lets its own meter justify it, over the channel's life",
        tolerated(packets=HONEST_PACKETS),
        again(TellsMoreEnergy),
        f"{TOLERANCE} of {HONEST_PACKETS} packets",
    ),
    Liar(
        "forgets the standing",
        POLE,
        "Offers the channel as never seen, so that all is paid a second time.",
        "never signs less than it did: the total counts, not the sum",
        PREPAID,
        again(ForgetsTheStanding),
    ),
    Liar(
        "forges the best claim",
        POLE,
        "Offers a best claim that the vehicle did not sign.",
        "knows its own signatures and stops with BAD_SIGNATURE",
        PREPAID,
        again(ForgesTheBestClaim),
    ),
    Liar(
        "lies in its receipt",
        POLE,
        "Signs a receipt with debt, and asks for it the next time.",
        "believes its own journal, not a receipt; CARRIED_DEBT",
        PREPAID,
        again(LiesInItsReceipt),
    ),
)
