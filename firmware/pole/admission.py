"""ACCEPT: the checks that let a vehicle charge here, on certificate, key, prepayment, capacity."""

from joulestream import errors
from joulestream.channel import MAX_AMOUNT, genuine_reason, window_reason
from joulestream.compat import const
from joulestream.errors import PeerError
from joulestream.pole.issuers import issuer_of
from joulestream.pole.slots import least_capacity
from joulestream.signing import verify
from joulestream.tariff import most_ahead
from joulestream.units import MWH_PER_KWH

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.channel import Certificate
    from joulestream.device.payee_records import PayeeRecord, PayeeRecords
    from joulestream.messages import Accept, Offer
    from joulestream.pole.clock import PoleClock
    from joulestream.pole.config import PoleConfig
    from joulestream.session import ProtocolSession

_LEDGER_FIELDS = ("kind", "chain_id", "contract", "asset", "base_units_per_claim_unit")


def is_older(certificate: "Certificate", held: "Certificate") -> bool:
    """Return whether `certificate` shows an earlier state of the ledger than `held`.

    The times of two issuers are not compared: no issuer judges another one's certificates.
    """
    return certificate.issuer_key == held.issuer_key and (
        (certificate.issued_at_s, certificate.claimed) < (held.issued_at_s, held.claimed)
    )


class Admission:
    """The pole's rules for certificates and for the start of a session.

    Args:
        config: the pole's configuration.
        payee_key: the pole's own public key.
        records: the stored records of all channels, for the sum that one issuer vouches for.
        clock: the pole's time, which judges certificates.
    """

    def __init__(
        self, config: "PoleConfig", payee_key: bytes, records: "PayeeRecords", clock: "PoleClock"
    ) -> None:
        self._config = config
        self._payee_key = payee_key
        self._records = records
        self._clock = clock

    def certificate_reason(
        self,
        certificate: "Certificate",
        channel_id: bytes,
        payer_key: bytes,
        now_ms: int,
        is_renewal: bool = False,
    ) -> int:
        """Return the reason to refuse `certificate`, or 0.

        Args:
            certificate: the certificate.
            channel_id: the channel that the HELLO named.
            payer_key: the payer key that the HELLO named.
            now_ms: the present tick.
            is_renewal: whether a session is open, in which the time runs on by ticks.
        """
        issuer = issuer_of(self._config, certificate.issuer_key)
        if issuer is None:
            return errors.UNTRUSTED_ISSUER
        if certificate.channel_id != channel_id or certificate.payer_key != payer_key:
            return errors.WRONG_CHANNEL
        # Where the ids do not follow from the terms, one issuer could name another one's channel.
        held = self._records.certificate(channel_id)
        if held is not None and held.payer_key != payer_key:
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
            or window_reason(certificate, self._config.collect_within_s)
            or self._clock.reason(certificate, now_ms, not is_renewal)
            or self._limit_reason(certificate, issuer.limit)
        )

    def newest(
        self, shown: "Certificate", channel_id: bytes, payer_key: bytes, now_ms: int
    ) -> "Certificate":
        """Return the certificate to go on under: the one shown, or a newer one that is held.

        An older certificate is never taken again: it may hide later payments. A
        vehicle that was restored from a copy has nothing newer, so the pole helps it out.

        Raises PeerError(CERTIFICATE_OLD) if the newer one cannot be taken.
        """
        held = self._records.certificate(channel_id)
        if held is None or not is_older(shown, held):
            return shown
        if self.certificate_reason(held, channel_id, payer_key, now_ms):
            raise PeerError(errors.CERTIFICATE_OLD)
        return held

    def settle_due(
        self,
        record: "PayeeRecord",
        accept: "Accept",
        shown: "Certificate",
        settled: int,
        offer: "Offer",
    ) -> int:
        """Raise the amount due in `record` as the ledger and the vehicle prove (protocol 8.3).

        Args:
            record: the channel's record, which is changed in memory alone.
            accept: the ACCEPT, with the vehicle's own figures.
            shown: the certificate that the vehicle showed.
            settled: the highest amount that the ledger accepted, in claim units.
            offer: the OFFER that is accepted.

        Returns CERTIFICATE_OLD if the vehicle cannot know how much the ledger accepted, else 0.
        """
        if (accept.amount_due, accept.remainder) > (record.amount_due, record.remainder):
            record.amount_due = accept.amount_due
            record.remainder = accept.remainder
        if record.amount < settled:  # the journal is new, or older than the collected claim
            proven_due = settled - most_ahead(offer)
            if proven_due > record.amount_due:
                if shown.claimed < settled:
                    return errors.CERTIFICATE_OLD
                record.amount_due = proven_due
                record.remainder = 0
        return 0

    def proof_reason(self, session: "ProtocolSession", accept: "Accept") -> int:
        """Return BAD_PROOF unless the payer's key signed `accept` over this very offer, or 0."""
        text = session.signed_text(accept)
        return 0 if verify(session.payer_key, text, accept.signature) else errors.BAD_PROOF

    def figures_reason(self, accept: "Accept") -> int:
        """Return BAD_FIELD or POLE_TOO_SLOW for figures of the vehicle that do not fit, or 0."""
        if accept.remainder >= MWH_PER_KWH or accept.amount_due > MAX_AMOUNT:
            return errors.BAD_FIELD
        # With a shorter timeout the vehicle would give up between two invoices.
        if self._config.packet_ms + self._config.retry_ms >= accept.link_timeout_ms:
            return errors.POLE_TOO_SLOW
        return 0

    def place_reason(self, certificate: "Certificate", price_per_kwh: int) -> int:
        """Return CAPACITY_TOO_SMALL for a new channel that is not worth a place, or 0."""
        if certificate.channel_id in self._records:
            return 0
        least = least_capacity(self._config, price_per_kwh)
        return errors.CAPACITY_TOO_SMALL if certificate.capacity < least else 0

    def start_reason(self, amount_due: int, cover: int, least: int, capacity: int) -> int:
        """Return the reason why current could not flow steadily, or 0.

        Args:
            amount_due: the amount that the first invoice asks for, in claim units.
            cover: the credit that is not used up, and the prepayment that the vehicle promises.
            least: the least cover.
            capacity: the channel's capacity, in claim units.
        """
        if cover < least:
            return errors.PREPAY_TOO_SMALL
        if amount_due > capacity:
            return errors.CAPACITY_EXHAUSTED
        return 0

    def _limit_reason(self, certificate: "Certificate", limit: int) -> int:
        """Return ISSUER_LIMIT if the issuer's channels could owe more than it is trusted for.

        Another issuer may have certified more on this channel. Its debt comes along.
        """
        records, channel_id = self._records, certificate.channel_id
        own = max(certificate.capacity, records.debt(channel_id))
        others = records.uncollected(certificate.issuer_key, channel_id)
        return errors.ISSUER_LIMIT if own + others > limit else 0
