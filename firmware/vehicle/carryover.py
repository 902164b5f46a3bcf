"""What a channel brings into a session: the offer's standing against the vehicle's own record."""

from joulestream.channel import Claim
from joulestream.errors import BAD_SIGNATURE, CARRIED_DEBT
from joulestream.signing import verify
from joulestream.units import amount_from_numerator
from vehicle.wallet import Channel


def best_claim_reason(offer, channel_id, payer_key):
    """Return BAD_SIGNATURE unless the offer's best claim bears the vehicle's own signature."""
    if offer.best_amount == 0:
        return 0
    claim = Claim(channel_id).message(offer.best_amount)
    return 0 if verify(payer_key, claim, offer.best_signature) else BAD_SIGNATURE


def new_channel(offer):
    """Return the record of a channel that this wallet does not know, or no longer knows.

    The pole's best claim, signed by this wallet's key, tells what was paid.
    """
    return Channel(
        signed=offer.best_amount,
        amount_due=offer.best_amount,
        energy_mwh=offer.energy_mwh,
        origin_mwh=offer.energy_mwh,
        own_mwh=0,
        grace_mwh=0,
        price_per_kwh=offer.price_per_kwh,
    )


def carried_reason(offer, channel, audit_percent, step_mwh, prepay):
    """Return CARRIED_DEBT when the offer carries over what the vehicle cannot know of, or 0.

    What the own meter does not justify is taken once in a channel's life, up to `prepay` claim
    units, as `channel.grace_mwh`.
    """
    if channel.energy_mwh == channel.origin_mwh and channel.own_mwh == 0:
        # Nothing audited yet: a debt is taken on the pole's word, up to one prepayment.
        known = channel.signed + prepay
        return CARRIED_DEBT if offer.amount_due > known else 0
    more_mwh = max(offer.energy_mwh - channel.energy_mwh, 0)
    # Each change of tariff was rounded down once, here and there.
    known = channel.amount_due + amount_from_numerator(more_mwh * channel.price_per_kwh) + 1
    if offer.amount_due > known:
        return CARRIED_DEBT
    own_mwh = channel.own_mwh * (100 + audit_percent) // 100
    justified_mwh = channel.origin_mwh + channel.grace_mwh + own_mwh + step_mwh
    excess_mwh = offer.energy_mwh - justified_mwh
    if excess_mwh > 0:
        grace_mwh = channel.grace_mwh + excess_mwh
        if amount_from_numerator(grace_mwh * channel.price_per_kwh) > prepay:
            return CARRIED_DEBT
        channel.grace_mwh = grace_mwh
    return 0
