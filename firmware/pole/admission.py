"""Whether a vehicle's ACCEPT lets it charge here: certificate, issuer, ledger, proof of key."""

from joulestream import errors
from joulestream.channel import SIGNED_PROOF, expiry_reason, genuine_reason, window_reason
from joulestream.signing import verify

_LEDGER_FIELDS = ("kind", "chain_id", "contract", "asset", "base_units_per_claim_unit")


class Admission:
    """The pole's rules for certificates, made from its configuration and its own key."""

    def __init__(self, config, payee_key, records):
        self._issuers = config.issuers
        self._payout_account = config.payout_account
        self._collect_within_s = config.collect_within_s
        self._payee_key = payee_key
        self._records = records

    def issuer(self, key):
        """Return the configured issuer with `key`, or None."""
        for issuer in self._issuers:
            if issuer.key == key:
                return issuer
        return None

    def certificate_reason(self, certificate, channel_id, payer_key, time_s):
        """Return why `certificate` admits no session on `channel_id` at `time_s`, or 0."""
        issuer = self.issuer(certificate.issuer_key)
        if issuer is None:
            return errors.UNTRUSTED_ISSUER
        if certificate.channel_id != channel_id or certificate.payer_key != payer_key:
            return errors.WRONG_CHANNEL
        if certificate.payee_key != self._payee_key:
            return errors.WRONG_PAYEE
        if certificate.payout_account != self._payout_account:
            return errors.WRONG_PAYEE
        for name in _LEDGER_FIELDS:
            if getattr(certificate, name) != getattr(issuer, name):
                return errors.WRONG_LEDGER
        reason = (
            genuine_reason(certificate)
            or expiry_reason(certificate, time_s)
            or window_reason(certificate, self._collect_within_s)
        )
        if reason:
            return reason
        uncollected = self._records.uncollected(certificate.issuer_key, channel_id)
        if certificate.capacity + uncollected > issuer.limit:
            return errors.ISSUER_LIMIT
        return 0

    def proof_is_good(self, session, accept):
        """Return whether `accept` is signed by the payer, over this very offer."""
        body = session.offer_hash + accept.prepay.to_bytes(8, "big") + accept.certificate
        message = session.signed(SIGNED_PROOF, body)
        return verify(session.payer_key, message, accept.signature)
