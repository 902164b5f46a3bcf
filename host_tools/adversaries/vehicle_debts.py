"""Vehicles that do not pay: they use up credit, leave, come back or open new channels."""

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
from joulestream.host_tools.adversaries.stage import PoleStage


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
    """Greets twenty times a second while current flows, each time with another nonce."""

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
    """Return a script in which each attempt is made on a channel never seen before."""

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
        "Is admitted on a fresh channel and never pays.",
        "energises nothing: a channel never seen before starts token-first",
        0,
        again(StaysSilent),
    ),
    Liar(
        "promises to prepay",
        VEHICLE,
        "Promises a packet ahead and signs claims for nothing.",
        "waits for the claim, not for the promise",
        0,
        again(PromisesToPrepay),
    ),
    Liar(
        "stops paying",
        VEHICLE,
        "Uses up its credit; next time it pays its debt and does so again.",
        "opens the contactor at the credit; the debt is journaled and due first next time",
        CREDIT_AND_DELAY,
        again(StopsPaying),
    ),
    Liar(
        "comes back without paying its debt",
        VEHICLE,
        "Uses up its credit and greets again and again.",
        "offers the debt, and energises nothing before it is paid",
        CREDIT_AND_DELAY,
        again(NeverPaysItsDebt),
    ),
    Liar(
        "reconnects after every free packet",
        VEHICLE,
        "Greets anew in mid-session whenever its credit is used up.",
        "ends that session first (RESTARTED); the debt belongs to the channel",
        CREDIT_AND_DELAY,
        again(GreetsWithEveryPacket),
    ),
    Liar(
        "greets all the time",
        VEHICLE,
        "Greets twenty times a second while current flows.",
        "opens the contactor at the first greeting and offers when the meter shows what flowed",
        DELAY,
        again(GreetsAllTheTime),
    ),
    Liar(
        "pulls the plug",
        VEHICLE,
        "Leaves when its credit is used up.",
        "stops with UNPLUGGED; the debt is due first next time",
        CREDIT_AND_DELAY,
        again(PullsThePlug),
    ),
    Liar(
        "stops and leaves the last invoice unpaid",
        VEHICLE,
        "Says STOP when its credit is used up.",
        "asks once more for what flowed, then keeps the debt for next time",
        CREDIT_AND_DELAY,
        again(StopsInOrder),
    ),
    Liar(
        "floods",
        VEHICLE,
        "Stops paying under noise, nonsense in good frames and its own last message, for ever.",
        "drops and counts what is no news, and stops with LINK_TIMEOUT",
        CREDIT_AND_DELAY,
        again(Floods),
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
        ATTEMPTS * CREDIT_AND_DELAY,
        _many_channels(StopsPaying),
        f"it is 0.75 for each of {ATTEMPTS} channels, and each has been paid more than that; "
        "`credit` 0 gives none, `max_channels` and the issuer's `limit` bound their number",
    ),
)
