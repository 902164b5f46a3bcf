"""Poles that are paid twice for one watt-hour, and poles that lie about their meter."""

from typing import Any

from joulestream.host_tools.adversaries.bank import SIGNERS
from joulestream.host_tools.adversaries.liar import ATTEMPTS, POLE, Liar
from joulestream.host_tools.adversaries.lying_pole import (
    DEAR_PRICE,
    HONEST_PACKETS,
    PREPAID,
    STEP,
    STEP_MWH,
    LyingPole,
    RefusedOffer,
    again,
    tolerated,
)
from joulestream.host_tools.adversaries.play import Play
from joulestream.host_tools.adversaries.stage import (
    LINK_TIMEOUT_MS,
    MAX_POWER_W,
    PACKET_MWH,
    POWER_MW,
    PRICE,
    STEP_MS,
    VehicleStage,
)

_AT_HOME_MS = 20_000
# The pole's stop as its offer tells it (peers.py), and the energy until then, in packets.
_STOP_MS = 300
_TAIL = MAX_POWER_W * (LINK_TIMEOUT_MS + _STOP_MS) / 3_600 / PACKET_MWH


class HasTwoKeys(LyingPole):
    """Has two keys, and bills the energy that was paid under one of them under the other too.

    It sends no STOP: the vehicle finds the other key when it comes back.
    """

    reason = "OVERBILLED"

    def __init__(self, stage: VehicleStage) -> None:
        super().__init__(stage)
        # The figures of the key that is not in use.
        self._other: dict[str, Any] = {
            "signer": SIGNERS["another pole"],
            "energy_mwh": 0,
            "amount_due": 0,
            "remainder": 0,
            "best_amount": 0,
            "best_signature": bytes(64),
        }

    def attempt(self, play: Play) -> None:
        stage = self.stage
        self.delivers = True
        self.lying = False
        self.charge(HONEST_PACKETS)
        paid_mwh = self.energy_mwh - self.start_mwh
        self.vanish()
        self.change_key()
        self.delivers = False
        self.meet()
        self.lying = True
        self.bill(PACKET_MWH, self.start_mwh + paid_mwh)
        stage.run(lambda: self.stop_reason or not self.waiting)
        play.take_stock()
        assert stage.last_stop() == self.reason
        self.change_key()
        stage.replug()

    def step(self) -> None:
        if not self.lying:
            super().step()

    def change_key(self) -> None:
        """Go on with the other key and the figures that belong to it."""
        mine = {name: getattr(self, name) for name in self._other}
        for name, value in self._other.items():
            setattr(self, name, value)
        self._other = mine


def two_keys(play: Play) -> None:
    """Play a pole with two keys, and a vehicle with a channel to each of them."""
    play.certificate(number=1, payee="another pole")
    liar = HasTwoKeys(play.vehicle())
    for _ in range(ATTEMPTS):
        liar.attempt(play)


class BillsEnergyFromHome(LyingPole):
    """Bills the energy that the vehicle drew at home since its last visit."""

    reason = "OVERBILLED"

    def attempt(self, play: Play) -> None:
        stage = self.stage
        self.delivers = True
        self.charge(HONEST_PACKETS)
        self.leave()
        home_mwh = self.charge_at_home()
        self.delivers = False
        self.meet()
        self.bill(PACKET_MWH, self.invoiced_mwh + home_mwh)
        stage.run(lambda: self.stop_reason or not self.waiting)
        play.take_stock()
        assert stage.last_stop() == self.reason
        stage.replug()

    def leave(self) -> None:
        """End the session as the lie wants it."""
        self.vanish()

    def charge_at_home(self) -> int:
        """Let the vehicle be charged elsewhere; return the energy in mWh."""
        stage = self.stage
        stage.plugged = False
        stage.pass_time(2_000)
        before_mwh = stage.meter.energy_mwh
        for _ in range(_AT_HOME_MS // STEP_MS):
            stage.meter.advance(POWER_MW, STEP_MS)
            stage.step()
        stage.plugged = True
        return int(stage.meter.energy_mwh - before_mwh)


class AsksForEnergyFromHome(BillsEnergyFromHome):
    """Carries the energy that the vehicle drew at home over as a debt."""

    def attempt(self, play: Play) -> None:
        self.delivers = True
        self.charge(HONEST_PACKETS)
        self.leave()
        home_mwh = self.charge_at_home()
        honest = self.energy_mwh, self.amount_due
        self.energy_mwh += home_mwh
        self.amount_due += home_mwh * PRICE // 1_000_000
        self.meet()
        play.take_stock()
        assert self.stage.last_stop() == "CARRIED_DEBT"
        self.energy_mwh, self.amount_due = honest
        self.stage.replug()


class WaitsForALossOfPower(LyingPole):
    """Carries over the energy that the vehicle drew elsewhere while it had no power itself."""

    def attempt(self, play: Play) -> None:
        stage = self.stage
        self.delivers = True
        self.charge(HONEST_PACKETS)
        self.delivers = False
        self.end()
        self.stop_reason = 0
        stage.supervisor = None
        for _ in range(_AT_HOME_MS // STEP_MS):
            stage.meter.advance(POWER_MW, STEP_MS)
            stage.step()
        most_mwh = POWER_MW * _AT_HOME_MS // 3_600_000
        # All that a vehicle takes after each of its starts.
        asked_mwh = min(most_mwh, int(_TAIL * PACKET_MWH))
        self.energy_mwh += asked_mwh
        self.amount_due += asked_mwh * PRICE // 1_000_000
        self.packets = 0
        stage.cut_power()
        stage.run(lambda: self.packets or self.stop_reason)
        play.take_stock()
        self.vanish()
        stage.replug()


class HasACoarseRegister(RefusedOffer):
    """Declares a register with steps of ten packets."""

    reason = "POLE_TOO_COARSE"

    def lies(self) -> dict[str, Any]:
        return {"step_mwh": 10 * PACKET_MWH}


class HasALargePacket(RefusedOffer):
    """Declares packets and register steps of ten packets, and grants the credit for them."""

    reason = "PREPAY_TOO_SMALL"

    def lies(self) -> dict[str, Any]:
        large_mwh = 10 * PACKET_MWH
        return {"step_mwh": large_mwh, "packet_energy_mwh": large_mwh, "credit": 1 << 40}


class HasASlowRegister(RefusedOffer):
    """Declares a register that is refreshed once a minute."""

    reason = "POLE_TOO_COARSE"

    def lies(self) -> dict[str, Any]:
        return {"refresh_ms": 60_000}


class StopsLate(RefusedOffer):
    """Declares that it needs an hour to stop, so that energy of that hour might be its own."""

    reason = "POLE_TOO_SLOW"

    def lies(self) -> dict[str, Any]:
        return {"stop_ms": 3_600_000}


class HasAStepOfAPacket(LyingPole):
    """Declares a register with steps of a packet, and bills one packet too much."""

    reason = "OVERBILLED"
    declared_mwh = PACKET_MWH

    def offer_fields(self) -> dict[str, Any]:
        return super().offer_fields() | {"step_mwh": self.declared_mwh}

    def counted_mwh(self) -> int:
        return super().counted_mwh() + (PACKET_MWH if self.lying else 0)

    def attempt(self, play: Play) -> None:
        stage = self.stage
        self.lying = False
        self.delivers = True
        self.charge(HONEST_PACKETS)
        self.lying = True
        self.delivers = False
        self.bill(STEP_MWH)
        play.take_stock()
        assert stage.last_stop() == self.reason
        stage.replug()


class BillsItsStepAtADearerPrice(HasAStepOfAPacket):
    """Declares long steps, leaves one out, and bills it at a higher price later."""

    # A step may cost one prepayment at the higher price.
    declared_mwh = PACKET_MWH * PRICE // DEAR_PRICE

    def attempt(self, play: Play) -> None:
        self.hide(self.declared_mwh)
        self.withholds = False
        self.meet()
        self.bill(STEP_MWH)
        play.take_stock()
        self.stage.replug()


_ONCE = (
    "on top of the prepayment of one packet and the audit's tolerance, the vehicle cannot tell a "
    "step of the pole's register from energy, and takes it on trust once in a channel's life: a "
    "pole may declare steps of up to one packet"
)
LIARS = (
    Liar(
        "has two keys",
        POLE,
        "Bills the energy that was paid under one of its keys once more under the other.",
        "gives each watt-hour of its meter to one channel only, and stops with OVERBILLED",
        2 * PREPAID,
        two_keys,
        "one prepayment on each of its two channels",
    ),
    Liar(
        "bills energy that was drawn at home",
        POLE,
        "Bills what the vehicle's meter counted between two visits.",
        "gives no channel the energy that flows while it is unplugged, and stops with OVERBILLED",
        PREPAID,
        again(BillsEnergyFromHome),
    ),
    Liar(
        "carries over energy that was drawn at home",
        POLE,
        "Offers what the vehicle's meter counted between two visits as a debt.",
        "gives no channel the energy that flows while it is unplugged; stops with CARRIED_DEBT",
        PREPAID,
        again(AsksForEnergyFromHome),
    ),
    Liar(
        "waits for a loss of power",
        POLE,
        "Carries over what the vehicle drew elsewhere while it had no power to watch its meter.",
        "takes no more of it than can flow in one link timeout and one stop of the pole",
        PREPAID + ATTEMPTS * _TAIL,
        again(WaitsForALossOfPower),
        f"{_TAIL:.1f} packets flow in a link timeout of {LINK_TIMEOUT_MS // 1_000} s and a stop, "
        f"and the vehicle lost its power {ATTEMPTS} times in open sessions; a pole cannot cause "
        "that, and `max_tail_ms` bounds it",
    ),
    Liar(
        "has a coarse register",
        POLE,
        "Declares a register with steps of ten packets, so that the audit would tolerate them.",
        "stops with POLE_TOO_COARSE: a step is at most one packet",
        PREPAID,
        again(HasACoarseRegister),
    ),
    Liar(
        "has large packets",
        POLE,
        "Declares packets of ten times the energy, register steps as large, and credit for them.",
        "stops with PREPAY_TOO_SMALL: a step costs at most what its owner lets it pay ahead",
        PREPAID,
        again(HasALargePacket),
    ),
    Liar(
        "has a slow register",
        POLE,
        "Declares a register that is refreshed once a minute.",
        "stops with POLE_TOO_COARSE: at most one packet flows in a refresh",
        PREPAID,
        again(HasASlowRegister),
    ),
    Liar(
        "needs an hour to stop",
        POLE,
        "Declares a long stop, so that energy from elsewhere would be its own for so long.",
        "stops with POLE_TOO_SLOW: link timeout and stop are at most `max_tail_ms`",
        PREPAID,
        again(StopsLate),
    ),
    Liar(
        "has a register step of a packet",
        POLE,
        "Declares steps of one packet, and bills all that such a register would explain.",
        "tolerates one such step in the channel's life, and stops with OVERBILLED",
        tolerated(packets=HONEST_PACKETS * ATTEMPTS) + 1,
        again(HasAStepOfAPacket),
        _ONCE,
    ),
    Liar(
        "bills its register step at a dearer price",
        POLE,
        "Declares steps as long as it may, leaves one out, and bills it when its price is higher.",
        "forgets all energy but a step of its own meter when a session ends, and tolerates one "
        "step of the pole's register",
        tolerated(packets=HONEST_PACKETS * ATTEMPTS) + 1 + ATTEMPTS * (1 + STEP) / 3,
        again(BillsItsStepAtADearerPrice),
        _ONCE
        + "; for each rise of its price it gains the difference of the prices for that step, "
        f"{ATTEMPTS} times a third of a packet here; a pole with a refresh as long as it may "
        "gains twice as much, and the vehicle's highest price alone bounds the rises",
    ),
)
