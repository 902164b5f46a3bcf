"""How much of the debt that an OFFER carries over the vehicle accepts.

The OFFER may ask for more than the vehicle's record, when energy flowed after the last INVOICE
that the vehicle accepted. The names here are the symbols of docs/protocol.md, section 8.1, which
is normative and gives an example. `record` stands for the fields that section 7.3 lists.

    own_now_mwh     = own_mwh + more_mwh
    offered_mwh     = max(offer_energy_mwh - energy_mwh, 0)
    spare_mwh       = tolerated(own_now_mwh) - billed_mwh
    gap_mwh         = offered_mwh        when offered_mwh <= spare_mwh + step_mwh + pole_step_mwh
    gap_mwh         = max(spare_mwh - kept_mwh, 0)   otherwise
    kept_mwh        = step_mwh, or 0 when the vehicle would refuse the debt with step_mwh
    worth           = the agreed price of the next gap_mwh, in millionths of a claim unit
    asked           = what the pole asks for - (due * 10^6 + remainder)
    asked_amount    = ceil(max(asked - worth, 0) / 10^6)
    unproven_amount = unproven_amount before + asked_amount
    usable_credit   = min(credit, best_amount) - left_amount
    trust           = prepay - max(packet - usable_credit, 0)

Of a debt that is taken on trust, a step of spare energy is kept for what the pole's register shows
late: it flowed before the OFFER and is billed after it. A restored wallet has lost the own meter's
part of it.

The vehicle accepts the debt when asked_amount is 0 or unproven_amount <= trust, and from then on
it prepays as much less. So all that a pole can invent in a channel's life is one prepayment,
however often the vehicle reconnects, and what is left of the prepayment still pays for a packet.
It keeps a debt that it refuses for its owner, who may pay it or leave it.

more_mwh is the energy of the own meter that belongs to this channel (energy_owner.py).
"""

from joulestream.compat import const
from joulestream.errors import CARRIED_DEBT
from joulestream.tariff import Tariff
from joulestream.units import MWH_PER_KWH, amount_from_numerator, packet_amount
from joulestream.vehicle.audit import tolerated

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.device.payer_record import PayerRecord
    from joulestream.messages import Offer


def carry_debt(
    offer: "Offer",
    asked_total: int,
    record: "PayerRecord",
    more_mwh: int,
    percent: int,
    step_mwh: int,
    prepay: int,
) -> int:
    """Write the accepted debt of `offer` into `record`; return 0, or CARRIED_DEBT.

    Energy that the own meter counted and the pole did not bill is forgotten, except one step of
    the meter: the new session may have a higher price. On CARRIED_DEBT only the refused debt in
    `record` is changed.

    Args:
        offer: the OFFER.
        asked_total: the amount due that the pole will ask for, in millionths of a claim unit.
        record: the channel's record.
        more_mwh: energy of the own meter that belongs to the channel and is not in the record.
        percent: the tolerance of the audit.
        step_mwh: step of the own meter's register.
        prepay: the most that the vehicle pays ahead, in claim units.
    """
    own_now_mwh = record.own_mwh + more_mwh
    offered_mwh = max(offer.energy_mwh - record.energy_mwh, 0)
    spare_mwh = tolerated(own_now_mwh, percent) - record.billed_mwh
    asked = asked_total - record.amount_due * MWH_PER_KWH - record.remainder
    most = max(trust(offer, record, prepay) - record.unproven_amount, 0)
    if offered_mwh <= spare_mwh + step_mwh + offer.step_mwh:
        gaps_mwh = [offered_mwh]
    else:
        gaps_mwh = [max(spare_mwh - step_mwh, 0), max(spare_mwh, 0)]
    for gap_mwh in gaps_mwh:
        # -amount(-x) rounds up: the vehicle never counts less than it owes.
        asked_amount = -amount_from_numerator(-max(asked - _worth(record, gap_mwh), 0))
        if asked_amount <= most:
            break
    else:
        record.refused_amount = asked_amount
        record.refused_mwh = offered_mwh - gap_mwh
        return CARRIED_DEBT
    record.refused_amount = record.refused_mwh = 0
    record.unproven_amount += asked_amount
    record.billed_mwh += gap_mwh
    record.own_mwh = min(own_now_mwh, record.billed_mwh + step_mwh)
    return 0


def trust(offer: "Offer", record: "PayerRecord", prepay: int) -> int:
    """Return the most that the vehicle takes on the pole's word in the channel's life.

    A vehicle that took more could not pay for the next packet any more.

    Args:
        offer: the OFFER.
        record: the channel's record.
        prepay: the most that the vehicle pays ahead, in claim units.
    """
    packet = packet_amount(offer.price_per_kwh, offer.packet_energy_mwh)
    return prepay - max(packet - usable_credit(offer, record), 0)


def usable_credit(offer: "Offer", record: "PayerRecord") -> int:
    """Return the credit that the pole grants, in claim units.

    It is no more than the vehicle has paid on this channel. A debt that is left unpaid takes a
    part of it.
    """
    return min(offer.credit, offer.best_amount) - record.left_amount


def _worth(record: "PayerRecord", gap_mwh: int) -> int:
    """Return the agreed price of the next `gap_mwh`, in millionths of a claim unit."""
    tariff = Tariff(record.energy_mwh, 0, record.price_per_kwh)
    tariff.change(max(record.next_from_mwh, record.energy_mwh), record.next_price_per_kwh)
    energy_mwh = record.energy_mwh + gap_mwh
    return tariff.amount_due(energy_mwh) * MWH_PER_KWH + tariff.remainder(energy_mwh)
