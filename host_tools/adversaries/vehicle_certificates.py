"""Vehicles that show another vehicle's certificate, or a forged one."""

from typing import Any

from joulestream.channel import Certificate
from joulestream.host_tools.adversaries.bank import SIGNERS
from joulestream.host_tools.adversaries.liar import VEHICLE, Liar
from joulestream.host_tools.adversaries.lying_vehicle import (
    CREDIT_AND_DELAY,
    LyingVehicle,
    again,
)
from joulestream.host_tools.adversaries.play import Play
from joulestream.messages import Renew


class ShowsAnothersCertificate(LyingVehicle):
    """Shows another vehicle's certificate, which was overheard on another cable."""

    reason = "WRONG_CHANNEL"

    def attempt(self, play: Play) -> None:
        self.greet()
        self.stage.run_to_end(self.reason)
        assert self.stage.flowed_mwh == 0
        play.take_stock()


class PosesAsAnother(ShowsAnothersCertificate):
    """Greets with the key of the certificate, which it cannot sign with."""

    reason = "BAD_PROOF"

    def make_hello(self) -> Any:
        hello = super().make_hello()
        hello.payer_key = self.certificate.payer_key
        return hello


class RaisesItsCapacity(ShowsAnothersCertificate):
    """Adds one claim unit to the capacity of its certificate."""

    reason = "CERTIFICATE_FORGED"

    def use(self, certificate: Certificate) -> None:
        certificate.capacity += 1
        super().use(certificate)


class TrustsAStranger(ShowsAnothersCertificate):
    """Shows a certificate of its channel that a stranger signed."""

    reason = "UNTRUSTED_ISSUER"

    def use(self, certificate: Certificate) -> None:
        certificate.issuer_key = SIGNERS["stranger"].public_key
        certificate.signature = SIGNERS["stranger"].sign(certificate.signed_bytes())
        super().use(certificate)


class RenewsByItself(LyingVehicle):
    """Renews its certificate in an open session with one that no issuer signed, and overdraws."""

    reason = "OVER_CAPACITY"

    def lie(self) -> None:
        forged = Certificate.from_bytes(self.certificate.to_bytes())
        forged.expires_at_s += 60
        forged.capacity *= 2
        self.send(Renew(certificate=forged.to_bytes()))

    def amount(self, invoice: Any) -> int:
        if self.lying:
            return self.certificate.capacity + 1
        return super().amount(invoice)


LIARS = (
    Liar(
        "presents another vehicle's certificate",
        VEHICLE,
        "Greets with its own key and another vehicle's channel, and shows that certificate.",
        "stops with WRONG_CHANNEL",
        0,
        again(ShowsAnothersCertificate, "another vehicle"),
    ),
    Liar(
        "poses as another vehicle",
        VEHICLE,
        "Greets with another vehicle's public key, and signs with its own key.",
        "stops with BAD_PROOF",
        0,
        again(PosesAsAnother, "another vehicle"),
    ),
    Liar(
        "raises its capacity",
        VEHICLE,
        "Changes the capacity in its certificate.",
        "verifies the issuer's signature, and stops with CERTIFICATE_FORGED",
        0,
        again(RaisesItsCapacity),
    ),
    Liar(
        "lets a stranger certify its channel",
        VEHICLE,
        "Shows a certificate of an issuer that the pole does not trust.",
        "stops with UNTRUSTED_ISSUER",
        0,
        again(TrustsAStranger),
    ),
    Liar(
        "renews its certificate by itself",
        VEHICLE,
        "Sends a RENEW with a capacity that no issuer signed, and signs for more than it has.",
        "goes on under the certificate in use, and stops with OVER_CAPACITY",
        CREDIT_AND_DELAY,
        again(RenewsByItself),
    ),
)
