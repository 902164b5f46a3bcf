"""Vehicles that lie to a pole; each comes again and again, to a pole that keeps its journal."""

from random import Random
from typing import Any

from joulestream.channel import Certificate, Claim, time_bytes
from joulestream.errors import OWNER_STOP
from joulestream.host_tools.adversaries.bank import (
    CAPACITY,
    COLLECT_WITHIN_S,
    SEEDS,
    SIGNERS,
    START_S,
    VALID_S,
    WINDOW_S,
)
from joulestream.host_tools.adversaries.liar import ATTEMPTS, PAYER, VEHICLE, Liar, Script
from joulestream.host_tools.adversaries.peers import VehiclePeer
from joulestream.host_tools.adversaries.play import Play
from joulestream.host_tools.adversaries.stage import CREDIT, PACKET, PRICE, PoleStage
from joulestream.messages import (
    Renew,
    TariffAccept,
    TimeProof,
)
from joulestream.testkit import edwards25519 as curve

_HONEST_PACKETS = 4
# The credit, and what flows until the meter shows it and the contact is open: 450 ms of it.
_DELAY = 0.15
_CREDIT_AND_DELAY = CREDIT / PACKET + _DELAY


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
        self.charge(_HONEST_PACKETS)
        self.lying = True
        self.lie()
        self.stage.run_to_end(self.reason)
        play.take_stock()
        self.stage.replug()

    def lie(self) -> None:
        """Do what is done once, at the moment from which it lies."""


class ReplaysAnOldClaim(LyingVehicle):
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
    reason = "BAD_SIGNATURE"

    def sign(self, amount: int) -> bytes:
        if not self.lying:
            return super().sign(amount)
        return self.signer.sign(self.other_claim.message(amount))


class SignsWithAnotherKey(LyingVehicle):
    reason = "BAD_SIGNATURE"

    def sign(self, amount: int) -> bytes:
        signer = SIGNERS["stranger"] if self.lying else self.signer
        return signer.sign(self.claim.message(amount))


class HandMadeSignature(LyingVehicle):
    """Makes signatures with its own key that a lenient verifier takes, and a ledger does not."""

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
        left = curve.add(
            curve.multiply(s, curve.BASE),
            curve.negate(curve.multiply(h, curve.decode(self.signer.public_key))),
        )
        assert curve.is_small_order(curve.add(left, curve.negate(point))), "nobody would take it"
        return r + self.scalar_bytes(s)

    def point(self) -> tuple[Any, int]:
        """Return R, and its scalar but for a component of small order."""
        nonce = 1 + self.packets
        return curve.multiply(nonce, curve.BASE), nonce

    def scalar_bytes(self, s: int) -> bytes:
        return s.to_bytes(32, "little")


class LowOrderComponent(HandMadeSignature):
    def point(self) -> tuple[Any, int]:
        point, nonce = super().point()
        return curve.add(point, curve.torsion_generator()), nonce


class SmallOrderR(HandMadeSignature):
    def point(self) -> tuple[Any, int]:
        return curve.IDENTITY, 0


class ScalarPlusOrder(HandMadeSignature):
    def scalar_bytes(self, s: int) -> bytes:
        return (s + curve.L).to_bytes(32, "little")


class PaysOneUnitTooLittle(LyingVehicle):
    reason = "UNDERPAID"

    def amount(self, invoice: Any) -> int:
        if not self.lying:
            return super().amount(invoice)
        self.paid = max(self.paid, invoice.amount_due - 1)
        return self.paid


class Overdraws(LyingVehicle):
    reason = "OVER_CAPACITY"

    def amount(self, invoice: Any) -> int:
        return CAPACITY + 1 if self.lying else super().amount(invoice)


class PaysAhead(LyingVehicle):
    """Answers an invoice that was never sent, with a claim of nothing more."""

    reason = "BAD_FIELD"

    def make_update(self, invoice: Any) -> Any:
        update = super().make_update(invoice)
        if self.lying and update is not None:
            update.sequence += 1
        return update


class StopsPaying(LyingVehicle):
    reason = "LINK_TIMEOUT"

    def make_update(self, invoice: Any) -> Any:
        return None if self.lying else super().make_update(invoice)


class NeverPaysItsDebt(StopsPaying):
    def attempt(self, play: Play) -> None:
        if not self.lying:
            super().attempt(play)
            return
        self.greet()
        self.stage.run_to_end("PAYMENT_TIMEOUT", "LINK_TIMEOUT")
        play.take_stock()
        self.stage.replug()


class StaysSilent(StopsPaying):
    reason = "PAYMENT_TIMEOUT"

    def attempt(self, play: Play) -> None:
        self.lying = True
        self.greet()
        self.stage.run_to_end(self.reason)
        assert self.stage.flowed_mwh == 0
        play.take_stock()
        self.stage.replug()


class PromisesToPrepay(LyingVehicle):
    """Its claims are for nothing, since nothing is due yet."""

    def attempt(self, play: Play) -> None:
        self.lying = True
        self.greet()
        self.stage.run(lambda: self.packets >= 3)
        assert self.stage.flowed_mwh == 0
        self.stop(OWNER_STOP)
        self.stage.run_to_end("OWNER_STOP")
        play.take_stock()

    def amount(self, invoice: Any) -> int:
        return invoice.amount_due


class PullsThePlug(StopsPaying):
    reason = "UNPLUGGED"

    def lie(self) -> None:
        stage = self.stage
        stage.run(lambda: not stage.contact_closed)
        stage.plugged = False


class StopsInOrder(StopsPaying):
    """Says STOP when the credit is used up, and never pays the last invoice."""

    reason = "OWNER_STOP"

    def lie(self) -> None:
        stage = self.stage
        stage.run(lambda: not stage.contact_closed)
        self.stop(OWNER_STOP)


class Floods(StopsPaying):
    """Stops paying under a flood: noise without end, frames of nonsense, its own last messages."""

    def __init__(self, stage: PoleStage, certificate: Certificate) -> None:
        super().__init__(stage, certificate)
        self._rng = Random("flood")
        self._last: Any = None

    def make_update(self, invoice: Any) -> Any:
        update = super().make_update(invoice)
        self._last = update or self._last
        return update

    def step(self) -> None:
        if not self.lying or self._last is None:
            return
        for _ in range(4):
            self.send_payload(b"\x7f" + self._rng.randbytes(self._rng.randrange(40)))
            self.stage.put(self._rng.randbytes(self._rng.randrange(200)))
            self.stage.put(b"\0")
            self.send(self._last)


class GreetsWithEveryPacket(StopsPaying):
    """Greets anew whenever its credit is used up, and pays nothing any more."""

    reason = "RESTARTED"

    def attempt(self, play: Play) -> None:
        stage = self.stage
        if not self.lying:
            self.charge(_HONEST_PACKETS)
            self.lying = True
        stage.run(lambda: not stage.contact_closed)
        self.greet()
        stage.run(lambda: self.offer is not None)
        assert not stage.contact_closed
        stage.pass_time(3_000)
        assert not stage.contact_closed
        play.take_stock()


class GreetsAllTheTime(LyingVehicle):
    """Greets twenty times a second while current flows, each time with another nonce."""

    reason = "RESTARTED"

    def step(self) -> None:
        if self.lying:
            self.greet()

    def attempt(self, play: Play) -> None:
        self.lying = False
        self.charge(_HONEST_PACKETS)
        self.lying = True
        self.stage.run(lambda: self.stage.last_stop() == self.reason)
        self.stage.pass_time(3_000)
        assert not self.stage.contact_closed
        play.take_stock()


class ShowsAnothersCertificate(LyingVehicle):
    """It was overheard on another cable."""

    reason = "WRONG_CHANNEL"

    def attempt(self, play: Play) -> None:
        self.greet()
        self.stage.run_to_end(self.reason)
        assert self.stage.flowed_mwh == 0
        play.take_stock()


class PosesAsAnother(ShowsAnothersCertificate):
    reason = "BAD_PROOF"

    def make_hello(self) -> Any:
        hello = super().make_hello()
        hello.payer_key = self.certificate.payer_key
        return hello


class RaisesItsCapacity(ShowsAnothersCertificate):
    reason = "CERTIFICATE_FORGED"

    def use(self, certificate: Certificate) -> None:
        certificate.capacity += 1
        super().use(certificate)


class TrustsAStranger(ShowsAnothersCertificate):
    """Lets somebody certify its channel whom the pole does not trust."""

    reason = "UNTRUSTED_ISSUER"

    def use(self, certificate: Certificate) -> None:
        certificate.issuer_key = SIGNERS["stranger"].public_key
        certificate.signature = SIGNERS["stranger"].sign(certificate.signed_bytes())
        super().use(certificate)


class OutlastsTheWindow(ShowsAnothersCertificate):
    reason = "CERTIFICATE_WINDOW"


class RenewsByItself(LyingVehicle):
    """Renews its certificate in mid-session with one that it made itself."""

    reason = "CERTIFICATE_FORGED"

    def lie(self) -> None:
        forged = Certificate.from_bytes(self.certificate.to_bytes())
        forged.expires_at_s += 60
        self.send(Renew(certificate=forged.to_bytes()))


class RefusesTheTariff(LyingVehicle):
    """Goes on at the old price as long as it can."""

    reason = "TARIFF_REFUSED"

    def on_tariff(self, tariff: Any) -> None:
        self.lying = True

    def attempt(self, play: Play) -> None:
        self.lying = False
        self.charge(1)
        self.stage.run_to_end(self.reason)
        assert self.lying
        play.take_stock()


class ChangesTheTariff(RefusesTheTariff):
    """Accepts another price than the one it is asked to."""

    reason = "BAD_FIELD"

    def on_tariff(self, tariff: Any) -> None:
        super().on_tariff(tariff)
        price_per_kwh = tariff.price_per_kwh // 2
        self.send(
            TariffAccept(
                price_per_kwh=price_per_kwh,
                from_energy_mwh=tariff.from_energy_mwh,
            )
        )


class WithoutATime(StopsPaying):
    """Shows a certificate that has expired to a pole that lost the time, and helps it to one.

    `told_s` is the time it would like the pole to have, `witness` whose signature says so; with
    `nonce` it is one that was given for another session.
    """

    told_s = START_S
    witness = "stranger"
    old_nonce: bytes | None = None

    def on_offer(self, offer: Any) -> None:
        if self.lying:
            assert offer.time_s == 0
            nonce = self.old_nonce or offer.nonce
            signer = SIGNERS[self.witness]
            proof = signer.sign(time_bytes(nonce, offer.payee_key, self.told_s))
            key = signer.public_key
            self.send(TimeProof(issuer_key=key, time_s=self.told_s, signature=proof))
        super().on_offer(offer)


def _again(
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


def _many_channels(kind: type[LyingVehicle]) -> Script:
    """Return a script in which each attempt is made on a channel never seen before."""

    def script(play: Play) -> None:
        stage = play.pole()
        for number in range(ATTEMPTS):
            liar = kind(stage, play.certificate(number))
            liar.attempt(play)

    return script


def _drain_at_two_poles(play: Play) -> None:
    """Spend all of a channel at its pole, and show its certificate at another one."""
    first, second = play.pole(), play.pole("another pole")
    certificate = play.certificate(capacity=_HONEST_PACKETS * PACKET)
    liar = VehiclePeer(first, certificate)
    liar.charge(_HONEST_PACKETS)
    first.run_to_end("CAPACITY_EXHAUSTED")
    play.take_stock()
    for _ in range(ATTEMPTS):
        liar = VehiclePeer(second, certificate)
        liar.greet()
        second.run_to_end("WRONG_PAYEE")
        assert second.flowed_mwh == 0
        play.take_stock()


def _expired_after_a_power_cut(play: Play) -> None:
    """Cut the pole's power, so that it does not know that the certificate has expired."""
    stage = play.pole()
    liar = WithoutATime(stage, play.certificate(valid_s=60))
    liar.charge(_HONEST_PACKETS)
    old_nonce = liar.offer.nonce
    liar.lying = True
    stage.knows_time = False
    stage.skip(3_600)
    flowed_mwh = stage.flowed_mwh
    tales = (
        ("stranger", None, START_S + 30, "UNTRUSTED_ISSUER"),
        ("issuer", old_nonce, START_S + 30, "BAD_TIME"),
        ("issuer", None, START_S - 1, "BAD_TIME"),
        ("vehicle", None, START_S + 30, "UNTRUSTED_ISSUER"),
        ("issuer", None, stage.now_s, "CERTIFICATE_EXPIRED"),
    )
    for liar.witness, liar.old_nonce, liar.told_s, reason in tales:
        stage.cut_power()
        liar.greet()
        stage.run_to_end(reason)
        assert stage.flowed_mwh == flowed_mwh
        play.take_stock()


def _close_behind_the_poles_back(play: Play) -> None:
    """Ask for the deposit back at once, charge to the last second, and hope for a late pole."""
    stage = play.pole()
    # The longest that a pole takes which may stay uncollected for two days.
    certificate = play.certificate(valid_s=WINDOW_S - COLLECT_WITHIN_S)
    liar = LyingVehicle(stage, certificate)
    play.bank.close_behind_the_poles_back(certificate.terms(), "vehicle", stage.now_s)
    stage.skip(certificate.expires_at_s - stage.now_s - 40)
    liar.charge(_HONEST_PACKETS)
    stage.run_to_end("CERTIFICATE_EXPIRED")
    for _ in range(ATTEMPTS - 1):
        liar.greet()
        stage.run_to_end("CERTIFICATE_EXPIRED")
    stage.skip(certificate.expires_at_s + COLLECT_WITHIN_S - stage.now_s - 60)
    assert not play.bank.finalise(certificate.terms(), stage.now_s)
    play.take_stock()
    stage.skip(3_600)
    assert play.bank.finalise(certificate.terms(), stage.now_s)
    for _ in range(ATTEMPTS - 1):
        play.take_stock()


def _price_changes() -> list[dict[str, int]]:
    """Return prices that go up and down every 40 s."""
    rows = [{"from_s": 0, "price_per_kwh": PRICE}]
    for number in range(1, 20):
        price_per_kwh = PRICE * (11 if number % 2 else 10) // 10
        rows.append({"from_s": START_S + 40 * number, "price_per_kwh": price_per_kwh})
    return rows


LIARS = (
    Liar(
        "replays an old claim",
        VEHICLE,
        "Answers an invoice with the first claim that it ever signed.",
        "stops with AMOUNT_SHRINKS",
        _CREDIT_AND_DELAY,
        _again(ReplaysAnOldClaim),
    ),
    Liar(
        "claims for another channel",
        VEHICLE,
        "Signs good claims, on a channel that pays another pole.",
        "stops with BAD_SIGNATURE",
        _CREDIT_AND_DELAY,
        _again(PaysAnotherChannel),
    ),
    Liar(
        "signs with another key",
        VEHICLE,
        "Signs the right claim with a key that is not the channel's.",
        "stops with BAD_SIGNATURE",
        _CREDIT_AND_DELAY,
        _again(SignsWithAnotherKey),
    ),
    Liar(
        "signature with a low-order component",
        VEHICLE,
        "Adds a point of order 8 to R: good for who multiplies by the cofactor, not for a ledger.",
        "compares R byte for byte and stops with BAD_SIGNATURE",
        _CREDIT_AND_DELAY,
        _again(LowOrderComponent),
    ),
    Liar(
        "R of small order",
        VEHICLE,
        "Makes the identity its R, so that the equation holds exactly.",
        "refuses R of small order, as ledgers do, and stops with BAD_SIGNATURE",
        _CREDIT_AND_DELAY,
        _again(SmallOrderR),
    ),
    Liar(
        "S above the group's order",
        VEHICLE,
        "Adds L to S: the same equation in other bytes.",
        "refuses S >= L and stops with BAD_SIGNATURE",
        _CREDIT_AND_DELAY,
        _again(ScalarPlusOrder),
    ),
    Liar(
        "pays one unit too little each time",
        VEHICLE,
        "Signs one claim unit less than is due.",
        "stops with UNDERPAID at the first one",
        _CREDIT_AND_DELAY,
        _again(PaysOneUnitTooLittle),
    ),
    Liar(
        "overdraws its channel",
        VEHICLE,
        "Signs more than the channel holds, which no ledger pays.",
        "stops with OVER_CAPACITY and keeps the claim that is covered",
        _CREDIT_AND_DELAY,
        _again(Overdraws),
    ),
    Liar(
        "answers invoices that were never sent",
        VEHICLE,
        "Numbers its updates ahead.",
        "stops with BAD_FIELD",
        _CREDIT_AND_DELAY,
        _again(PaysAhead),
    ),
    Liar(
        "accepts and stays silent",
        VEHICLE,
        "Is admitted on a fresh channel and never pays.",
        "energises nothing: a channel never seen before starts token-first",
        0,
        _again(StaysSilent),
    ),
    Liar(
        "promises to prepay",
        VEHICLE,
        "Promises a packet ahead and signs claims for nothing.",
        "waits for the claim, not for the promise",
        0,
        _again(PromisesToPrepay),
    ),
    Liar(
        "stops paying",
        VEHICLE,
        "Uses up its credit; next time it pays its debt and does so again.",
        "opens the contactor at the credit; the debt is journaled and due first next time",
        _CREDIT_AND_DELAY,
        _again(StopsPaying),
    ),
    Liar(
        "comes back without paying its debt",
        VEHICLE,
        "Uses up its credit and greets again and again.",
        "offers the debt, and energises nothing before it is paid",
        _CREDIT_AND_DELAY,
        _again(NeverPaysItsDebt),
    ),
    Liar(
        "reconnects after every free packet",
        VEHICLE,
        "Greets anew in mid-session whenever its credit is used up.",
        "ends that session first (RESTARTED); the debt belongs to the channel",
        _CREDIT_AND_DELAY,
        _again(GreetsWithEveryPacket),
    ),
    Liar(
        "greets all the time",
        VEHICLE,
        "Greets twenty times a second while current flows.",
        "opens the contactor at the first greeting and offers when the meter shows what flowed",
        _DELAY,
        _again(GreetsAllTheTime),
    ),
    Liar(
        "pulls the plug",
        VEHICLE,
        "Leaves when its credit is used up.",
        "stops with UNPLUGGED; the debt is due first next time",
        _CREDIT_AND_DELAY,
        _again(PullsThePlug),
    ),
    Liar(
        "stops and leaves the last invoice unpaid",
        VEHICLE,
        "Says STOP when its credit is used up.",
        "asks once more for what flowed, then keeps the debt for next time",
        _CREDIT_AND_DELAY,
        _again(StopsInOrder),
    ),
    Liar(
        "floods",
        VEHICLE,
        "Stops paying under noise, nonsense in good frames and its own last message, for ever.",
        "drops and counts what is no news, and stops with LINK_TIMEOUT",
        _CREDIT_AND_DELAY,
        _again(Floods),
    ),
    Liar(
        "opens many fresh channels",
        VEHICLE,
        "Wants a first packet unpaid on each of them.",
        "energises nothing: each starts token-first",
        0,
        _many_channels(StaysSilent),
    ),
    Liar(
        "earns credit on many fresh channels",
        VEHICLE,
        "Pays on each until it has credit, uses that up and never comes back.",
        "gives each channel at most as much credit as it has paid",
        ATTEMPTS * _CREDIT_AND_DELAY,
        _many_channels(StopsPaying),
        f"it is 0.75 for each of {ATTEMPTS} channels, and each has been paid more than that; "
        "`credit` 0 gives none, `max_channels` and the issuer's `limit` bound their number",
    ),
    Liar(
        "presents another vehicle's certificate",
        VEHICLE,
        "Greets with its own key, and with a channel that it overheard.",
        "refuses it with WRONG_CHANNEL",
        0,
        _again(ShowsAnothersCertificate, "another vehicle"),
    ),
    Liar(
        "poses as another vehicle",
        VEHICLE,
        "Greets with the other's key, which it does not have.",
        "refuses it with BAD_PROOF",
        0,
        _again(PosesAsAnother, "another vehicle"),
    ),
    Liar(
        "raises its capacity",
        VEHICLE,
        "Changes a figure of its certificate.",
        "refuses it with CERTIFICATE_FORGED",
        0,
        _again(RaisesItsCapacity),
    ),
    Liar(
        "lets a stranger certify its channel",
        VEHICLE,
        "Shows a certificate of an issuer that is none of the pole's.",
        "refuses it with UNTRUSTED_ISSUER",
        0,
        _again(TrustsAStranger),
    ),
    Liar(
        "renews its certificate by itself",
        VEHICLE,
        "Sends a RENEW that no issuer signed.",
        "stops with CERTIFICATE_FORGED",
        _DELAY,
        _again(RenewsByItself),
    ),
    Liar(
        "does not answer a new tariff",
        VEHICLE,
        "Goes on at the old price.",
        "stops with TARIFF_REFUSED where the new price would begin",
        _DELAY,
        _again(RefusesTheTariff, prices=_price_changes()),
    ),
    Liar(
        "accepts another tariff",
        VEHICLE,
        "Accepts half the price that it was asked for.",
        "stops with BAD_FIELD",
        _DELAY,
        _again(ChangesTheTariff, prices=_price_changes()),
    ),
    Liar(
        "drains one certificate at two poles",
        VEHICLE,
        "Spends all of a channel at its pole, then shows the certificate at another one.",
        "the other pole refuses it with WRONG_PAYEE: a channel pays one pole's own key",
        _DELAY,
        _drain_at_two_poles,
    ),
    Liar(
        "presents expired certificates after a power cut",
        VEHICLE,
        "Tells a pole that lost the time a false one, or lets old signatures tell it.",
        "takes a time only from an issuer it trusts, over its own nonce, not before its journal's",
        _DELAY,
        _expired_after_a_power_cut,
    ),
    Liar(
        "closes the channel behind the pole's back",
        PAYER,
        "Asks for the deposit back, then charges until its certificate expires.",
        "takes no certificate that outlasts the dispute window less `collect_within_s`",
        _DELAY,
        _close_behind_the_poles_back,
    ),
    Liar(
        "has a certificate that outlasts the dispute window",
        PAYER,
        "Shows one that ends a second too late for a pole that collects as late as it may.",
        "refuses it with CERTIFICATE_WINDOW",
        0,
        _again(OutlastsTheWindow, valid_s=WINDOW_S - COLLECT_WITHIN_S + 1),
    ),
)
