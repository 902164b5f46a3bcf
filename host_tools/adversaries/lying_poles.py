"""Poles that lie to a vehicle; each meets it again and again, and the wallet keeps its journal."""

from random import Random
from typing import Any

from joulestream.channel import CLAIM_PREFIX, Claim
from joulestream.errors import OWNER_STOP
from joulestream.host_tools.adversaries.bank import SIGNERS
from joulestream.host_tools.adversaries.liar import ATTEMPTS, POLE, Liar, Script
from joulestream.host_tools.adversaries.peers import PolePeer
from joulestream.host_tools.adversaries.play import Play
from joulestream.host_tools.adversaries.stage import (
    AUDIT_PERCENT,
    AUDIT_WAIT_MS,
    HIGHEST_PRICE,
    MAX_POWER_W,
    MOST_PREPAID,
    PACKET,
    PACKET_MWH,
    PRICE,
    VehicleStage,
)
from joulestream.messages import (
    Stop,
)

_HONEST_PACKETS = 4
_PREPAID = MOST_PREPAID / PACKET
_ROUNDING = 0.01
# A price above PRICE at which a packet does not cost more than credit and prepayment together.
_DEAR_PRICE = PRICE * 3 // 2
# One step of the vehicle's meter.
_STEP_MWH = 1_000
_STEP = _STEP_MWH / PACKET_MWH
# What flows while an invoice may wait for the vehicle's meter.
_LATE = MAX_POWER_W * AUDIT_WAIT_MS / 3_600 / PACKET_MWH
# How many packets come first where a share of them is the lie.
_LONG = 20
# How much flows while one liar shows, attempt after attempt, that it counts too much.
_PACKETS_ABOVE = 50


def _tolerated(packets: int) -> float:
    """Return what the prepayment and the audit's tolerance are, in packets."""
    # The first update of a session is for no packet; one more is under way.
    return _PREPAID + 2 * _STEP + (packets + 1) * AUDIT_PERCENT / 100


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


class CountsTooMuch(LyingPole):
    """Counts `PER_MILLE` of what flowed, in all of the channel's life."""

    reason = "OVERBILLED"
    PER_MILLE = 1_000 + 10 * AUDIT_PERCENT + 20

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


class InvoicesAfterTheQuarrel(AddsOneUnit):
    """Once the vehicle has stopped, asks in good order for what flowed."""

    def attempt(self, play: Play) -> None:
        stage = self.stage
        self.charge(_HONEST_PACKETS)
        self.lying = True
        stage.run(lambda: self.stop_reason)
        assert self.waiting and stage.last_stop() == self.reason
        claims = len(stage.claims)
        stage.pass_time(1_000)
        assert len(stage.claims) == claims
        self.end()
        play.take_stock()
        stage.replug()

    def on_stop(self, stop: Any) -> None:
        self.stop_reason = stop.reason
        self.lying = False
        if self.is_open:
            self.invoice(self.counted_mwh())


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


class ChangesTheTariffWithinTolerance(LyingPole):
    """Withholds as much as meters may disagree on in the session, and raises the price for it."""

    def attempt(self, play: Play) -> None:
        stage = self.stage
        self.withholds, self.delivers = False, True
        stage.price_per_kwh = PRICE
        self.charge(_LONG)
        withheld_mwh = (self.invoiced_mwh - self.start_mwh) * AUDIT_PERCENT // 100
        self.withholds = self.generous = True
        until_mwh = self.invoiced_mwh + withheld_mwh
        stage.run(lambda: self.counted_mwh() >= until_mwh)
        self.delivers = self.generous = False
        self.pass_on(self.invoiced_mwh)
        self.withholds = False
        if not self.stop_reason:
            self.invoice(self.counted_mwh())
            stage.run(lambda: not self.waiting)
            self.vanish()
        play.take_stock()
        assert stage.last_stop() == "BAD_FIELD"
        stage.replug()

    def pass_on(self, from_energy_mwh: int) -> None:
        """Ask for a dearer price from there on, and wait for the answer."""
        self.change_tariff(HIGHEST_PRICE, from_energy_mwh)
        self.stage.run(lambda: self.tariff.next_price_per_kwh or self.stop_reason)


class BillsAtTheDearerPrice(ChangesTheTariffWithinTolerance):
    """Counts too little while its price is low, and what it left out once it is high."""

    def attempt(self, play: Play) -> None:
        stage = self.stage
        self.delivers, self.lying = True, False
        stage.price_per_kwh = PRICE
        self.charge(_LONG)
        stage.run(lambda: not self.waiting)
        self.pass_on(self.invoiced_mwh + PACKET_MWH)
        self.charge(self.packets + 2)
        stage.run(lambda: not self.waiting)
        stage.price_per_kwh = HIGHEST_PRICE
        self.lying = True
        self.delivers = False
        for _ in range(_LONG):
            if not self.stop_reason:
                self.invoice(self.invoiced_mwh + _STEP_MWH)
                stage.run(lambda: not self.waiting)
        play.take_stock()
        assert stage.last_stop() == "OVERBILLED"
        stage.replug()

    def counted_mwh(self) -> int:
        flowed_mwh = super().counted_mwh() - self.start_mwh
        return self.start_mwh + flowed_mwh * (100 - AUDIT_PERCENT) // 100


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
        assert len(self.proofs) > len(play.gains)
        assert self.greetings % 2 or self.payee_nonce.startswith(CLAIM_PREFIX)
        # It tries every signature that it was given as one under the claim it wants.
        stage = self.stage
        stage.claims += [(self.channel_id, self.wanted, proof) for proof in self.proofs]
        stage.claims += [(self.channel_id, self.wanted, self.best_signature)]
        self.vanish()
        play.take_stock()


class LiesInItsOffer(LyingPole):
    """Delivers once, and offers a false standing ever after; `lies()` are the fields.

    In the end the vehicle must refuse it for `reason`, if there is one.
    """

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
        assert len(play.gains) < ATTEMPTS or stage.last_stop() == (self.reason or "LINK_TIMEOUT")
        stage.replug()

    def offer_fields(self) -> dict[str, Any]:
        fields = super().offer_fields()
        return fields | self.lies() if self.lying else fields

    def lies(self) -> dict[str, Any]:
        raise NotImplementedError


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


class RefusedOffer(LiesInItsOffer):
    """An offer that must be refused at once, each time."""

    def attempt(self, play: Play) -> None:
        super().attempt(play)
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


class CarriesOverAtAPriceOfLater(LyingPole):
    """Delivers on credit, then carries the debt over at a price that is agreed for later on."""

    price_of_later = HIGHEST_PRICE

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


_TOLERANCE = (
    "beside the prepayment, which is one packet, the audit tolerates a step of the meter, whose "
    "estimate may be another step ahead, and `audit_percent` of all energy, since two meters and "
    f"a cable disagree: {AUDIT_PERCENT} %"
)

LIARS = (
    Liar(
        "takes the prepayment and leaves",
        POLE,
        "Delivers nothing, falls silent and comes again.",
        "pays ahead once: what is due is what it was",
        _PREPAID,
        _again(TakesThePrepayment),
    ),
    Liar(
        "invoices energy that never flowed",
        POLE,
        "Opens its contact and goes on to send invoices.",
        "waits for its own meter, then stops with OVERBILLED",
        _PREPAID,
        _again(InvoicesWhatNeverFlowed),
    ),
    Liar(
        "invoices just above tolerance",
        POLE,
        "Counts two percent more than is tolerated, and asks again for what was refused.",
        "stops with OVERBILLED, again and again: the audit goes over the channel's life",
        _tolerated(packets=_PACKETS_ABOVE),
        _again(CountsTooMuch),
        f"{_TOLERANCE} of {_PACKETS_ABOVE} packets",
    ),
    Liar(
        "invoices all that is tolerated",
        POLE,
        f"Counts {AUDIT_PERCENT} % more than flows, always.",
        "pays it",
        _tolerated(packets=_HONEST_PACKETS * ATTEMPTS),
        _again(CountsWhatIsTolerated),
        f"{_TOLERANCE} of {_HONEST_PACKETS * ATTEMPTS} packets",
    ),
    Liar(
        "invoices after the quarrel",
        POLE,
        "Goes on with good invoices after the vehicle has stopped.",
        "pays nothing more to a pole that wronged it",
        _PREPAID,
        _again(InvoicesAfterTheQuarrel),
    ),
    Liar(
        "adds one unit",
        POLE,
        "Sends an invoice that is one claim unit above its energy times the tariff.",
        "computes every amount itself and stops with WRONG_AMOUNT",
        _PREPAID,
        _again(AddsOneUnit),
    ),
    Liar(
        "bills another price",
        POLE,
        "Bills a price that it never asked for.",
        "stops with WRONG_AMOUNT",
        _PREPAID,
        _again(BillsAnotherPrice),
    ),
    Liar(
        "numbers an invoice twice",
        POLE,
        "Asks for more under the number of an invoice that is paid.",
        "stops with BAD_FIELD",
        _PREPAID,
        _again(NumbersAnInvoiceTwice),
    ),
    Liar(
        "changes tariff after the fact",
        POLE,
        "Withholds its invoices, then asks for a price that holds for what flowed already.",
        "stops with BAD_FIELD: a price must begin after what its own meter counted",
        _PREPAID,
        _again(ChangesTheTariffAfterTheFact),
    ),
    Liar(
        "changes tariff within tolerance",
        POLE,
        "Withholds as much as meters may disagree on in a long session, and raises its price.",
        "tolerates a share of what flowed since the last invoice, not of the session; BAD_FIELD",
        _PREPAID,
        _again(ChangesTheTariffWithinTolerance),
    ),
    Liar(
        "leaves energy out until it is dear",
        POLE,
        f"Counts {AUDIT_PERCENT} % too little, raises its price and bills what it left out.",
        "tolerates nothing of what flowed before a price rose; OVERBILLED",
        _PREPAID + ATTEMPTS * (_STEP + _LATE) * (HIGHEST_PRICE / PRICE - 1) + _ROUNDING,
        _again(BillsAtTheDearerPrice),
        "beside the prepayment a step of the meter and what flows while an invoice may wait, at "
        f"the difference of prices, each time that the price rises: {ATTEMPTS} times here",
    ),
    Liar(
        "raises its price through a reconnect",
        POLE,
        "Withholds its invoices, then bills what flowed in a new session at a higher price.",
        "forgets what was not billed in its session, but for one step of its meter",
        _PREPAID + ATTEMPTS * _STEP * (_DEAR_PRICE / PRICE - 1),
        _again(RaisesItsPriceThroughAReconnect),
        "beside the prepayment one step of the meter at the difference of prices, per reconnect: "
        "it is not told apart from energy of the new session",
    ),
    Liar(
        "carries a debt over at a price of later",
        POLE,
        "Delivers on credit, and asks for the price that is agreed for energy further on.",
        "prices a debt exactly as was agreed for its energy; CARRIED_DEBT",
        _PREPAID,
        _again(CarriesOverAtAPriceOfLater),
    ),
    Liar(
        "carries a debt over at a price of before",
        POLE,
        "Delivers in a session that never comes to an invoice, and asks for the price before it.",
        "stores a session's price before it accepts it; the rest is taken on trust, once",
        _PREPAID,
        _again(CarriesOverAtAPriceOfBefore),
    ),
    Liar(
        "invents debt",
        POLE,
        "Offers a little more debt with every reconnect, and delivers nothing.",
        "takes no more than one prepayment on trust, and prepays as much less; PREPAY_TOO_SMALL",
        _PREPAID,
        _again(InventsDebt),
    ),
    Liar(
        "invents a huge debt",
        POLE,
        "Offers two packets of debt that nobody knows of.",
        "stops with CARRIED_DEBT",
        _PREPAID,
        _again(InventsAHugeDebt),
    ),
    Liar(
        "tells less energy",
        POLE,
        "Sets its count of energy back, and offers more debt.",
        "counts only differences; what they do not justify is taken on trust, once",
        _PREPAID,
        _again(TellsLessEnergy),
    ),
    Liar(
        "tells more energy",
        POLE,
        "Offers debt together with energy that never flowed.",
        "lets its own meter justify it, over the channel's life",
        _tolerated(packets=_HONEST_PACKETS),
        _again(TellsMoreEnergy),
        f"{_TOLERANCE} of {_HONEST_PACKETS} packets",
    ),
    Liar(
        "forgets the standing",
        POLE,
        "Offers the channel as never seen, so that all is paid a second time.",
        "never signs less than it did: the total counts, not the sum",
        _PREPAID,
        _again(ForgetsTheStanding),
    ),
    Liar(
        "forges the best claim",
        POLE,
        "Offers a best claim that the vehicle did not sign.",
        "knows its own signatures and stops with BAD_SIGNATURE",
        _PREPAID,
        _again(ForgesTheBestClaim),
    ),
    Liar(
        "lies in its receipt",
        POLE,
        "Signs a receipt with debt, and asks for it the next time.",
        "believes its own journal, not a receipt; CARRIED_DEBT",
        _PREPAID,
        _again(LiesInItsReceipt),
    ),
    Liar(
        "asks the wallet to sign bytes that are a claim",
        POLE,
        "Chooses its nonce to be a part of a claim for all of the channel.",
        "signs nothing but claims and what begins with `JST1`",
        _PREPAID,
        _again(AsksForAClaim),
    ),
    Liar(
        "asks too high a price",
        POLE,
        "Offers a price above the owner's limit.",
        "stops with PRICE_TOO_HIGH",
        _PREPAID,
        _again(AsksTooHighAPrice),
    ),
    Liar(
        "poses as another pole",
        POLE,
        "Offers with the channel's payee key, whose seed it does not have.",
        "stops with BAD_SIGNATURE",
        _PREPAID,
        _again(PosesAsAnotherPole),
    ),
    Liar(
        "floods",
        POLE,
        "Takes the prepayment under noise, nonsense in good frames and its own offer, for ever.",
        "drops and counts what is no news, and stops with LINK_TIMEOUT",
        _PREPAID,
        _again(Floods),
    ),
)
