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
        grace=0,
        price_per_kwh=offer.price_per_kwh,
    )


def carry_over(offer, channel, justified_mwh, prepay):
    """Bring `channel` to where the offer says it stands; return CARRIED_DEBT, or 0.

    `justified_mwh` is the channel energy that the own meter justifies. What it does not justify
    is taken on the pole's word, in all of a channel's life no more than `prepay` claim units;
    `channel.grace` counts it, and as much less is prepaid from then on.
    """
    more_mwh = max(offer.energy_mwh - channel.energy_mwh, 0)
    known_due = channel.amount_due
    if more_mwh:
        # The pole rounds down once for a session; here it is cut in two.
        known_due += amount_from_numerator(more_mwh * channel.price_per_kwh) + 1
    excess_mwh = max(offer.energy_mwh - justified_mwh, 0)
    grace = channel.grace + max(offer.amount_due - known_due, 0)
    grace += -amount_from_numerator(-excess_mwh * channel.price_per_kwh)
    if grace > prepay:
        return CARRIED_DEBT
    channel.grace = grace
    channel.origin_mwh += excess_mwh
    return 0
