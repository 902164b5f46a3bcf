"""Vehicles and payers that use a good certificate at the wrong pole or at the wrong time."""

from typing import Any

from joulestream.channel import time_bytes
from joulestream.host_tools.adversaries.bank import (
    COLLECT_WITHIN_S,
    SIGNERS,
    START_S,
    WINDOW_S,
)
from joulestream.host_tools.adversaries.liar import ATTEMPTS, PAYER, VEHICLE, Liar
from joulestream.host_tools.adversaries.lying_vehicle import (
    DELAY,
    HONEST_PACKETS,
    LyingVehicle,
    again,
)
from joulestream.host_tools.adversaries.peers import VehiclePeer
from joulestream.host_tools.adversaries.play import Play
from joulestream.host_tools.adversaries.stage import PACKET
from joulestream.host_tools.adversaries.vehicle_certificates import (
    ShowsAnothersCertificate,
)
from joulestream.host_tools.adversaries.vehicle_debts import (
    StopsPaying,
)
from joulestream.messages import (
    TimeProof,
)


class WithoutATime(StopsPaying):
    """Shows a certificate that has expired to a pole that lost the time, and helps it to one.

    `told_s` is the time it would like the pole to have, `witness` signs that time; with
    `nonce` it is one that was given for another session.
    """

    told_s = START_S
    witness = "stranger"
    old_nonce: bytes | None = None

    def on_offer(self, offer: Any) -> None:
        if self.lying:
            assert offer.time_s == 0
            nonce = self.old_nonce or offer.nonce
            signer = SIGNERS[self.witness]
            proof = signer.sign(time_bytes(nonce, offer.payee_key, self.told_s))
            key = signer.public_key
            self.send(TimeProof(issuer_key=key, time_s=self.told_s, signature=proof))
        super().on_offer(offer)


class OutlastsTheWindow(ShowsAnothersCertificate):
    reason = "CERTIFICATE_WINDOW"


def _drain_at_two_poles(play: Play) -> None:
    """Spend all of a channel at its pole, and show its certificate at another one."""
    first, second = play.pole(), play.pole("another pole")
    certificate = play.certificate(capacity=HONEST_PACKETS * PACKET)
    liar = VehiclePeer(first, certificate)
    liar.charge(HONEST_PACKETS)
    first.run_to_end("CAPACITY_EXHAUSTED")
    play.take_stock()
    for _ in range(ATTEMPTS):
        liar = VehiclePeer(second, certificate)
        liar.greet()
        second.run_to_end("WRONG_PAYEE")
        assert second.flowed_mwh == 0
        play.take_stock()


def _expired_after_a_power_cut(play: Play) -> None:
    """Cut the pole's power, so that it does not know that the certificate has expired."""
    stage = play.pole()
    liar = WithoutATime(stage, play.certificate(valid_s=60))
    liar.charge(HONEST_PACKETS)
    old_nonce = liar.offer.nonce
    liar.lying = True
    stage.knows_time = False
    stage.skip(3_600)
    flowed_mwh = stage.flowed_mwh
    tales = (
        ("stranger", None, START_S + 30, "UNTRUSTED_ISSUER"),
        ("issuer", old_nonce, START_S + 30, "BAD_TIME"),
        ("issuer", None, START_S - 1, "BAD_TIME"),
        ("vehicle", None, START_S + 30, "UNTRUSTED_ISSUER"),
        ("issuer", None, stage.now_s, "CERTIFICATE_EXPIRED"),
    )
    for liar.witness, liar.old_nonce, liar.told_s, reason in tales:
        stage.cut_power()
        liar.greet()
        stage.run_to_end(reason)
        assert stage.flowed_mwh == flowed_mwh
        play.take_stock()


def _close_behind_the_poles_back(play: Play) -> None:
    """Ask for the deposit back at once, charge to the last second, and hope for a late pole."""
    stage = play.pole()
    # The longest that a pole takes which may stay uncollected for two days.
    certificate = play.certificate(valid_s=WINDOW_S - COLLECT_WITHIN_S)
    liar = LyingVehicle(stage, certificate)
    play.bank.close_behind_the_poles_back(certificate.terms(), "vehicle", stage.now_s)
    stage.skip(certificate.expires_at_s - stage.now_s - 40)
    liar.charge(HONEST_PACKETS)
    stage.run_to_end("CERTIFICATE_EXPIRED")
    for _ in range(ATTEMPTS - 1):
        liar.greet()
        stage.run_to_end("CERTIFICATE_EXPIRED")
    stage.skip(certificate.expires_at_s + COLLECT_WITHIN_S - stage.now_s - 60)
    assert not play.bank.finalise(certificate.terms(), stage.now_s)
    play.take_stock()
    stage.skip(3_600)
    assert play.bank.finalise(certificate.terms(), stage.now_s)
    for _ in range(ATTEMPTS - 1):
        play.take_stock()


LIARS = (
    Liar(
        "drains one certificate at two poles",
        VEHICLE,
        "Spends all of a channel at its pole, then shows the certificate at another one.",
        "the other pole refuses it with WRONG_PAYEE: a channel pays one pole's own key",
        DELAY,
        _drain_at_two_poles,
    ),
    Liar(
        "presents expired certificates after a power cut",
        VEHICLE,
        "Tells a pole that lost the time a false one, or lets old signatures tell it.",
        "takes a time only from an issuer it trusts, over its own nonce, not before its journal's",
        DELAY,
        _expired_after_a_power_cut,
    ),
    Liar(
        "closes the channel behind the pole's back",
        PAYER,
        "Asks for the deposit back, then charges until its certificate expires.",
        "takes no certificate that outlasts the dispute window less `collect_within_s`",
        DELAY,
        _close_behind_the_poles_back,
    ),
    Liar(
        "has a certificate that outlasts the dispute window",
        PAYER,
        "Shows one that ends a second too late for a pole that collects as late as it may.",
        "refuses it with CERTIFICATE_WINDOW",
        0,
        again(OutlastsTheWindow, valid_s=WINDOW_S - COLLECT_WITHIN_S + 1),
    ),
)
