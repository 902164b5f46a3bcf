"""Vehicles and payers that use a good certificate at a wrong pole or at a wrong time."""

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
    CREDIT_AND_DELAY,
    DELAY,
    HONEST_PACKETS,
    LyingVehicle,
    again,
)
from joulestream.host_tools.adversaries.peers import VehiclePeer
from joulestream.host_tools.adversaries.play import Play
from joulestream.host_tools.adversaries.stage import PACKET
from joulestream.host_tools.adversaries.vehicle_certificates import ShowsAnothersCertificate
from joulestream.host_tools.adversaries.vehicle_debts import StopsPaying
from joulestream.messages import TimeProof
from joulestream.runtime import BUILT_S


class WithoutATime(StopsPaying):
    """Shows an expired certificate to a pole that lost the time, and offers it a false time.

    Attributes:
        told_s: the false time, in unix seconds.
        witness: the name of the key that signs the time.
        old_nonce: the nonce of an older session, which the signature is made for; None: the
            nonce of this session.
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
    """Shows its own certificate, which is valid one second too long."""

    reason = "CERTIFICATE_WINDOW"


def _drain_at_two_poles(play: Play) -> None:
    """Spend all of a channel at its pole, then show its certificate at another pole."""
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
    """Show an expired certificate and false times to a pole that lost the time."""
    stage = play.pole()
    liar = WithoutATime(stage, play.certificate(valid_s=60))
    liar.charge(HONEST_PACKETS)
    old_nonce = liar.offer.nonce
    liar.lying = True
    stage.knows_time = False
    stage.skip(3_600)
    flowed_mwh = stage.flowed_mwh
    false_times = (
        ("stranger", None, START_S + 30, "UNTRUSTED_ISSUER"),
        ("issuer", old_nonce, START_S + 30, "BAD_TIME"),
        ("issuer", None, BUILT_S - 1, "BAD_TIME"),
        ("vehicle", None, START_S + 30, "UNTRUSTED_ISSUER"),
        ("issuer", None, stage.now_s, "CERTIFICATE_EXPIRED"),
    )
    for liar.witness, liar.old_nonce, liar.told_s, reason in false_times:
        stage.cut_power()
        liar.greet()
        stage.run_to_end(reason)
        assert stage.flowed_mwh == flowed_mwh
        play.take_stock()


def _close_behind_the_poles_back(play: Play) -> None:
    """Ask for the deposit at once, charge until the certificate expires, and ask again later."""
    stage = play.pole()
    # The longest validity that a pole accepts if its claims are collected every two days.
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
        "Spends all of a channel at its pole, then shows its certificate at another pole.",
        "the other pole stops with WRONG_PAYEE, since a channel pays the key of one pole",
        DELAY,
        _drain_at_two_poles,
    ),
    Liar(
        "presents expired certificates after a power cut",
        VEHICLE,
        "Offers a false time to a pole that lost the time: signed by itself, by a stranger, or by "
        "an issuer long ago.",
        "accepts a time only from a trusted issuer, for that issuer's certificates, and signed "
        "with the nonce of this session",
        CREDIT_AND_DELAY,
        _expired_after_a_power_cut,
    ),
    Liar(
        "closes the channel behind the pole's back",
        PAYER,
        "Asks the ledger for the rest of its deposit, then charges until its certificate expires.",
        "accepts no certificate that is valid for longer than the dispute window less "
        "`collect_within_s`, so its claim reaches the ledger in time",
        DELAY,
        _close_behind_the_poles_back,
    ),
    Liar(
        "has a certificate that outlasts the dispute window",
        PAYER,
        "Shows a certificate that is valid one second longer than the dispute window less "
        "`collect_within_s`.",
        "stops with CERTIFICATE_WINDOW",
        0,
        again(OutlastsTheWindow, valid_s=WINDOW_S - COLLECT_WITHIN_S + 1),
    ),
)
