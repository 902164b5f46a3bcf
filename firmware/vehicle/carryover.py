"""What a channel brings into a session: the offer's standing against the own record."""

from joulestream.channel import Claim
from joulestream.device.payer_record import PayerRecord
from joulestream.errors import BAD_SIGNATURE, CARRIED_DEBT
from joulestream.signing import verify
from joulestream.tariff import Tariff
from joulestream.units import MWH_PER_KWH, amount_from_numerator
from joulestream.vehicle.audit import tolerated


def best_claim_reason(offer, channel_id, payer_key):
    """Return BAD_SIGNATURE unless the offer's best claim bears the vehicle's own signature."""
    if offer.best_amount == 0:
        return 0
    claim = Claim(channel_id).message(offer.best_amount)
    return 0 if verify(payer_key, claim, offer.best_signature) else BAD_SIGNATURE


def new_record(offer, own_total_mwh):
    """Return the record of a channel that this wallet does not know, or no longer knows.

    The pole's best claim, signed by this wallet's key, tells what was paid.
    """
    return PayerRecord(
        signed=offer.best_amount,
        amount_due=offer.best_amount,
        remainder=0,
        energy_mwh=offer.energy_mwh,
        billed_mwh=0,
        own_mwh=0,
        own_total_mwh=own_total_mwh,
        price_per_kwh=offer.price_per_kwh,
        next_price_per_kwh=offer.price_per_kwh,
        next_from_mwh=offer.energy_mwh,
        unproven_amount=0,
    )


def agree(record, tariff):
    """Let `record` know at which prices energy flows from now on."""
    record.price_per_kwh = record.next_price_per_kwh = tariff.price_per_kwh
    if tariff.next_price_per_kwh is not None:
        record.next_price_per_kwh = tariff.next_price_per_kwh
    record.next_from_mwh = tariff.next_from_mwh


def begin(record, offer, tariff, own_total_mwh):
    """Take the offer's standing, which was accepted, and the prices of its session."""
    record.amount_due = offer.amount_due
    record.remainder = offer.remainder
    record.energy_mwh = offer.energy_mwh
    record.own_total_mwh = own_total_mwh
    agree(record, tariff)


def carry_over(offer, record, growth_mwh, percent, step_mwh, prepay):
    """Bring `record` to where the offer says it stands; return CARRIED_DEBT, or 0.

    `growth_mwh` is what the own meter counted since; it justifies as much energy that the pole
    invoices only now, at the prices that were agreed for it. Whatever else the pole asks for is
    taken on its word, in all of a channel's life no more than `prepay` claim units:
    `record.unproven_amount` counts it, and as much less is prepaid from then on.

    Energy that the own meter counted and the pole did not bill is forgotten, but for one step of
    the meter, since the new session may have a higher price.
    """
    own_mwh = record.own_mwh + growth_mwh
    gap_mwh = max(offer.energy_mwh - record.energy_mwh, 0)
    justified_mwh = max(tolerated(own_mwh, percent) + step_mwh - record.billed_mwh, 0)
    gap_mwh = min(gap_mwh, justified_mwh)
    more = (offer.amount_due - record.amount_due) * MWH_PER_KWH
    more += offer.remainder - record.remainder
    excess = max(more - _worth(record, gap_mwh), 0)
    unproven_amount = record.unproven_amount - amount_from_numerator(-excess)
    if unproven_amount > prepay:
        return CARRIED_DEBT
    record.unproven_amount = unproven_amount
    record.billed_mwh += gap_mwh
    record.own_mwh = min(own_mwh, record.billed_mwh + step_mwh)
    return 0


def _worth(record, gap_mwh):
    """Return what the next `gap_mwh` cost as agreed, in millionths of a claim unit."""
    tariff = Tariff(record.energy_mwh, 0, record.price_per_kwh)
    tariff.change(max(record.next_from_mwh, record.energy_mwh), record.next_price_per_kwh)
    energy_mwh = record.energy_mwh + gap_mwh
    return tariff.amount_due(energy_mwh) * MWH_PER_KWH + tariff.remainder(energy_mwh)
