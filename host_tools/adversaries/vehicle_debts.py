"""Vehicles that do not pay: they use up their credit, leave, come back, or open new channels."""

from random import Random
from typing import Any

from joulestream.channel import Certificate
from joulestream.errors import OWNER_STOP
from joulestream.host_tools.adversaries.liar import ATTEMPTS, VEHICLE, Liar, Script
from joulestream.host_tools.adversaries.lying_vehicle import (
    CREDIT_AND_DELAY,
    DELAY,
    HONEST_PACKETS,
    LyingVehicle,
    again,
)
from joulestream.host_tools.adversaries.play import Play
from joulestream.host_tools.adversaries.stage import PACKET, PoleStage


class StopsPaying(LyingVehicle):
    """Answers no invoice once it lies."""

    reason = "LINK_TIMEOUT"

    def make_update(self, invoice: Any) -> Any:
        return None if self.lying else super().make_update(invoice)


class NeverPaysItsDebt(StopsPaying):
    """Uses up its credit once, then greets again and again and never pays."""

    def attempt(self, play: Play) -> None:
        if not self.lying:
            super().attempt(play)
            return
        self.greet()
        self.stage.run_to_end("PAYMENT_TIMEOUT", "LINK_TIMEOUT")
        play.take_stock()
        self.stage.replug()


class StaysSilent(StopsPaying):
    """Accepts the offer on a new channel, and never pays."""

    reason = "PAYMENT_TIMEOUT"

    def attempt(self, play: Play) -> None:
        self.lying = True
        self.greet()
        self.stage.run_to_end(self.reason)
        assert self.stage.flowed_mwh == 0
        play.take_stock()
        self.stage.replug()


class PromisesToPrepay(LyingVehicle):
    """Accepts a prepayment, and signs claims for an amount due of 0."""

    def attempt(self, play: Play) -> None:
        self.lying = True
        self.greet()
        self.stage.run_to_end("PREPAY_TOO_SMALL")
        assert self.stage.flowed_mwh == 0
        play.take_stock()

    def amount(self, invoice: Any) -> int:
        return invoice.amount_due


class LeavesItsDebt(StopsPaying):
    """Uses up its credit, and refuses that debt when it comes back. It pays all later energy."""

    leaves = False
    left = 0

    def attempt(self, play: Play) -> None:
        self.leaves = False
        super().attempt(play)
        self.lying, self.leaves = False, True
        self.greet()
        self.stage.run(lambda: self.packets >= HONEST_PACKETS or self.stage.last_stop())
        play.take_stock()
        self.stage.replug()

    def on_offer(self, offer: Any) -> None:
        self.left = max(offer.amount_due - offer.best_amount, 0) if self.leaves else 0
        super().on_offer(offer)

    def make_accept(self) -> Any:
        if not self.leaves:
            return super().make_accept()
        # It promises as much prepayment as it takes to start, and never makes it.
        self.prepay = 10 * PACKET
        accept: Any = super().make_accept()
        accept.amount_due -= self.left
        accept.signature = self.make_proof(accept)
        self.prepay = 0
        return accept

    def amount(self, invoice: Any) -> int:
        if self.left:
            self.paid = max(self.paid, invoice.amount_due - self.left)
            return self.paid
        return super().amount(invoice)


class PullsThePlug(StopsPaying):
    """Pulls the plug when its credit is used up."""

    reason = "UNPLUGGED"

    def lie(self) -> None:
        stage = self.stage
        stage.run(lambda: not stage.contact_closed)
        stage.plugged = False


class StopsInOrder(StopsPaying):
    """Sends a STOP when its credit is used up, and never pays the last invoice."""

    reason = "OWNER_STOP"

    def lie(self) -> None:
        stage = self.stage
        stage.run(lambda: not stage.contact_closed)
        self.stop(OWNER_STOP)


class Floods(StopsPaying):
    """Stops paying, then sends noise, unknown messages and its own last update without end."""

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
    """Greets again in the open session when its credit is used up, and pays nothing more."""

    reason = "RESTARTED"

    def attempt(self, play: Play) -> None:
        stage = self.stage
        if not self.lying:
            self.charge(HONEST_PACKETS)
            self.lying = True
        stage.run(lambda: not stage.contact_closed)
        self.greet()
        stage.run(lambda: self.offer is not None)
        assert not stage.contact_closed
        stage.pass_time(3_000)
        assert not stage.contact_closed
        play.take_stock()


class GreetsAllTheTime(LyingVehicle):
    """Greets twenty times a second while current flows, each time with a new nonce."""

    reason = "RESTARTED"

    def step(self) -> None:
        if self.lying:
            self.greet()

    def attempt(self, play: Play) -> None:
        self.lying = False
        self.charge(HONEST_PACKETS)
        self.lying = True
        self.stage.run(lambda: self.stage.last_stop() == self.reason)
        self.stage.pass_time(3_000)
        assert not self.stage.contact_closed
        play.take_stock()


def _many_channels(kind: type[LyingVehicle]) -> Script:
    """Return a script in which each attempt is made on a new channel."""

    def script(play: Play) -> None:
        stage = play.pole()
        for number in range(ATTEMPTS):
            liar = kind(stage, play.certificate(number))
            liar.attempt(play)

    return script


LIARS = (
    Liar(
        "accepts and stays silent",
        VEHICLE,
        "Accepts the offer on a new channel, and never pays.",
        "keeps the contactor open: a new channel must prepay its first packet",
        0,
        again(StaysSilent),
    ),
    Liar(
        "promises to prepay",
        VEHICLE,
        "Accepts a prepayment of one packet, and signs claims for an amount of 0.",
        "stops the session: the first claim pays no packet, and takes no place in the journal",
        0,
        again(PromisesToPrepay),
    ),
    Liar(
        "leaves its debt unpaid",
        VEHICLE,
        "Uses up its credit, comes back, and tells a lower amount due than the pole's.",
        "counts the debt as a part of the credit, and opens the contactor as early as before",
        CREDIT_AND_DELAY,
        again(LeavesItsDebt),
    ),
    Liar(
        "stops paying",
        VEHICLE,
        "Uses up its credit. In the next session it pays its debt, and does so again.",
        "opens the contactor at the credit, and asks for the debt first in the next session",
        CREDIT_AND_DELAY,
        again(StopsPaying),
    ),
    Liar(
        "comes back without paying its debt",
        VEHICLE,
        "Uses up its credit, then greets again and again and never pays.",
        "offers the debt, and keeps the contactor open until it is paid",
        CREDIT_AND_DELAY,
        again(NeverPaysItsDebt),
    ),
    Liar(
        "greets again after every unpaid packet",
        VEHICLE,
        "Greets again in the open session whenever its credit is used up.",
        "ends the open session first (RESTARTED), and keeps the debt with the channel",
        CREDIT_AND_DELAY,
        again(GreetsWithEveryPacket),
    ),
    Liar(
        "greets all the time",
        VEHICLE,
        "Greets twenty times a second while current flows.",
        "opens the contactor at the first greeting, and makes an offer once its meter shows all "
        "energy of the old session",
        DELAY,
        again(GreetsAllTheTime),
    ),
    Liar(
        "pulls the plug",
        VEHICLE,
        "Pulls the plug when its credit is used up.",
        "stops with UNPLUGGED, and asks for the debt first in the next session",
        CREDIT_AND_DELAY,
        again(PullsThePlug),
    ),
    Liar(
        "stops and leaves the last invoice unpaid",
        VEHICLE,
        "Sends a STOP when its credit is used up.",
        "sends a last invoice, and asks for the debt first in the next session",
        CREDIT_AND_DELAY,
        again(StopsInOrder),
    ),
    Liar(
        "floods",
        VEHICLE,
        "Stops paying, then sends noise, unknown messages and its own last update without end.",
        "drops them; they do not count as a sign of life, so it stops with LINK_TIMEOUT",
        CREDIT_AND_DELAY,
        again(Floods),
    ),
    Liar(
        "opens many new channels",
        VEHICLE,
        "Tries to get the first packet of each channel unpaid.",
        "keeps the contactor open: each new channel must prepay its first packet",
        0,
        _many_channels(StaysSilent),
    ),
    Liar(
        "earns credit on many new channels",
        VEHICLE,
        "Pays on each channel until it has credit, uses that up, and never comes back.",
        "gives a channel no more credit than the amount that the channel has paid",
        ATTEMPTS * CREDIT_AND_DELAY,
        _many_channels(StopsPaying),
        f"it gains 0.75 on each of {ATTEMPTS} channels, after it paid more than that on each; a "
        "`credit` of 0 prevents it, `max_channels` and the issuer's `limit` bound the channels",
    ),
)
