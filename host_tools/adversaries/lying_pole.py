"""The frame of all lying poles: an honest start, a lie, and another visit of the same vehicle."""

from typing import Any

from joulestream.host_tools.adversaries.liar import ATTEMPTS, Script
from joulestream.host_tools.adversaries.peers import PolePeer
from joulestream.host_tools.adversaries.play import Play
from joulestream.host_tools.adversaries.stage import (
    AUDIT_PERCENT,
    MOST_PREPAID,
    PACKET,
    PACKET_MWH,
)

HONEST_PACKETS = 4
PREPAID = MOST_PREPAID / PACKET
# One step of the vehicle's meter.
STEP_MWH = 1_000
STEP = STEP_MWH / PACKET_MWH


def tolerated(packets: int) -> float:
    """Return the prepayment and the audit's tolerance together, in packets."""
    # The first update of a session is for no packet; one more is under way.
    return PREPAID + 2 * STEP + (packets + 1) * AUDIT_PERCENT / 100


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
        self.charge(HONEST_PACKETS)
        self.lying = True
        self.lie()
        stage.run(lambda: stage.last_stop() == self.reason)
        play.take_stock()
        stage.replug()

    def lie(self) -> None:
        """Begin to lie: a liar's single acts at that moment."""


class LiesInItsOffer(LyingPole):
    """Delivers once, and offers a false standing ever after; `lies()` are the fields.

    In the end the vehicle must refuse it for `reason`, if there is one.
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
        raise NotImplementedError


class RefusedOffer(LiesInItsOffer):
    """An offer that must be refused at once, each time."""

    def attempt(self, play: Play) -> None:
        super().attempt(play)
        assert self.stop_reason and not self.is_open


def again(kind: type[LyingPole], attempts: int = ATTEMPTS, **changes: Any) -> Script:
    """Return a script in which a liar of that kind tries again and again."""

    def script(play: Play) -> None:
        liar = kind(play.vehicle(**changes))
        for _ in range(attempts):
            liar.attempt(play)

    return script


TOLERANCE = (
    "beside the prepayment, which is one packet, the audit tolerates a step of the meter, whose "
    "estimate may be another step ahead, and `audit_percent` of all energy, since two meters and "
    f"a cable disagree: {AUDIT_PERCENT} %"
)
