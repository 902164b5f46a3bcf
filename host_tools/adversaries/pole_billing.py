"""Poles that lie in their invoices."""

from typing import Any

from joulestream.host_tools.adversaries.liar import ATTEMPTS, POLE, Liar
from joulestream.host_tools.adversaries.lying_pole import (
    HONEST_PACKETS,
    PREPAID,
    TOLERANCE,
    LyingPole,
    again,
    tolerated,
)
from joulestream.host_tools.adversaries.play import Play
from joulestream.host_tools.adversaries.pole_tariffs import (
    _DEAR_PRICE,
)
from joulestream.host_tools.adversaries.stage import (
    AUDIT_PERCENT,
    PACKET_MWH,
)

# How much flows while one liar shows, attempt after attempt, that it counts too much.
_PACKETS_ABOVE = 50


class InvoicesWhatNeverFlowed(LyingPole):
    reason = "OVERBILLED"

    def lie(self) -> None:
        self.delivers = False

    def counted_mwh(self) -> int:
        return super().counted_mwh() + (PACKET_MWH if self.lying else 0)


class CountsTooMuch(LyingPole):
    """Counts `PER_MILLE` of the energy that flowed, in all of the channel's life."""

    reason = "OVERBILLED"
    PER_MILLE = 1_000 + 10 * AUDIT_PERCENT + 20

    def attempt(self, play: Play) -> None:
        stage = self.stage
        self.charge(1)
        stage.run(lambda: stage.last_stop() == self.reason, limit_ms=600_000)
        # The next offer asks again for the amount that the vehicle refused.
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
        self.charge(HONEST_PACKETS * (1 + len(play.gains)))
        play.take_stock()


class AddsOneUnit(LyingPole):
    reason = "WRONG_AMOUNT"

    def due(self, energy_mwh: int) -> int:
        return super().due(energy_mwh) + self.lying


class InvoicesAfterTheQuarrel(AddsOneUnit):
    """Once the vehicle has stopped, asks in good order for the energy that flowed."""

    def attempt(self, play: Play) -> None:
        stage = self.stage
        self.charge(HONEST_PACKETS)
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


class TakesThePrepayment(LyingPole):
    """Takes the prepayment, delivers nothing and falls silent."""

    def attempt(self, play: Play) -> None:
        self.delivers = False
        self.meet()
        self.vanish()
        play.take_stock()


LIARS = (
    Liar(
        "takes the prepayment and leaves",
        POLE,
        "Delivers nothing, falls silent and comes again.",
        "pays ahead once: what is due is what it was",
        PREPAID,
        again(TakesThePrepayment),
    ),
    Liar(
        "invoices energy that never flowed",
        POLE,
        "Opens its contact and goes on to send invoices.",
        "waits for its own meter, then stops with OVERBILLED",
        PREPAID,
        again(InvoicesWhatNeverFlowed),
    ),
    Liar(
        "invoices just above tolerance",
        POLE,
        "Counts two percent more than is tolerated, and asks again for what was refused.",
        "stops with OVERBILLED, again and again: the audit goes over the channel's life",
        tolerated(packets=_PACKETS_ABOVE),
        again(CountsTooMuch),
        f"{TOLERANCE} of {_PACKETS_ABOVE} packets",
    ),
    Liar(
        "invoices all that is tolerated",
        POLE,
        f"Counts {AUDIT_PERCENT} % more than flows, always.",
        "pays it",
        tolerated(packets=HONEST_PACKETS * ATTEMPTS),
        again(CountsWhatIsTolerated),
        f"{TOLERANCE} of {HONEST_PACKETS * ATTEMPTS} packets",
    ),
    Liar(
        "invoices after the quarrel",
        POLE,
        "Goes on with good invoices after the vehicle has stopped.",
        "pays nothing more to a pole that wronged it",
        PREPAID,
        again(InvoicesAfterTheQuarrel),
    ),
    Liar(
        "adds one unit",
        POLE,
        "Sends an invoice that is one claim unit above its energy times the tariff.",
        "computes every amount itself and stops with WRONG_AMOUNT",
        PREPAID,
        again(AddsOneUnit),
    ),
    Liar(
        "bills another price",
        POLE,
        "Bills a price that it never asked for.",
        "stops with WRONG_AMOUNT",
        PREPAID,
        again(BillsAnotherPrice),
    ),
    Liar(
        "numbers an invoice twice",
        POLE,
        "Asks for more under the number of an invoice that is paid.",
        "stops with BAD_FIELD",
        PREPAID,
        again(NumbersAnInvoiceTwice),
    ),
)
