"""Poles that lie in an offer about nonces, prices or identities, and poles that flood."""

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
from joulestream.host_tools.adversaries.stage import VehicleStage


class AsksForAClaim(LyingPole):
    """Chooses its nonce so that the bytes that the vehicle signs might be a large claim."""

    wanted = 900_000

    def __init__(self, stage: VehicleStage) -> None:
        super().__init__(stage)
        self.proofs: list[bytes] = []

    def nonce(self) -> bytes:
        claim = bytes(Claim(self.hello.channel_id).message(self.wanted))
        # The last 16 bytes of a claim and the first 16, in turn.
        return claim[-16:] if self.greetings % 2 else claim[:16]

    def on_accept(self, accept: Any) -> None:
        self.proofs.append(bytes(accept.signature))
        super().on_accept(accept)

    def attempt(self, play: Play) -> None:
        self.delivers = False
        self.meet()
        assert len(self.proofs) > len(play.gains)
        assert self.greetings % 2 or self.payee_nonce.startswith(CLAIM_PREFIX)
        # It tries every signature that it was given as the signature of the large claim.
        stage = self.stage
        stage.claims += [(self.channel_id, self.wanted, proof) for proof in self.proofs]
        stage.claims += [(self.channel_id, self.wanted, self.best_signature)]
        self.vanish()
        play.take_stock()


class AsksTooHighAPrice(RefusedOffer):
    """Offers a price above the limit of the vehicle's owner."""

    reason = "PRICE_TOO_HIGH"

    def lies(self) -> dict[str, Any]:
        return {"price_per_kwh": self.stage.config.max_price_per_kwh + 1}


class PosesAsAnotherPole(RefusedOffer):
    """Offers with the public key of the channel's payee, and signs with another key."""

    reason = "BAD_SIGNATURE"

    def offer_fields(self) -> dict[str, Any]:
        fields = super().offer_fields()
        if self.lying:
            self.signer = SIGNERS["another pole"]
        return fields

    def lies(self) -> dict[str, Any]:
        return {"payee_key": SIGNERS["pole"].public_key}


class Floods(LyingPole):
    """Takes the prepayment, then sends noise, unknown messages and its own offer without end."""

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
        "asks for a signature of bytes that are a claim",
        POLE,
        "Chooses a nonce that is a part of a large claim.",
        "signs only claims of its own and bytes that begin with `JST1`",
        PREPAID,
        again(AsksForAClaim),
    ),
    Liar(
        "asks too high a price",
        POLE,
        "Offers a price above the limit of the vehicle's owner.",
        "stops with PRICE_TOO_HIGH",
        PREPAID,
        again(AsksTooHighAPrice),
    ),
    Liar(
        "poses as another pole",
        POLE,
        "Offers with the public key of the channel's payee, and signs with another key.",
        "verifies the offer with the payee's key, and stops with BAD_SIGNATURE",
        PREPAID,
        again(PosesAsAnotherPole),
    ),
    Liar(
        "floods",
        POLE,
        "Takes the prepayment, then sends noise, unknown messages and its own offer without end.",
        "drops them; they do not count as a sign of life, so it stops with LINK_TIMEOUT",
        PREPAID,
        again(Floods),
    ),
)
