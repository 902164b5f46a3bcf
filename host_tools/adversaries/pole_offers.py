"""Poles that ask for bytes to be signed, for a price or for an identity that is not theirs."""

from random import Random
from typing import Any

from joulestream.channel import CLAIM_PREFIX, Claim
from joulestream.host_tools.adversaries.bank import SIGNERS
from joulestream.host_tools.adversaries.liar import POLE, Liar
from joulestream.host_tools.adversaries.lying_pole import (
    PREPAID,
    LyingPole,
    RefusedOffer,
    again,
)
from joulestream.host_tools.adversaries.play import Play
from joulestream.host_tools.adversaries.stage import (
    VehicleStage,
)


class AsksForAClaim(LyingPole):
    """Chooses its nonce so that the bytes to sign might be a claim for all of the channel."""

    wanted = 900_000

    def __init__(self, stage: VehicleStage) -> None:
        super().__init__(stage)
        self.proofs: list[bytes] = []

    def nonce(self) -> bytes:
        claim = bytes(Claim(self.hello.channel_id).message(self.wanted))
        # The last bytes of a claim, or the first ones.
        return claim[-16:] if self.greetings % 2 else claim[:16]

    def on_accept(self, accept: Any) -> None:
        self.proofs.append(bytes(accept.signature))
        super().on_accept(accept)

    def attempt(self, play: Play) -> None:
        self.delivers = False
        self.meet()
        assert len(self.proofs) > len(play.gains)
        assert self.greetings % 2 or self.payee_nonce.startswith(CLAIM_PREFIX)
        # It tries every signature that it was given as one under the claim it wants.
        stage = self.stage
        stage.claims += [(self.channel_id, self.wanted, proof) for proof in self.proofs]
        stage.claims += [(self.channel_id, self.wanted, self.best_signature)]
        self.vanish()
        play.take_stock()


class AsksTooHighAPrice(RefusedOffer):
    reason = "PRICE_TOO_HIGH"

    def lies(self) -> dict[str, Any]:
        return {"price_per_kwh": self.stage.config.max_price_per_kwh + 1}


class PosesAsAnotherPole(RefusedOffer):
    """It has the channel's payee key, and not the seed."""

    reason = "BAD_SIGNATURE"

    def offer_fields(self) -> dict[str, Any]:
        fields = super().offer_fields()
        if self.lying:
            self.signer = SIGNERS["another pole"]
        return fields

    def lies(self) -> dict[str, Any]:
        return {"payee_key": SIGNERS["pole"].public_key}


class Floods(LyingPole):
    """Takes the prepayment under a flood that never ends."""

    reason = "LINK_TIMEOUT"
    _rng = Random("flood")

    def lie(self) -> None:
        self.delivers = False

    def step(self) -> None:
        if not self.lying:
            super().step()
            return
        for _ in range(4):
            self.send_payload(b"\x7f" + self._rng.randbytes(self._rng.randrange(40)))
            self.stage.put(self._rng.randbytes(self._rng.randrange(200)) + b"\0")
            self.send(self.offer)


LIARS = (
    Liar(
        "asks the wallet to sign bytes that are a claim",
        POLE,
        "Chooses its nonce to be a part of a claim for all of the channel.",
        "signs nothing but claims and what begins with `JST1`",
        PREPAID,
        again(AsksForAClaim),
    ),
    Liar(
        "asks too high a price",
        POLE,
        "Offers a price above the owner's limit.",
        "stops with PRICE_TOO_HIGH",
        PREPAID,
        again(AsksTooHighAPrice),
    ),
    Liar(
        "poses as another pole",
        POLE,
        "Offers with the channel's payee key, whose seed it does not have.",
        "stops with BAD_SIGNATURE",
        PREPAID,
        again(PosesAsAnotherPole),
    ),
    Liar(
        "floods",
        POLE,
        "Takes the prepayment under noise, nonsense in good frames and its own offer, for ever.",
        "drops and counts what is no news, and stops with LINK_TIMEOUT",
        PREPAID,
        again(Floods),
    ),
)
