"""Poles that lie to a vehicle; each meets it again and again, and the wallet keeps its journal."""

from typing import Any

from adversaries.liar import ATTEMPTS, POLE, Liar, Script
from adversaries.peers import PolePeer
from adversaries.play import Play
from adversaries.stage import PACKET_MWH

_HONEST_PACKETS = 4


class LyingPole(PolePeer):
    """Honest while not `lying`; then the vehicle must stop for `reason`."""

    reason = ""
    lying = False

    def attempt(self, play: Play) -> None:
        """Deliver honestly, lie, and be there when the vehicle comes back."""
        stage = self.stage
        self.lying = False
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


def _again(kind: type[LyingPole], **changes: Any) -> Script:
    """Return a script in which a liar of that kind tries again and again."""

    def script(play: Play) -> None:
        liar = kind(play.vehicle(**changes))
        for _ in range(ATTEMPTS):
            liar.delivers = True
            liar.attempt(play)

    return script


LIARS = (
    Liar(
        "invoices energy that never flowed",
        POLE,
        "It opens its contact and goes on to send invoices.",
        "pays only what its own meter justifies, then stops with OVERBILLED",
        1.5,
        _again(InvoicesWhatNeverFlowed),
        "the prepayment is one packet, and beside it the audit tolerates",
    ),
)
