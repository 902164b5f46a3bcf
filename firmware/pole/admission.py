"""ACCEPT: the checks that let a vehicle charge here, on certificate, key, prepayment, capacity."""

from joulestream import errors
from joulestream.channel import expiry_reason, genuine_reason, window_reason
from joulestream.compat import const
from joulestream.pole.offer import earned_credit
from joulestream.signing import verify
from joulestream.units import packet_amount

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.channel import Certificate
    from joulestream.device.payee_records import PayeeRecord, PayeeRecords
    from joulestream.messages import Accept
    from joulestream.pole.config import PoleConfig
    from joulestream.session import ProtocolSession

_LEDGER_FIELDS = ("kind", "chain_id", "contract", "asset", "base_units_per_claim_unit")


class Admission:
    """The pole's rules for certificates and for the start of a session.

    Args:
        config: the pole's configuration.
        payee_key: the pole's own public key.
        records: the stored records of all channels, for the sum that one issuer vouches for.
    """

    def __init__(self, config: "PoleConfig", payee_key: bytes, records: "PayeeRecords") -> None:
        self._config = config
        self._payee_key = payee_key
        self._records = records

    def issuer(self, key: bytes) -> "Any":
        """Return the configured issuer with `key`, or None."""
        for issuer in self._config.issuers:
            if issuer.key == key:
                return issuer
        return None

    def certificate_reason(
        self, certificate: "Certificate", channel_id: bytes, payer_key: bytes, time_s: int
    ) -> int:
        """Return the reason to refuse `certificate`, or 0.

        Args:
            certificate: the certificate.
            channel_id: the channel that the HELLO named.
            payer_key: the payer key that the HELLO named.
            time_s: the unix time, in s.
        """
        issuer = self.issuer(certificate.issuer_key)
        if issuer is None:
            return errors.UNTRUSTED_ISSUER
        if certificate.channel_id != channel_id or certificate.payer_key != payer_key:
            return errors.WRONG_CHANNEL
        if certificate.payee_key != self._payee_key:
            return errors.WRONG_PAYEE
        if certificate.payout_account != self._config.payout_account:
            return errors.WRONG_PAYEE
        for name in _LEDGER_FIELDS:
            if getattr(certificate, name) != getattr(issuer, name):
                return errors.WRONG_LEDGER
        return (
            genuine_reason(certificate)
            or expiry_reason(certificate, time_s)
            or window_reason(certificate, self._config.collect_within_s)
            or self._limit_reason(certificate, issuer.limit)
        )

    def proof_reason(self, session: "ProtocolSession", accept: "Accept") -> int:
        """Return BAD_PROOF unless the payer's key signed `accept` over this very offer, or 0."""
        text = session.signed_text(accept)
        return 0 if verify(session.payer_key, text, accept.signature) else errors.BAD_PROOF

    def start_reason(
        self,
        record: "PayeeRecord",
        prepay: int,
        price_per_kwh: int,
        capacity: int,
    ) -> int:
        """Return the reason why no packet could be paid, or 0.

        Args:
            record: the stored record of the channel.
            prepay: the prepayment that the vehicle promises, in claim units.
            price_per_kwh: the offered price, in claim units per kWh.
            capacity: the channel's capacity, in claim units.
        """
        packet = packet_amount(price_per_kwh, self._config.packet_energy_mwh)
        if earned_credit(self._config.credit, record.amount) + prepay < packet:
            return errors.PREPAY_TOO_SMALL
        if record.amount_due > capacity:
            return errors.CAPACITY_EXHAUSTED
        return 0

    def _limit_reason(self, certificate: "Certificate", limit: int) -> int:
        """Return ISSUER_LIMIT if the issuer's channels could owe more than it is trusted for."""
        uncollected = self._records.uncollected(certificate.issuer_key, certificate.channel_id)
        return errors.ISSUER_LIMIT if certificate.capacity + uncollected > limit else 0
