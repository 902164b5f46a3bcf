"""Vehicles that pay with bad claims: old, forged, too small or too large ones."""

from typing import Any

from joulestream.host_tools.adversaries.bank import (
    CAPACITY,
    SEEDS,
    SIGNERS,
)
from joulestream.host_tools.adversaries.liar import VEHICLE, Liar
from joulestream.host_tools.adversaries.lying_vehicle import (
    CREDIT_AND_DELAY,
    LyingVehicle,
    again,
)
from joulestream.testkit import edwards25519 as curve


class ReplaysAnOldClaim(LyingVehicle):
    """Answers every invoice with its first claim."""

    reason = "AMOUNT_SHRINKS"
    _old: Any = None

    def make_update(self, invoice: Any) -> Any:
        if self._old is None:
            self._old = super().make_update(invoice)
            return self._old
        if not self.lying:
            return super().make_update(invoice)
        self._old.sequence = invoice.sequence
        return self._old


class PaysAnotherChannel(LyingVehicle):
    """Signs claims of a channel that pays another pole."""

    reason = "BAD_SIGNATURE"

    def sign(self, amount: int) -> bytes:
        if not self.lying:
            return super().sign(amount)
        return self.signer.sign(self.other_claim.message(amount))


class SignsWithAnotherKey(LyingVehicle):
    """Signs the right claim with a stranger's key."""

    reason = "BAD_SIGNATURE"

    def sign(self, amount: int) -> bytes:
        signer = SIGNERS["stranger"] if self.lying else self.signer
        return signer.sign(self.claim.message(amount))


class HandMadeSignature(LyingVehicle):
    """Makes signatures that a lenient verifier accepts, but a ledger refuses."""

    reason = "BAD_SIGNATURE"

    def sign(self, amount: int) -> bytes:
        if not self.lying:
            return super().sign(amount)
        message = bytes(self.claim.message(amount))
        scalar, _ = curve.secret_scalar(SEEDS["vehicle"])
        point, nonce = self.point()
        r = curve.encode(point)
        h = curve.hash_wide(r, self.signer.public_key, message) % curve.L
        s = (nonce + h * scalar) % curve.L
        key = curve.decode(self.signer.public_key)
        assert key is not None
        left = curve.add(curve.multiply(s, curve.BASE), curve.negate(curve.multiply(h, key)))
        assert curve.is_small_order(curve.add(left, curve.negate(point))), (
            "no verifier accepts this signature"
        )
        return r + self.scalar_bytes(s)

    def point(self) -> tuple[Any, int]:
        """Return R and its scalar. R may have a component of small order besides."""
        nonce = 1 + self.packets
        return curve.multiply(nonce, curve.BASE), nonce

    def scalar_bytes(self, s: int) -> bytes:
        return s.to_bytes(32, "little")


class LowOrderComponent(HandMadeSignature):
    """Adds a point of order 8 to R."""

    def point(self) -> tuple[Any, int]:
        point, nonce = super().point()
        return curve.add(point, curve.torsion_generator()), nonce


class SmallOrderR(HandMadeSignature):
    """Uses the identity as R."""

    def point(self) -> tuple[Any, int]:
        return curve.IDENTITY, 0


class ScalarPlusOrder(HandMadeSignature):
    """Adds the group's order L to S."""

    def scalar_bytes(self, s: int) -> bytes:
        return (s + curve.L).to_bytes(32, "little")


class PaysOneUnitTooLittle(LyingVehicle):
    """Pays one claim unit less than the amount due."""

    reason = "UNDERPAID"

    def amount(self, invoice: Any) -> int:
        if not self.lying:
            return super().amount(invoice)
        self.paid = max(self.paid, invoice.amount_due - 1)
        return self.paid


class Overdraws(LyingVehicle):
    """Signs a claim above the channel's capacity."""

    reason = "OVER_CAPACITY"

    def amount(self, invoice: Any) -> int:
        return CAPACITY + 1 if self.lying else super().amount(invoice)


class PaysAhead(LyingVehicle):
    """Answers an invoice that was never sent."""

    reason = "BAD_FIELD"

    def make_update(self, invoice: Any) -> Any:
        update = super().make_update(invoice)
        if self.lying and update is not None:
            update.sequence += 1
        return update


LIARS = (
    Liar(
        "replays an old claim",
        VEHICLE,
        "Answers every invoice with the first claim that it signed.",
        "stops with AMOUNT_SHRINKS",
        CREDIT_AND_DELAY,
        again(ReplaysAnOldClaim),
    ),
    Liar(
        "claims for another channel",
        VEHICLE,
        "Signs good claims of a channel that pays another pole.",
        "stops with BAD_SIGNATURE",
        CREDIT_AND_DELAY,
        again(PaysAnotherChannel),
    ),
    Liar(
        "signs with another key",
        VEHICLE,
        "Signs the right claim with a key that is not the channel's.",
        "stops with BAD_SIGNATURE",
        CREDIT_AND_DELAY,
        again(SignsWithAnotherKey),
    ),
    Liar(
        "signs with a low-order component",
        VEHICLE,
        "Adds a point of order 8 to R. A verifier that multiplies by the cofactor accepts this, a "
        "ledger does not.",
        "compares R byte by byte, and stops with BAD_SIGNATURE",
        CREDIT_AND_DELAY,
        again(LowOrderComponent),
    ),
    Liar(
        "signs with an R of small order",
        VEHICLE,
        "Uses the identity as R, so that the equation of the signature holds.",
        "refuses an R of small order, as ledgers do, and stops with BAD_SIGNATURE",
        CREDIT_AND_DELAY,
        again(SmallOrderR),
    ),
    Liar(
        "signs with an S above the group's order",
        VEHICLE,
        "Adds the order L to S. The equation of the signature still holds.",
        "refuses S >= L, and stops with BAD_SIGNATURE",
        CREDIT_AND_DELAY,
        again(ScalarPlusOrder),
    ),
    Liar(
        "pays one unit too little each time",
        VEHICLE,
        "Pays one claim unit less than the amount due.",
        "stops with UNDERPAID at the first such payment",
        CREDIT_AND_DELAY,
        again(PaysOneUnitTooLittle),
    ),
    Liar(
        "overdraws its channel",
        VEHICLE,
        "Signs a claim above the channel's capacity, which no ledger pays.",
        "stops with OVER_CAPACITY, and keeps the best claim within the capacity",
        CREDIT_AND_DELAY,
        again(Overdraws),
    ),
    Liar(
        "answers invoices that were never sent",
        VEHICLE,
        "Sends an update with the number of the next invoice.",
        "stops with BAD_FIELD",
        CREDIT_AND_DELAY,
        again(PaysAhead),
    ),
)
