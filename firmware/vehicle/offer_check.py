"""Every check that the vehicle makes at an OFFER, in the order of docs/protocol.md, section 8.1.

The payer makes the first two, the last one and no other: the channel is known (NO_CHANNEL), the
pole signed the OFFER (BAD_SIGNATURE), the record is stored (WALLET_UNABLE).
"""

from joulestream import errors
from joulestream.channel import KEY_SIZE, Claim
from joulestream.compat import const
from joulestream.device.payer_record import PayerRecord
from joulestream.errors import PeerError
from joulestream.messages import MAX_ISSUERS
from joulestream.signing import verify
from joulestream.units import packet_amount
from joulestream.vehicle.carried_debt import carry_debt, growth_mwh

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.channel import Certificate
    from joulestream.messages import Offer
    from joulestream.vehicle.config import VehicleConfig
    from joulestream.vehicle.wallet import Wallet


def check_offer(
    offer: "Offer",
    certificate: "Certificate",
    wallet: "Wallet",
    config: "VehicleConfig",
    meter_mwh: int,
    step_mwh: int,
) -> PayerRecord:
    """Return the channel's record with the figures of `offer`; the caller stores it.

    Args:
        offer: an OFFER that the pole signed.
        certificate: the certificate of the channel that pays this pole.
        wallet: knows the record and the payer's key.
        config: the vehicle's configuration.
        meter_mwh: the own meter's total now.
        step_mwh: one step of the own meter's register.

    Raises:
        PeerError: a check fails; it carries the reason.
    """
    _check(_terms_reason(offer, certificate.issuer_key, config))
    channel_id = certificate.channel_id
    _check(_best_claim_reason(offer, channel_id, wallet.public_key))
    record = wallet.load(channel_id) or _new_record(offer, meter_mwh)
    more_mwh = growth_mwh(record, meter_mwh, config)
    percent = config.tolerance_percent
    _check(carry_debt(offer, record, more_mwh, percent, step_mwh, config.prepay))
    _check(_prepay_reason(offer, agreed_prepay(offer, record, config.prepay)))
    record.amount_due = offer.amount_due
    record.remainder = offer.remainder
    record.energy_mwh = offer.energy_mwh
    record.own_total_mwh = meter_mwh
    # A wallet that lost its state learns from its own signature how much it signed.
    record.signed = max(record.signed, offer.best_amount)
    return record


def agreed_prepay(offer: "Offer", record: PayerRecord, most: int) -> int:
    """Return the claim units that the vehicle pays ahead: min(OFFER.prepay, most - unproven)."""
    return min(offer.prepay, most - record.unproven_amount)


def _check(reason: int) -> None:
    if reason:
        raise PeerError(reason)


def _terms_reason(offer: "Offer", issuer_key: bytes, config: "VehicleConfig") -> int:
    """Return why the vehicle refuses the price, the packets or the issuers, or 0."""
    if offer.price_per_kwh > config.max_price_per_kwh:
        return errors.PRICE_TOO_HIGH
    if offer.issuer_count > MAX_ISSUERS:
        return errors.BAD_FIELD
    # A slower pole would be silent for longer than this vehicle's link timeout.
    if offer.packet_ms + config.retry_ms >= config.link_timeout_ms:
        return errors.BAD_FIELD
    for at in range(0, offer.issuer_count * KEY_SIZE, KEY_SIZE):
        if offer.issuers[at : at + KEY_SIZE] == issuer_key:
            return 0
    return errors.UNTRUSTED_ISSUER


def _best_claim_reason(offer: "Offer", channel_id: bytes, payer_key: bytes) -> int:
    """Return BAD_SIGNATURE unless the vehicle itself signed the OFFER's best claim, else 0."""
    if offer.best_amount == 0:
        return 0
    claim = Claim(channel_id).message(offer.best_amount)
    return 0 if verify(payer_key, claim, offer.best_signature) else errors.BAD_SIGNATURE


def _prepay_reason(offer: "Offer", prepay: int) -> int:
    """Return PREPAY_TOO_SMALL unless credit and prepayment cover one packet, else 0."""
    packet = packet_amount(offer.price_per_kwh, offer.packet_energy_mwh)
    # The pole grants no more credit than the vehicle has paid on this channel.
    if min(offer.credit, offer.best_amount) + prepay < packet:
        return errors.PREPAY_TOO_SMALL
    return 0


def _new_record(offer: "Offer", meter_mwh: int) -> PayerRecord:
    """Return the first record of a channel: the wallet never saw it, or lost its record.

    Only this vehicle can have signed the pole's best claim, so its amount was paid.
    """
    return PayerRecord(
        signed=offer.best_amount,
        amount_due=offer.best_amount,
        remainder=0,
        energy_mwh=offer.energy_mwh,
        billed_mwh=0,
        own_mwh=0,
        own_total_mwh=meter_mwh,
        price_per_kwh=offer.price_per_kwh,
        next_price_per_kwh=offer.price_per_kwh,
        next_from_mwh=offer.energy_mwh,
        unproven_amount=0,
        period=bytes(8),
        spent=0,
    )
