"""Which of the vehicle's certificates pays a pole: the best one that was not refused.

A vehicle may hold several channels that pay one pole, and several certificates of one channel. A
useless one never stands in the way of a good one.
"""

from joulestream import errors
from joulestream.channel import KEY_SIZE
from joulestream.compat import const
from joulestream.messages import MAX_ISSUERS
from joulestream.units import packet_amount

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.channel import Certificate
    from joulestream.messages import Offer
    from joulestream.vehicle.wallet import Wallet

# For these a session ends because of its certificate, or of its channel's own figures. Another
# channel may do. Faults that one side charges the other with are no such reasons.
_OF_ONE_CERTIFICATE = (
    errors.CAPACITY_EXHAUSTED,
    errors.CERTIFICATE_FORGED,
    errors.CERTIFICATE_EXPIRED,
    errors.CERTIFICATE_WINDOW,
    errors.WRONG_CHANNEL,
    errors.WRONG_PAYEE,
    errors.WRONG_LEDGER,
    errors.UNTRUSTED_ISSUER,
    errors.ISSUER_LIMIT,
    errors.PREPAY_TOO_SMALL,
    errors.CHANNELS_FULL,
    errors.CERTIFICATE_OLD,
    errors.CAPACITY_TOO_SMALL,
)


class CertificateChoice:
    """The certificates of a wallet, and which of them were refused in this visit.

    Args:
        wallet: the vehicle's wallet.
    """

    def __init__(self, wallet: "Wallet") -> None:
        self._wallet = wallet
        self._issuers: list[bytes] = []  # of the last OFFER
        self._refused: list[bytes] = []  # signatures of certificates

    def begin(self) -> None:
        """Begin a new visit: another pole may take what was refused."""
        self._refused.clear()

    def for_offer(self, offer: "Offer") -> "Certificate | None":
        """Return the certificate to pay the pole of `offer` with, or None."""
        count = min(offer.issuer_count, MAX_ISSUERS)
        self._issuers = [
            bytes(offer.issuers[at : at + KEY_SIZE]) for at in range(0, count * KEY_SIZE, KEY_SIZE)
        ]
        packet = packet_amount(offer.price_per_kwh, offer.packet_energy_mwh)
        best: Certificate | None = None
        best_order: tuple[bool, bool, bool, tuple[int, int]] | None = None
        for certificate in self._wallet.certificates:
            if self._pays(certificate, offer.payee_key):
                order = (
                    certificate.issuer_key in self._issuers,
                    certificate.signature not in self._refused,
                    self._has_room(certificate, packet),
                    _age_order(certificate),
                )
                if best_order is None or order > best_order:
                    best, best_order = certificate, order
        return best

    def for_renewal(
        self, known: "Certificate", valid_until_s: int, shown: "list[bytes]"
    ) -> "Certificate | None":
        """Return a certificate of the channel of `known` to renew with, or None.

        Args:
            known: the certificate that the vehicle goes by.
            valid_until_s: when the pole's own certificate expires, which may be another one.
            shown: signatures of the certificates that this session has shown already.
        """
        best: Certificate | None = None
        for certificate in self._wallet.certificates:
            if (
                certificate.channel_id == known.channel_id
                and certificate.expires_at_s > valid_until_s
                and certificate.issuer_key in self._issuers
                and certificate.signature not in shown
            ):
                if best is None or _age_order(certificate) > _age_order(best):
                    best = certificate
        return best

    def refuse(self, used: "Certificate", reason: "int | None") -> bool:
        """Note that a session with `used` ended for `reason`. Return whether to try another one.

        When all certificates that pay this pole were refused, they get another turn: later, since
        each reason may pass.
        """
        if reason not in _OF_ONE_CERTIFICATE:
            return False
        self._refused.append(used.signature)
        for certificate in self._wallet.certificates:
            if (
                self._pays(certificate, used.payee_key)
                and certificate.issuer_key in self._issuers
                and certificate.signature not in self._refused
            ):
                return True
        self._refused.clear()
        return False

    def _pays(self, certificate: "Certificate", payee_key: bytes) -> bool:
        return (
            certificate.payee_key == payee_key and certificate.payer_key == self._wallet.public_key
        )

    def _has_room(self, certificate: "Certificate", packet: int) -> bool:
        """Return whether capacity and budget have room for `packet` on the certificate's channel.

        What the issuer says was claimed counts as spent (offer_check.py).
        """
        record = self._wallet.load(certificate.channel_id)
        due = signed = 0
        if record is not None:
            due, signed = record.amount_due - record.left_amount, record.signed
        return (
            due + packet <= certificate.capacity
            and certificate.claimed - signed <= self._wallet.budget_left
        )


def _age_order(certificate: "Certificate") -> "tuple[int, int]":
    return certificate.issued_at_s, certificate.expires_at_s
