"""How much of the debt that an OFFER carries over the vehicle accepts.

The OFFER may ask for more than the vehicle's record, when energy flowed after the last INVOICE
that the vehicle accepted. The names here are the symbols of docs/protocol.md, section 8.1, which
is normative and gives an example. `record` stands for the fields that section 7.3 lists.

    growth_mwh      = min(max(meter_mwh - total_mwh, 0), growth_limit_mwh)
    own_now_mwh     = own_mwh + growth_mwh
    justified_mwh   = max(tolerated(own_now_mwh) + step_mwh - billed_mwh, 0)
    gap_mwh         = min(max(offer_energy_mwh - energy_mwh, 0), justified_mwh)
    worth           = the agreed price of the next gap_mwh, in millionths of a claim unit
    asked           = (offer_due - due) * 10^6 + offer_remainder - remainder
    unproven_amount = unproven_amount before + ceil(max(asked - worth, 0) / 10^6)

The vehicle accepts the debt when unproven_amount <= prepay, and from then on it prepays as much
less. So all that a pole can invent in a channel's life is one prepayment, however often the
vehicle reconnects.

growth_limit_mwh is the energy at maximum power in two link timeouts: after that a pole without
payment has opened its contactor, and all other energy flowed elsewhere.
"""

from joulestream.compat import const
from joulestream.errors import CARRIED_DEBT
from joulestream.tariff import Tariff
from joulestream.units import MWH_PER_KWH, amount_from_numerator, energy_from_power
from joulestream.vehicle.audit import tolerated
from joulestream.vehicle.config import AUDIT_METER

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.device.payer_record import PayerRecord
    from joulestream.messages import Offer
    from joulestream.vehicle.config import VehicleConfig


def growth_mwh(record: "PayerRecord", meter_mwh: int, config: "VehicleConfig") -> int:
    """Return growth_mwh. `meter_mwh` is the own meter's total now."""
    growth_limit_mwh = energy_from_power(config.max_power_mw, 2 * config.link_timeout_ms)
    more_mwh = meter_mwh - record.own_total_mwh
    if more_mwh < 0 and config.audit != AUDIT_METER:
        # A PowerBound counts anew from each start, so that the difference tells nothing.
        return growth_limit_mwh
    return min(max(more_mwh, 0), growth_limit_mwh)


def carry_debt(
    offer: "Offer",
    record: "PayerRecord",
    more_mwh: int,
    percent: int,
    step_mwh: int,
    prepay: int,
) -> int:
    """Write the accepted debt of `offer` into `record`; return 0, or CARRIED_DEBT.

    Energy that the own meter counted and the pole did not bill is forgotten, except one step of
    the meter: the new session may have a higher price. On CARRIED_DEBT `record` is unchanged.

    Args:
        offer: the OFFER.
        record: the channel's record.
        more_mwh: growth_mwh of the own meter.
        percent: the tolerance of the audit.
        step_mwh: step of the own meter's register.
        prepay: the most that the vehicle pays ahead, in claim units.
    """
    own_now_mwh = record.own_mwh + more_mwh
    justified_mwh = max(tolerated(own_now_mwh, percent) + step_mwh - record.billed_mwh, 0)
    gap_mwh = min(max(offer.energy_mwh - record.energy_mwh, 0), justified_mwh)
    asked = (offer.amount_due - record.amount_due) * MWH_PER_KWH
    asked += offer.remainder - record.remainder
    unproven = max(asked - _worth(record, gap_mwh), 0)
    # -amount(-x) rounds up: the vehicle never counts less than it owes.
    unproven_amount = record.unproven_amount - amount_from_numerator(-unproven)
    if unproven_amount > prepay:
        return CARRIED_DEBT
    record.unproven_amount = unproven_amount
    record.billed_mwh += gap_mwh
    record.own_mwh = min(own_now_mwh, record.billed_mwh + step_mwh)
    return 0


def _worth(record: "PayerRecord", gap_mwh: int) -> int:
    """Return the agreed price of the next `gap_mwh`, in millionths of a claim unit."""
    tariff = Tariff(record.energy_mwh, 0, record.price_per_kwh)
    tariff.change(max(record.next_from_mwh, record.energy_mwh), record.next_price_per_kwh)
    energy_mwh = record.energy_mwh + gap_mwh
    return tariff.amount_due(energy_mwh) * MWH_PER_KWH + tariff.remainder(energy_mwh)
