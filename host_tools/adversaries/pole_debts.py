"""Poles that lie in an offer or a receipt about a channel's debt, energy or best claim."""

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
from joulestream.messages import Stop


class InventsDebt(LiesInItsOffer):
    """Offers more debt each time, without more energy."""

    reason = "CARRIED_DEBT"

    def lies(self) -> dict[str, Any]:
        return {"amount_due": self.amount_due + PACKET * 2 // 5}


class TellsLessEnergy(LiesInItsOffer):
    """Offers more debt together with a count of energy of 0."""

    reason = "CARRIED_DEBT"

    def lies(self) -> dict[str, Any]:
        return {"energy_mwh": 0, "amount_due": self.amount_due + PACKET * 2 // 5}


class TellsMoreEnergy(LiesInItsOffer):
    """Offers more debt together with energy that never flowed."""

    reason = "CARRIED_DEBT"

    def lies(self) -> dict[str, Any]:
        more_mwh = PACKET_MWH * 2 // 5
        amount_due = self.amount_due + PACKET * 2 // 5
        return {"energy_mwh": self.energy_mwh + more_mwh, "amount_due": amount_due}


class ForgetsTheChannel(LiesInItsOffer):
    """Offers the channel as a new one, so that the vehicle might pay everything a second time."""

    reason = "WRONG_AMOUNT"

    def lies(self) -> dict[str, Any]:
        self.energy_mwh = self.amount_due = self.remainder = 0
        return {"energy_mwh": 0, "amount_due": 0, "remainder": 0, "best_amount": 0}


class InventsAHugeDebt(RefusedOffer):
    """Offers more debt than the vehicle takes on trust."""

    reason = "CARRIED_DEBT"

    def lies(self) -> dict[str, Any]:
        return {"amount_due": self.amount_due + 2 * PACKET}


class ForgesTheBestClaim(RefusedOffer):
    """Offers a best claim that a stranger signed."""

    reason = "BAD_SIGNATURE"

    def lies(self) -> dict[str, Any]:
        amount = self.best_amount + 5 * PACKET
        claim = Claim(self.hello.channel_id).message(amount)
        return {"best_amount": amount, "best_signature": SIGNERS["stranger"].sign(claim)}


class LiesInItsReceipt(LyingPole):
    """Signs a receipt with a debt, and offers that debt when the vehicle comes again."""

    def attempt(self, play: Play) -> None:
        stage = self.stage
        self.delivers = True
        self.charge(HONEST_PACKETS)
        self.send(Stop(reason=OWNER_STOP, payer_nonce=self.hello.nonce))
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
        "takes at most one prepayment of debt on trust, prepays less by that amount, and stops "
        "with CARRIED_DEBT",
        PREPAID,
        again(InventsDebt),
    ),
    Liar(
        "invents a huge debt",
        POLE,
        "Offers two packets of debt for energy that never flowed.",
        "stops with CARRIED_DEBT",
        PREPAID,
        again(InventsAHugeDebt),
    ),
    Liar(
        "sets its count of energy back",
        POLE,
        "Offers more debt together with a count of energy of 0.",
        "takes debt that no energy justifies on trust, once, up to one prepayment",
        PREPAID,
        again(TellsLessEnergy),
    ),
    Liar(
        "adds energy to its offer",
        POLE,
        "Offers more debt together with energy that never flowed.",
        "compares the energy with its own meter, over all sessions of the channel",
        tolerated(packets=HONEST_PACKETS),
        again(TellsMoreEnergy),
        f"{TOLERANCE} of {HONEST_PACKETS} packets",
    ),
    Liar(
        "forgets the channel",
        POLE,
        "Offers the channel as a new one, so that the vehicle might pay everything a second time.",
        "answers with its own total, from which every invoice must count, and stops with "
        "WRONG_AMOUNT",
        PREPAID,
        again(ForgetsTheChannel),
    ),
    Liar(
        "forges the best claim",
        POLE,
        "Offers a best claim that the vehicle did not sign.",
        "verifies the claim with its own key, and stops with BAD_SIGNATURE",
        PREPAID,
        again(ForgesTheBestClaim),
    ),
    Liar(
        "lies in its receipt",
        POLE,
        "Signs a receipt with a debt, and offers that debt in the next session.",
        "compares the debt with its own journal, not with a receipt, and stops with CARRIED_DEBT",
        PREPAID,
        again(LiesInItsReceipt),
    ),
)
