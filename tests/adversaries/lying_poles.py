"""Poles that lie to a vehicle; each meets it again and again, and the wallet keeps its journal."""

from random import Random
from typing import Any

from adversaries.bank import SIGNERS
from adversaries.liar import ATTEMPTS, POLE, Liar, Script
from adversaries.peers import PolePeer
from adversaries.play import Play
from adversaries.stage import (
    AUDIT_PERCENT,
    MOST_PREPAID,
    PACKET,
    PACKET_MWH,
    PRICE,
    VehicleStage,
)
from joulestream.channel import CLAIM_PREFIX, Claim
from joulestream.errors import OWNER_STOP
from joulestream.messages import STOP, Message

_HONEST_PACKETS = 4
_PREPAID = MOST_PREPAID / PACKET
# One step of the vehicle's meter, and a price that is higher than PRICE.
_STEP_MWH = 1_000
_STEP = _STEP_MWH / PACKET_MWH
_DEAR_PRICE = PRICE * 3 // 2
_DEAR = _DEAR_PRICE / PRICE
_ROUNDING = 0.01


class LyingPole(PolePeer):
    """Honest while not `lying`; then the vehicle must stop for `reason`.

    It asks for as much ahead as any vehicle would pay.
    """

    reason = ""
    lying = False

    def offer_fields(self) -> dict[str, Any]:
        return super().offer_fields() | {"prepay": 10 * MOST_PREPAID}

    def attempt(self, play: Play) -> None:
        """Deliver honestly, lie, and be there when the vehicle comes back."""
        stage = self.stage
        self.lying = False
        self.delivers = True
        self.charge(_HONEST_PACKETS)
        self.lying = True
        self.lie()
        stage.run(lambda: stage.last_stop() == self.reason)
        play.take_stock()
        stage.replug()

    def lie(self) -> None:
        """Do what is done once, at the moment from which it lies."""


class InvoicesWhatNeverFlowed(LyingPole):
    reason = "OVERBILLED"

    def lie(self) -> None:
        self.delivers = False

    def counted_mwh(self) -> int:
        return super().counted_mwh() + (PACKET_MWH if self.lying else 0)


class InvoicesAfterTheQuarrel(InvoicesWhatNeverFlowed):
    """Goes on with good invoices after the vehicle has stopped."""

    def on_stop(self, stop: Any) -> None:
        self.stop_reason = stop.reason
        if self.is_open:
            self.invoice(self.energy_mwh + PACKET_MWH // 2)


class CountsTooMuch(LyingPole):
    """Counts `PER_MILLE` of what flowed, in all of the channel's life."""

    reason = "OVERBILLED"
    PER_MILLE = 1_000 + 10 * AUDIT_PERCENT + 15

    def attempt(self, play: Play) -> None:
        stage = self.stage
        self.charge(1)
        stage.run(lambda: stage.last_stop() == self.reason, limit_ms=600_000)
        # What the vehicle refused is asked for again in the next offer.
        self.energy_mwh = self.invoiced_mwh
        self.amount_due = self.tariff.amount_due(self.invoiced_mwh)
        self.remainder = self.tariff.remainder(self.invoiced_mwh)
        play.take_stock()
        stage.replug()

    def counted_mwh(self) -> int:
        flowed_mwh = super().counted_mwh() - self.start_mwh
        return self.start_mwh + flowed_mwh * self.PER_MILLE // 1_000


class CountsWhatIsTolerated(CountsTooMuch):
    PER_MILLE = 1_000 + 10 * AUDIT_PERCENT

    def attempt(self, play: Play) -> None:
        self.charge(_HONEST_PACKETS * (1 + len(play.gains)))
        play.take_stock()


class AddsOneUnit(LyingPole):
    reason = "WRONG_AMOUNT"

    def due(self, energy_mwh: int) -> int:
        return super().due(energy_mwh) + self.lying


class BillsAnotherPrice(LyingPole):
    """Bills a higher price without asking."""

    reason = "WRONG_AMOUNT"

    def due(self, energy_mwh: int) -> int:
        if not self.lying:
            return super().due(energy_mwh)
        return self.amount_due + (energy_mwh - self.energy_mwh) * _DEAR_PRICE // 1_000_000


class NumbersAnInvoiceTwice(LyingPole):
    """Asks for more under the number of an invoice that is paid."""

    reason = "BAD_FIELD"

    def invoice(self, energy_mwh: int) -> None:
        self.sequence -= self.lying
        super().invoice(energy_mwh)


class ChangesTheTariffAfterTheFact(LyingPole):
    """Withholds its invoices, then asks for a price that would hold for what flowed already."""

    reason = "BAD_FIELD"

    def attempt(self, play: Play) -> None:
        self.withholds = False
        super().attempt(play)

    def lie(self) -> None:
        self.withholds = self.generous = True
        hidden_mwh = self.counted_mwh() + 2 * PACKET_MWH
        self.stage.run(lambda: self.counted_mwh() >= hidden_mwh)
        self.generous = False
        self.change_tariff(_DEAR_PRICE, self.invoiced_mwh)


class RaisesItsPriceThroughAReconnect(LyingPole):
    """Withholds its invoices, then bills what flowed in a new session that has a higher price."""

    def attempt(self, play: Play) -> None:
        stage = self.stage
        self.price_per_kwh = stage.price_per_kwh = PRICE
        self.delivers, self.withholds = True, False
        self.meet()
        self.charge(_HONEST_PACKETS)
        self.withholds = self.generous = True
        # More than a step of the meter would be forgotten.
        hidden_mwh = self.counted_mwh() + _STEP_MWH
        stage.run(lambda: self.counted_mwh() >= hidden_mwh)
        self.delivers = self.generous = False
        self.vanish()
        self.price_per_kwh = _DEAR_PRICE
        self.meet()
        self.charge(1)
        stage.run(lambda: not self.waiting)
        self.invoice(self.energy_mwh + _STEP_MWH)
        stage.run(lambda: not self.waiting)
        self.vanish()
        play.take_stock()


class TakesThePrepayment(LyingPole):
    """Takes what is paid ahead, delivers nothing and falls silent."""

    def attempt(self, play: Play) -> None:
        self.delivers = False
        self.meet()
        self.vanish()
        play.take_stock()


class AsksForAClaim(LyingPole):
    """Chooses its nonce so that what the wallet signs might be a claim for all of the channel."""

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
        assert self.greetings % 2 or self.pole_nonce.startswith(CLAIM_PREFIX)
        # It tries every signature that it was given as one under the claim it wants.
        stage = self.stage
        stage.claims += [(self.channel_id, self.wanted, proof) for proof in self.proofs]
        stage.claims += [(self.channel_id, self.wanted, self.best_signature)]
        self.vanish()
        play.take_stock()


class LiesInItsOffer(LyingPole):
    """Delivers once, and offers a false standing ever after; `lies()` are the fields."""

    def attempt(self, play: Play) -> None:
        stage = self.stage
        if not self.lying:
            self.charge(_HONEST_PACKETS)
            self.delivers = False
            self.lying = True
            self.vanish()
        self.meet()
        if not self.stop_reason:
            self.vanish()
        play.take_stock()
        stage.replug()

    def offer_fields(self) -> dict[str, Any]:
        fields = super().offer_fields()
        return fields | self.lies() if self.lying else fields

    def lies(self) -> dict[str, Any]:
        raise NotImplementedError


class InventsDebt(LiesInItsOffer):
    def lies(self) -> dict[str, Any]:
        return {"amount_due": self.amount_due + PACKET * 2 // 5}


class TellsLessEnergy(LiesInItsOffer):
    def lies(self) -> dict[str, Any]:
        return {"energy_mwh": 0, "amount_due": self.amount_due + PACKET * 2 // 5}


class TellsMoreEnergy(LiesInItsOffer):
    def lies(self) -> dict[str, Any]:
        more_mwh = PACKET_MWH * 2 // 5
        amount_due = self.amount_due + PACKET * 2 // 5
        return {"energy_mwh": self.energy_mwh + more_mwh, "amount_due": amount_due}


class ForgetsTheStanding(LiesInItsOffer):
    """Offers a channel never seen before, so that all is paid a second time."""

    def lies(self) -> dict[str, Any]:
        self.energy_mwh = self.amount_due = self.remainder = 0
        return {"energy_mwh": 0, "amount_due": 0, "remainder": 0, "best_amount": 0}


class RefusedOffer(LiesInItsOffer):
    """An offer that must be refused with a STOP for `reason`."""

    def attempt(self, play: Play) -> None:
        super().attempt(play)
        assert self.stage.last_stop() in (self.reason, "UNPLUGGED"), self.stage.last_stop()
        assert self.stop_reason and not self.is_open


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


class LiesInItsReceipt(LyingPole):
    """Its receipt tells of a debt, which it asks for when the vehicle comes again."""

    def attempt(self, play: Play) -> None:
        stage = self.stage
        self.delivers = True
        self.charge(_HONEST_PACKETS)
        self.send(Message(STOP, reason=OWNER_STOP))
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


class CarriesOverAtAPriceOfLater(LyingPole):
    """Delivers on credit, then carries the debt over at a price that is agreed for later on."""

    price_of_later = 4 * PRICE

    def attempt(self, play: Play) -> None:
        stage = self.stage
        self.delivers, self.withholds = True, False
        self.meet()
        self.charge(_HONEST_PACKETS)
        self.withholds = True
        self.change_tariff(self.price_of_later, self.invoiced_mwh + 100 * PACKET_MWH)
        stage.run(lambda: self.tariff.next_price_per_kwh is not None)
        stage.run(lambda: not stage.contact_closed)
        self.carry_over(play, self.price_of_later)

    def carry_over(self, play: Play, price_per_kwh: int) -> None:
        """Fall silent, and ask for all that was delivered at `price_per_kwh`."""
        gap_mwh = self.counted_mwh() - self.energy_mwh
        assert gap_mwh > PACKET_MWH // 2
        self.vanish()
        honest = self.energy_mwh, self.amount_due
        self.energy_mwh += gap_mwh
        self.amount_due += gap_mwh * price_per_kwh // 1_000_000
        self.delivers = False
        self.meet()
        if self.stop_reason:
            assert self.stage.last_stop() == "CARRIED_DEBT"
            self.energy_mwh, self.amount_due = honest
            self.amount_due += gap_mwh * PRICE // 1_000_000
            self.energy_mwh += gap_mwh
        else:
            self.vanish()
        play.take_stock()
        self.stage.replug()


class CarriesOverAtAPriceOfBefore(CarriesOverAtAPriceOfLater):
    """Delivers in a session that never comes to an invoice, and asks for the price before it."""

    def attempt(self, play: Play) -> None:
        stage = self.stage
        self.delivers, self.withholds, self.generous = True, False, False
        for price_per_kwh in (PRICE, _DEAR_PRICE):
            self.price_per_kwh = stage.price_per_kwh = price_per_kwh
            self.meet()
            if self.stop_reason:
                # What was taken on trust is not prepaid any more: too little for a dear packet.
                assert play.gains and stage.last_stop() == "PREPAY_TOO_SMALL"
                play.take_stock()
                stage.replug()
                return
            self.charge(_HONEST_PACKETS)
            self.vanish()
        self.price_per_kwh = PRICE
        self.lying = self.generous = True
        greetings = self.greetings
        stage.run(lambda: self.greetings > greetings and self.is_open)
        stage.price_per_kwh = PRICE
        self.pass_energy(PACKET_MWH)
        self.lying = self.generous = False
        self.carry_over(play, _DEAR_PRICE)

    def pass_energy(self, energy_mwh: int) -> None:
        """Let that much flow."""
        until_mwh = self.stage.flowed_mwh + energy_mwh
        self.stage.run(lambda: self.stage.flowed_mwh >= until_mwh)

    def invoice(self, energy_mwh: int) -> None:
        if not self.lying:
            super().invoice(energy_mwh)


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


def _again(kind: type[LyingPole], attempts: int = ATTEMPTS, **changes: Any) -> Script:
    """Return a script in which a liar of that kind tries again and again."""

    def script(play: Play) -> None:
        liar = kind(play.vehicle(**changes))
        for _ in range(attempts):
            liar.attempt(play)

    return script


LIARS = tuple(
    Liar(k.__name__, POLE, "", "", 1, _again(k))
    for k in (
        InvoicesWhatNeverFlowed,
        InvoicesAfterTheQuarrel,
        CountsTooMuch,
        CountsWhatIsTolerated,
        AddsOneUnit,
        BillsAnotherPrice,
        NumbersAnInvoiceTwice,
        ChangesTheTariffAfterTheFact,
        RaisesItsPriceThroughAReconnect,
        TakesThePrepayment,
        AsksForAClaim,
        InventsDebt,
        TellsLessEnergy,
        TellsMoreEnergy,
        ForgetsTheStanding,
        InventsAHugeDebt,
        ForgesTheBestClaim,
        AsksTooHighAPrice,
        PosesAsAnotherPole,
        LiesInItsReceipt,
        CarriesOverAtAPriceOfLater,
        CarriesOverAtAPriceOfBefore,
        Floods,
    )
)
