"""The base classes of lying poles.

An attempt starts honestly: some packets are delivered and paid. Then the pole lies until the
vehicle stops. The vehicle comes back for the next attempt with all that its journal knows. The
gain must not grow with the attempts, except by the audit's tolerance.
"""

from typing import Any

from joulestream.host_tools.adversaries.liar import ATTEMPTS, Script
from joulestream.host_tools.adversaries.peers import PolePeer
from joulestream.host_tools.adversaries.play import Play
from joulestream.host_tools.adversaries.stage import (
    AUDIT_PERCENT,
    MOST_PREPAID,
    PACKET,
    PACKET_MWH,
    PRICE,
)

# Packets that are delivered honestly at the start of an attempt.
HONEST_PACKETS = 4
# The prepayment in packets: the gain of a pole that takes it and delivers nothing.
PREPAID = MOST_PREPAID / PACKET
# A higher price, at which a packet still costs no more than credit and prepayment together.
DEAR_PRICE = PRICE * 3 // 2
# One step of the vehicle's meter, in mWh and in packets.
STEP_MWH = 1_000
STEP = STEP_MWH / PACKET_MWH


def tolerated(packets: int) -> float:
    """Return the prepayment plus the audit's tolerance for so many packets, in packets."""
    # One packet more is under way when the last update comes.
    return PREPAID + 3 * STEP + (packets + 1) * AUDIT_PERCENT / 100


class LyingPole(PolePeer):
    """A pole that is honest until `lying` is set; then the vehicle must stop for `reason`.

    It asks for a larger prepayment than any vehicle pays, and so gets the largest one.
    """

    reason = ""
    lying = False

    def offer_fields(self) -> dict[str, Any]:
        return super().offer_fields() | {"prepay": 10 * MOST_PREPAID}

    def attempt(self, play: Play) -> None:
        """Deliver honestly, lie until the vehicle stops, take stock, and let it come back."""
        stage = self.stage
        self.lying = False
        self.delivers = True
        self.charge(HONEST_PACKETS)
        self.lying = True
        self.lie()
        stage.run(lambda: stage.last_stop() == self.reason)
        play.take_stock()
        stage.replug()

    def lie(self) -> None:
        """Do the part of the lie that happens once, when the lying begins."""

    def bill(self, packet_mwh: int, until_mwh: int = 1 << 40) -> None:
        """Send invoices until the vehicle stops, or until `until_mwh` is invoiced.

        Args:
            packet_mwh: the energy that each invoice asks for.
            until_mwh: the channel energy.
        """
        stage = self.stage
        while not self.stop_reason and self.invoiced_mwh < until_mwh:
            stage.run(lambda: not self.waiting or self.stop_reason)
            if not self.stop_reason:
                self.invoice(self.invoiced_mwh + packet_mwh)

    def hide(self, hidden_mwh: int) -> None:
        """Deliver at the low price, leave so much energy without an invoice, and come back dearer.

        The next session has not begun when this returns.
        """
        stage = self.stage
        self.price_per_kwh = stage.price_per_kwh = PRICE
        self.delivers, self.withholds = True, False
        self.meet()
        self.charge(HONEST_PACKETS)
        self.withholds = self.generous = True
        until_mwh = self.counted_mwh() + hidden_mwh
        stage.run(lambda: self.counted_mwh() >= until_mwh)
        self.delivers = self.generous = False
        self.vanish()
        self.price_per_kwh = DEAR_PRICE


class LiesInItsOffer(LyingPole):
    """A pole that delivers once; all its later offers have the fields of `lies()`.

    In the last attempt the vehicle must stop for `reason`. Without a reason it must pay no more,
    and the pole falls silent.
    """

    def attempt(self, play: Play) -> None:
        stage = self.stage
        if not self.lying:
            self.charge(HONEST_PACKETS)
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
        """Return the false fields of the offer."""
        raise NotImplementedError


class RefusedOffer(LiesInItsOffer):
    """A pole with an offer that the vehicle must refuse at once, in every attempt."""

    def attempt(self, play: Play) -> None:
        super().attempt(play)
        assert self.stop_reason and not self.is_open


def again(kind: type[LyingPole], attempts: int = ATTEMPTS, **changes: Any) -> Script:
    """Return a script with several attempts of one liar.

    Args:
        kind: the class of the liar.
        attempts: how often it tries.
        changes: changed fields of the honest vehicle's configuration.
    """

    def script(play: Play) -> None:
        liar = kind(play.vehicle(**changes))
        for _ in range(attempts):
            liar.attempt(play)

    return script


TOLERANCE = (
    "on top of the prepayment of one packet, the audit tolerates a step of each meter, another "
    "step since the estimate may be ahead of the register, and `audit_percent` of all energy, "
    f"since two meters and a cable never agree: {AUDIT_PERCENT} %"
)
