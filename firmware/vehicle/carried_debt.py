"""How much of the debt that an OFFER names the vehicle accepts when it comes back to a channel.

The OFFER may name more money than the vehicle's record, when the pole delivered energy and its
INVOICE was lost. Symbols, with energies in mWh and `record` as the vehicle stored it last:

    own_since    energy that the own meter counted since then, at most the energy at maximum power
                 in two link timeouts: after that a pole without payment has stopped
    own          record.own_mwh + own_since
    T(x), step   tolerance and step of the own meter, as in audit.py
    gap          max(OFFER.energy_mwh - record.energy_mwh, 0)
    proven       min(gap, max(T(own) + step - record.billed_mwh, 0))
    more         (OFFER.amount_due - record.amount_due) 10^6 + OFFER.remainder - record.remainder
    worth(x)     the price of the next x mWh as the record holds it, in millionths
    unproven     max(more - worth(proven), 0)

The vehicle accepts the debt when

    record.unproven_amount + ceil(unproven / 10^6) <= prepay

and adds the new part to record.unproven_amount. From then on it prepays as much less. So all that
a pole can invent in a channel's life is one prepayment, however often the vehicle reconnects.
"""

from joulestream.compat import TYPE_CHECKING
from joulestream.errors import CARRIED_DEBT
from joulestream.tariff import Tariff
from joulestream.units import MWH_PER_KWH, amount_from_numerator, energy_from_power
from joulestream.vehicle.audit import with_tolerance
from joulestream.vehicle.config import AUDIT_METER

if TYPE_CHECKING:
    from typing import Any

    from joulestream.device.payer_record import PayerRecord
    from joulestream.messages import Offer


def own_since_mwh(record: "PayerRecord", own_total_mwh: int, config: "Any") -> int:
    """Return own_since. `own_total_mwh` is the own meter's total now."""
    most_mwh = energy_from_power(config.max_power_mw, 2 * config.link_timeout_ms)
    since_mwh = own_total_mwh - record.own_total_mwh
    if since_mwh < 0 and config.audit != AUDIT_METER:
        # A PowerBound counts anew from each start, so that the difference tells nothing.
        return most_mwh
    return min(max(since_mwh, 0), most_mwh)


def carry_debt(
    offer: "Offer",
    record: "PayerRecord",
    since_mwh: int,
    tolerance_percent: int,
    step_mwh: int,
    prepay: int,
) -> int:
    """Write the accepted debt of `offer` into `record`; return 0, or CARRIED_DEBT.

    Energy that the own meter counted and the pole did not bill is forgotten, except one step of
    the meter: the new session may have a higher price. On CARRIED_DEBT `record` is unchanged.

    Args:
        offer: the OFFER.
        record: the channel's record.
        since_mwh: own_since.
        tolerance_percent: p of audit.py.
        step_mwh: one step of the own meter's register.
        prepay: the most that the vehicle pays ahead, in claim units.
    """
    own_mwh = record.own_mwh + since_mwh
    gap_mwh = max(offer.energy_mwh - record.energy_mwh, 0)
    justified_mwh = with_tolerance(own_mwh, tolerance_percent) + step_mwh
    proven_mwh = min(gap_mwh, max(justified_mwh - record.billed_mwh, 0))
    more = (offer.amount_due - record.amount_due) * MWH_PER_KWH
    more += offer.remainder - record.remainder
    unproven = max(more - _worth(record, proven_mwh), 0)
    # -amount(-x) rounds up: the vehicle never counts less than it owes.
    unproven_amount = record.unproven_amount - amount_from_numerator(-unproven)
    if unproven_amount > prepay:
        return CARRIED_DEBT
    record.unproven_amount = unproven_amount
    record.billed_mwh += proven_mwh
    record.own_mwh = min(own_mwh, record.billed_mwh + step_mwh)
    return 0


def _worth(record: "PayerRecord", more_mwh: int) -> int:
    """Return the agreed price of the next `more_mwh`, in millionths of a claim unit."""
    tariff = Tariff(record.energy_mwh, 0, record.price_per_kwh)
    tariff.change(max(record.next_from_mwh, record.energy_mwh), record.next_price_per_kwh)
    energy_mwh = record.energy_mwh + more_mwh
    return tariff.amount_due(energy_mwh) * MWH_PER_KWH + tariff.remainder(energy_mwh)
