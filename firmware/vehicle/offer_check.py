"""Every check that the vehicle makes at an OFFER, in the order of docs/protocol.md, section 8.1.

The payer makes the first two, the last one and no other: the channel is known (NO_CHANNEL), the
pole signed the OFFER (BAD_SIGNATURE), the record is stored (WALLET_UNABLE).
"""

from joulestream import errors
from joulestream.channel import KEY_SIZE, MAX_AMOUNT, Claim
from joulestream.compat import const
from joulestream.device.payer_record import PERIOD_SIZE, PayerRecord
from joulestream.errors import PeerError
from joulestream.messages import MAX_ISSUERS
from joulestream.signing import verify
from joulestream.tariff import most_ahead
from joulestream.units import MS_PER_HOUR, MWH_PER_KWH, energy_from_power, packet_amount
from joulestream.vehicle.carried_debt import carry_debt, usable_credit

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.channel import Certificate
    from joulestream.messages import Offer
    from joulestream.vehicle.config import VehicleConfig
    from joulestream.vehicle.energy_owner import EnergyOwner
    from joulestream.vehicle.own_meter import Figures
    from joulestream.vehicle.wallet import Wallet


def check_offer(
    offer: "Offer",
    certificate: "Certificate",
    wallet: "Wallet",
    owner: "EnergyOwner",
    config: "VehicleConfig",
    own_meter: "Figures",
) -> PayerRecord:
    """Return the channel's record with the figures of `offer`; the caller stores it.

    All that the vehicle's own signature proves is known, and stored, before any check. So an old
    wallet is as good as one that lost the channel.

    Args:
        offer: an OFFER that the pole signed.
        certificate: the certificate of the channel that pays this pole.
        wallet: knows the record and the payer's key.
        owner: tells the own meter's energy that belongs to the channel.
        config: the vehicle's configuration.
        own_meter: the vehicle's view of the energy that flowed.

    Raises:
        PeerError: a check fails; it carries the reason.
        OSError: the record cannot be stored.
    """
    channel_id = certificate.channel_id
    _check(_best_claim_reason(offer, channel_id, wallet.public_key))
    record = wallet.load(channel_id) or _new_record(offer, own_meter.total_mwh)
    if certificate.claimed - max(record.signed, offer.best_amount) > wallet.budget_left:
        # The issuer alone says so much. It must not spend more than the owner allows.
        raise PeerError(errors.BUDGET_EXHAUSTED)
    if learn(offer, certificate.claimed, record, wallet):
        wallet.store(channel_id, record)
    _check(_terms_reason(offer, certificate.issuer_key, config))
    if longest_silence_ms(offer, config, own_meter.step_mwh) >= offer.link_timeout_ms:
        # The pole would give up while an INVOICE waits for the own meter.
        raise PeerError(errors.POLE_TOO_SLOW)
    asked = asked_total(offer, certificate.claimed)
    give_up_left(asked, record)
    more_mwh = owner.more_mwh(channel_id, record, own_meter)
    own_now_mwh = record.own_mwh + more_mwh
    percent = config.audit_percent
    refused = record.refused_amount, record.refused_mwh
    reason = carry_debt(offer, asked, record, more_mwh, percent, own_meter.step_mwh, config.prepay)
    if reason:
        if refused != (record.refused_amount, record.refused_mwh):
            wallet.store(channel_id, record)
        raise PeerError(reason)
    prepay = agreed_prepay(offer, record, config.prepay)
    _check(_prepay_reason(offer, record, prepay))
    late_mwh = unjustified_mwh(offer, config, own_meter.step_mwh)
    # With all the credit that the channel may earn, and after the owner has freed its prepayment.
    most = offer.credit + min(offer.prepay, config.prepay)
    if most < packet_amount(offer.price_per_kwh, late_mwh):
        # The contactor would open at each late reading for ever.
        raise PeerError(errors.PREPAY_TOO_SMALL)
    raise_due(asked, record)
    record.energy_mwh = offer.energy_mwh
    unsure_mwh = own_meter.unsure_mwh
    if channel_id == owner.channel_id:
        # Energy that counted for this channel may be forgotten, but never counts again.
        unsure_mwh = min(unsure_mwh, own_now_mwh - record.own_mwh)
    record.own_total_mwh = owner.total_mwh(own_meter) - unsure_mwh
    return record


def agreed_prepay(offer: "Offer", record: PayerRecord, most: int) -> int:
    """Return the claim units that the vehicle pays ahead: min(OFFER.prepay, most - unproven)."""
    return max(min(offer.prepay, most - record.unproven_amount), 0)


def refresh_mwh(offer: "Offer", config: "VehicleConfig") -> int:
    """Return the most energy that flows in one refresh of the pole's register."""
    power_mw = min(offer.max_power_mw, config.max_power_mw)
    return energy_from_power(power_mw, offer.refresh_ms)


def unjustified_mwh(offer: "Offer", config: "VehicleConfig", step_mwh: int) -> int:
    """Return the most energy that flowed and that the own meter does not justify yet."""
    power_mw = min(offer.max_power_mw, config.max_power_mw)
    late_mwh = energy_from_power(power_mw, config.own_late_ms)
    return max(late_mwh - step_mwh - offer.step_mwh, 0)


def longest_silence_ms(offer: "Offer", config: "VehicleConfig", step_mwh: int) -> int:
    """Return the longest time between two payments while the own meter works.

    A packet takes its time, and its INVOICE waits until the own meter justifies it. At more power
    a packet is shorter, but sooner above the steps that the audit tolerates. So the longest time
    is that at maximum power, or at the power whose packets take just `packet_ms`.
    """
    most_mw = max(min(offer.max_power_mw, config.max_power_mw), 1)
    full_mw = offer.packet_energy_mwh * MS_PER_HOUR // max(offer.packet_ms, 1)
    longest_ms = 0
    for power_mw in (most_mw, min(max(full_mw, 1), most_mw)):
        longest_ms = max(longest_ms, silence_ms(offer, config, step_mwh, power_mw))
    return longest_ms


def silence_ms(offer: "Offer", config: "VehicleConfig", step_mwh: int, power_mw: int) -> int:
    """Return the longest time between two payments at a steady power."""
    packet_ms = min(offer.packet_energy_mwh * MS_PER_HOUR // power_mw, offer.packet_ms)
    tolerated_ms = (step_mwh + offer.step_mwh) * MS_PER_HOUR // power_mw
    return packet_ms + max(config.own_late_ms - tolerated_ms, 0)


def _check(reason: int) -> None:
    if reason:
        raise PeerError(reason)


def _terms_reason(offer: "Offer", issuer_key: bytes, config: "VehicleConfig") -> int:
    """Return why the vehicle refuses the price, the packets or the issuers, or 0."""
    if offer.price_per_kwh > config.max_price_per_kwh:
        return errors.PRICE_TOO_HIGH
    if offer.issuer_count > MAX_ISSUERS or offer.remainder >= MWH_PER_KWH:
        return errors.BAD_FIELD
    if offer.amount_due > MAX_AMOUNT:
        return errors.BAD_FIELD
    # A slower pole would be silent for longer than this vehicle's link timeout: for a packet, and
    # while its invoice waits for the own meter or is repeated.
    if offer.packet_ms + config.answer_ms >= config.link_timeout_ms:
        return errors.POLE_TOO_SLOW
    # A pole may bill a step of its register too early, and the energy of a refresh too late. The
    # pole chooses its packets, so the owner's limit holds too.
    most_mwh = max(offer.step_mwh, refresh_mwh(offer, config))
    if most_mwh > offer.packet_energy_mwh:
        return errors.POLE_TOO_COARSE
    if packet_amount(offer.price_per_kwh, most_mwh) > config.prepay:
        return errors.PREPAY_TOO_SMALL
    # So long the energy of the own meter belongs to this channel after a session.
    if offer.link_timeout_ms + offer.stop_ms > config.max_tail_ms:
        return errors.POLE_TOO_SLOW
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


def _prepay_reason(offer: "Offer", record: PayerRecord, prepay: int) -> int:
    """Return PREPAY_TOO_SMALL unless credit and prepayment cover one packet, else 0."""
    packet = packet_amount(offer.price_per_kwh, offer.packet_energy_mwh)
    if usable_credit(offer, record) + prepay < packet:
        return errors.PREPAY_TOO_SMALL
    return 0


def _new_record(offer: "Offer", meter_mwh: int) -> PayerRecord:
    """Return the first record of a channel: the wallet never saw it, or lost its record."""
    return PayerRecord(
        signed=0,
        amount_due=0,
        remainder=0,
        energy_mwh=offer.energy_mwh,
        billed_mwh=0,
        own_mwh=0,
        own_total_mwh=meter_mwh,
        number=0,
        spent=0,
        period=bytes(PERIOD_SIZE),
        price_per_kwh=offer.price_per_kwh,
        next_price_per_kwh=offer.price_per_kwh,
        next_from_mwh=offer.energy_mwh,
        tail_mwh=0,
        unproven_amount=0,
        left_amount=0,
        refused_amount=0,
        refused_mwh=0,
    )


def learn(offer: "Offer", claimed: int, record: PayerRecord, wallet: "Wallet") -> bool:
    """Write into `record` all that is proven and that it does not hold; return whether it changed.

    Only this vehicle can have signed the pole's best claim, and `claimed`, which the ledger took.
    The energy for which it signed was due, but for the prepayment. So it accepted the debt of the
    OFFER up to that amount.
    """
    proven_amount = max(offer.best_amount, claimed)
    if proven_amount <= record.signed:
        return False
    if offer.best_amount > record.signed:
        wallet.learn(record, offer.best_amount)
    if claimed > record.signed:
        wallet.believe(record, claimed)
    if offer.amount_due > record.amount_due:
        is_all = offer.amount_due <= proven_amount
        record.amount_due = offer.amount_due if is_all else proven_amount
        record.remainder = offer.remainder if is_all else 0
        record.energy_mwh = offer.energy_mwh
    least = least_due(offer, claimed)
    if least > record.amount_due:
        record.amount_due = least
        record.remainder = 0
    return True


def least_due(offer: "Offer", claimed: int) -> int:
    """Return the least amount due that the ledger's word proves; 0 if the pole holds such a claim.

    It is all that the ledger has taken, less the most that was paid ahead.
    """
    if offer.best_amount >= claimed:
        return 0
    return max(claimed - most_ahead(offer), 0)


def asked_total(offer: "Offer", claimed: int) -> int:
    """Return the amount due that the pole will ask for, in millionths of a claim unit."""
    offered = offer.amount_due * MWH_PER_KWH + offer.remainder
    return max(offered, least_due(offer, claimed) * MWH_PER_KWH)


def give_up_left(asked: int, record: PayerRecord) -> None:
    """Forget the part of a left debt that the pole does not ask for any more.

    A pole that lost its journal, or has an older copy, asks for less than is known. The session
    starts from what the vehicle states, which is the amount due without the left debt.
    """
    stated_amount = record.amount_due - record.left_amount
    known = record.amount_due * MWH_PER_KWH + record.remainder
    if asked < known and record.left_amount:
        standing = max(asked, stated_amount * MWH_PER_KWH + record.remainder)
        record.amount_due = standing // MWH_PER_KWH
        record.remainder = standing % MWH_PER_KWH
        record.left_amount = record.amount_due - stated_amount


def raise_due(asked: int, record: PayerRecord) -> None:
    """Write the amount due at the start of the session into `record`.

    It is the higher one of two: what the pole asks for, and what the vehicle remembers.
    """
    if asked > record.amount_due * MWH_PER_KWH + record.remainder:
        record.amount_due = asked // MWH_PER_KWH
        record.remainder = asked % MWH_PER_KWH
