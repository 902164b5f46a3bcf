"""Vehicles that meet a pole whose journal is gone, after its claims were collected."""

from typing import Any

from joulestream.channel import Certificate
from joulestream.host_tools.adversaries.liar import ATTEMPTS, VEHICLE, Liar, Script
from joulestream.host_tools.adversaries.lying_vehicle import (
    CREDIT_AND_DELAY,
    DELAY,
    HONEST_PACKETS,
    LyingVehicle,
)
from joulestream.host_tools.adversaries.play import Play


class OutlivesTheJournal(LyingVehicle):
    """Charges honestly, lets its claims be collected, and comes back when the journal is gone."""

    def attempt(self, play: Play) -> None:
        stage = self.stage
        terms = self.certificate.terms()
        self.lying = False
        # The pole's journal is older than the certificate.
        stage.pass_time(2_000)
        older = self.certificate = play.bank.certify(terms, stage.now_s)
        self.charge(HONEST_PACKETS)
        stage.replug()
        stage.run(stage.ended)
        play.take_stock()
        stage.lose_journal()
        self.lying = True
        self.come_back(older, play.bank.certify(terms, stage.now_s))
        play.take_stock()

    def come_back(self, older: Certificate, newer: Certificate) -> None:
        """Greet the pole, with a certificate from before its loss and one from after it."""
        self.certificate = newer
        self.greet()
        self.stage.run_to_end(self.reason)


class ShowsItsOldCertificate(OutlivesTheJournal):
    """Shows the certificate from before: it does not say that the ledger has paid."""

    reason = "CERTIFICATE_OLD"

    def come_back(self, older: Certificate, newer: Certificate) -> None:
        flowed_mwh = self.stage.flowed_mwh
        super().come_back(newer, older)
        assert self.stage.flowed_mwh == flowed_mwh


class SignsItsOldTotalsAgain(OutlivesTheJournal):
    """Begins anew at the amount that the invoice asks for, below the amount that was collected."""

    reason = "AMOUNT_SHRINKS"

    def stated_due(self) -> int:
        return 0 if self.lying else super().stated_due()

    def amount(self, invoice: Any) -> int:
        return int(invoice.amount_due) if self.lying else super().amount(invoice)


class SpendsThePacketOfGrace(OutlivesTheJournal):
    """Signs no more than was collected, and uses up the packet that it may have paid ahead."""

    reason = "UNDERPAID"

    def stated_due(self) -> int:
        return 0 if self.lying else super().stated_due()

    def amount(self, invoice: Any) -> int:
        return self.certificate.claimed if self.lying else super().amount(invoice)


def _again(kind: type[OutlivesTheJournal]) -> Script:
    """Return a script in which a pole loses its journal in each attempt."""

    def script(play: Play) -> None:
        liar = kind(play.pole(), play.certificate())
        for _ in range(ATTEMPTS):
            liar.attempt(play)

    return script


LIARS = (
    Liar(
        "shows its old certificate when the pole's journal is gone",
        VEHICLE,
        "Shows a certificate from before its claims were collected and the pole lost its journal.",
        "takes no certificate that is older than its journal, and stops with CERTIFICATE_OLD",
        DELAY,
        _again(ShowsItsOldCertificate),
    ),
    Liar(
        "signs its old totals again when the pole's journal is gone",
        VEHICLE,
        "Shows a new certificate, and signs claims below the amount that was collected.",
        "takes no claim below the certificate's `claimed`, and stops with AMOUNT_SHRINKS",
        CREDIT_AND_DELAY,
        _again(SignsItsOldTotalsAgain),
    ),
    Liar(
        "spends its prepayment again when the pole's journal is gone",
        VEHICLE,
        "Signs exactly the amount that was collected, as if it had paid a packet ahead.",
        "asks for all but one prepayment of the collected amount, and delivers nothing before the "
        "vehicle has signed for that; then stops with UNDERPAID",
        ATTEMPTS * (1 + CREDIT_AND_DELAY),
        _again(SpendsThePacketOfGrace),
        "a pole that lost its journal cannot know how much was paid ahead, so each loss costs it "
        f"one prepayment and the credit; this pole lost its journal {ATTEMPTS} times",
    ),
)
