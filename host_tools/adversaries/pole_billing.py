"""Poles that lie in their invoices."""

from typing import Any

from joulestream.host_tools.adversaries.liar import ATTEMPTS, POLE, Liar
from joulestream.host_tools.adversaries.lying_pole import (
    DEAR_PRICE,
    HONEST_PACKETS,
    PREPAID,
    TOLERANCE,
    LyingPole,
    again,
    tolerated,
)
from joulestream.host_tools.adversaries.play import Play
from joulestream.host_tools.adversaries.stage import (
    AUDIT_PERCENT,
    PACKET_MWH,
    PRICE,
    VehicleStage,
)

# Packets, over all attempts, in which a count two percent above the tolerance is noticed.
_PACKETS_ABOVE = 50
# How long a liar wears the flash out, and the records that the vehicle's budget allows at once.
_WEAR_MS = 90_000
_BURST = 60


class InvoicesWhatNeverFlowed(LyingPole):
    """Opens its contact and adds a packet to its count."""

    reason = "OVERBILLED"

    def lie(self) -> None:
        self.delivers = False

    def counted_mwh(self) -> int:
        return super().counted_mwh() + (PACKET_MWH if self.lying else 0)


class CountsTooMuch(LyingPole):
    """Counts `PER_MILLE` thousandths of the energy that flows, in all sessions."""

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
    """Counts as much too much as the audit tolerates."""

    PER_MILLE = 1_000 + 10 * AUDIT_PERCENT

    def attempt(self, play: Play) -> None:
        self.charge(HONEST_PACKETS * (1 + len(play.gains)))
        play.take_stock()


class AddsOneUnit(LyingPole):
    """Adds one claim unit to each amount due."""

    reason = "WRONG_AMOUNT"

    def due(self, energy_mwh: int) -> int:
        return super().due(energy_mwh) + self.lying


class InvoicesAfterTheQuarrel(AddsOneUnit):
    """Sends a false invoice, and a correct one after the vehicle has stopped."""

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
    """Bills a higher price that it never announced."""

    reason = "WRONG_AMOUNT"

    def due(self, energy_mwh: int) -> int:
        if not self.lying:
            return super().due(energy_mwh)
        return self.amount_due + (energy_mwh - self.energy_mwh) * DEAR_PRICE // 1_000_000


class NumbersAnInvoiceTwice(LyingPole):
    """Asks for more money with the number of an invoice that is already paid."""

    reason = "BAD_FIELD"

    def invoice(self, energy_mwh: int) -> None:
        self.sequence -= self.lying
        super().invoice(energy_mwh)


class WearsTheFlashOut(LyingPole):
    """Asks as often as the vehicle answers, for `MORE_MWH` each time, and delivers nothing."""

    MORE_MWH = 0

    def attempt(self, play: Play) -> None:
        stage = self.stage
        self.delivers = True
        self.charge(HONEST_PACKETS)
        self.lying, self.delivers = True, False
        stage.pass_time(1_000)
        began = _records(stage)
        stage.pass_time(_WEAR_MS)
        assert self.is_open and self.packets > HONEST_PACKETS
        assert _records(stage) - began <= self.most_records()
        self.lying = False
        self.vanish()
        play.take_stock()
        stage.replug()

    def most_records(self) -> int:
        """Return the most records that the vehicle may write meanwhile."""
        return 0

    def step(self) -> None:
        if not self.lying:
            super().step()
        elif self.is_open and not self.waiting:
            self.ask()

    def ask(self) -> None:
        self.invoice(self.invoiced_mwh + self.MORE_MWH)


class AsksForLittle(WearsTheFlashOut):
    """Asks for one mWh more each time, which the steps of the meters allow for a while."""

    MORE_MWH = 1

    def most_records(self) -> int:
        return _BURST + _WEAR_MS // 1_000 + 1


class ChangesItsPriceForNothing(AsksForLittle):
    """Announces another price before each invoice for no energy."""

    MORE_MWH = 0
    waits_for_answer = False

    def ask(self) -> None:
        if not self.waits_for_answer:
            self.waits_for_answer = True
            self.change_tariff(PRICE - self.packets % 2, self.invoiced_mwh)

    def on_tariff_accept(self, message: Any) -> None:
        super().on_tariff_accept(message)
        self.waits_for_answer = False
        self.invoice(self.invoiced_mwh)


def _records(stage: VehicleStage) -> int:
    """Return how many records the vehicle's wallet has written."""
    return int(stage.supervisor.loop.payer.record.number)


class TakesThePrepayment(LyingPole):
    """Takes the prepayment, delivers nothing and falls silent, in every attempt."""

    def attempt(self, play: Play) -> None:
        self.delivers = False
        self.meet()
        self.vanish()
        play.take_stock()


LIARS = (
    Liar(
        "takes the prepayment and leaves",
        POLE,
        "Delivers nothing, falls silent, and asks for the prepayment again in the next session.",
        "prepays once: the total that it signs does not grow without energy",
        PREPAID,
        again(TakesThePrepayment),
    ),
    Liar(
        "invoices energy that never flowed",
        POLE,
        "Opens its contact and keeps sending invoices for more energy.",
        "waits until its own meter has had time to follow, then stops with OVERBILLED",
        PREPAID,
        again(InvoicesWhatNeverFlowed),
    ),
    Liar(
        "invoices just above the tolerance",
        POLE,
        "Counts two percent more than the audit tolerates, and offers the refused amount as debt.",
        "stops with OVERBILLED each time, since the audit covers all sessions of the channel",
        tolerated(packets=_PACKETS_ABOVE),
        again(CountsTooMuch),
        f"{TOLERANCE} of {_PACKETS_ABOVE} packets",
    ),
    Liar(
        "invoices all that the audit tolerates",
        POLE,
        f"Counts {AUDIT_PERCENT} % more energy than flows.",
        "pays, since two honest meters may differ as much",
        tolerated(packets=HONEST_PACKETS * ATTEMPTS),
        again(CountsWhatIsTolerated),
        f"{TOLERANCE} of {HONEST_PACKETS * ATTEMPTS} packets",
    ),
    Liar(
        "sends correct invoices after a false one",
        POLE,
        "Sends a false invoice, and correct ones once the vehicle has stopped.",
        "pays nothing more in a session that it has stopped",
        PREPAID,
        again(InvoicesAfterTheQuarrel),
    ),
    Liar(
        "invoices nothing, again and again",
        POLE,
        "Sends an invoice for no energy as soon as the last one is paid, to wear the flash out.",
        "signs the same claim again and writes nothing",
        PREPAID,
        again(WearsTheFlashOut),
    ),
    Liar(
        "invoices one mWh, again and again",
        POLE,
        "Sends an invoice for 1 mWh as soon as the last one is paid, to wear the flash out.",
        "lets invoices for little energy wait, so that it writes one record a second",
        tolerated(packets=HONEST_PACKETS * ATTEMPTS),
        again(AsksForLittle),
        f"{TOLERANCE} of {HONEST_PACKETS * ATTEMPTS} packets",
    ),
    Liar(
        "changes its price for no energy",
        POLE,
        "Announces another price before each invoice for no energy, to wear the flash out.",
        "stores each price, and lets the next invoice wait, so that it writes one record a second",
        PREPAID,
        again(ChangesItsPriceForNothing),
    ),
    Liar(
        "bills one unit too much",
        POLE,
        "Adds one claim unit to the price of the energy.",
        "computes every amount itself, and stops with WRONG_AMOUNT",
        PREPAID,
        again(AddsOneUnit),
    ),
    Liar(
        "bills another price",
        POLE,
        "Bills a higher price that it never announced.",
        "stops with WRONG_AMOUNT",
        PREPAID,
        again(BillsAnotherPrice),
    ),
    Liar(
        "uses an invoice number twice",
        POLE,
        "Asks for more money with the number of an invoice that is already paid.",
        "stops with BAD_FIELD",
        PREPAID,
        again(NumbersAnInvoiceTwice),
    ),
)
