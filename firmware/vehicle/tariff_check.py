"""Every check that the vehicle makes at a TARIFF, and the prices that its record keeps.

The order is that of docs/protocol.md, section 8.5. The payer makes the first check (the pole
signed the TARIFF) and the last one (the record is stored).
"""

from joulestream.compat import const
from joulestream.errors import BAD_FIELD, PREPAY_TOO_SMALL, PRICE_TOO_HIGH
from joulestream.vehicle.config import AUDIT_METER

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.device.payer_record import PayerRecord
    from joulestream.messages import TariffChange
    from joulestream.tariff import Tariff
    from joulestream.vehicle.config import VehicleConfig
    from joulestream.vehicle.own_meter import Figures
    from joulestream.vehicle.payment import Payments


def tariff_reason(
    change: "TariffChange",
    payments: "Payments",
    config: "VehicleConfig",
    own_meter: "Figures",
) -> int:
    """Return why the vehicle refuses a TARIFF, or 0.

    Args:
        change: the TARIFF.
        payments: the session's payments so far.
        config: the vehicle's configuration.
        own_meter: the vehicle's view of the energy that flowed.
    """
    if payments.tariff.next_price_per_kwh is not None:
        return BAD_FIELD
    if change.from_energy_mwh < payments.energy_mwh:
        return BAD_FIELD
    # A PowerBound counts the most that can have flowed. Only a meter proves that energy flowed.
    if config.audit == AUDIT_METER:
        least_mwh = payments.audit.least_mwh(
            own_meter.total_mwh,
            own_meter.step_mwh,
            payments.record.own_total_mwh,
            payments.energy_mwh,
        )
        if change.from_energy_mwh < least_mwh:
            return BAD_FIELD
    if change.price_per_kwh > config.max_price_per_kwh:
        return PRICE_TOO_HIGH
    return 0 if payments.covers_packet(change.price_per_kwh) else PREPAY_TOO_SMALL


def record_prices(record: "PayerRecord", tariff: "Tariff") -> None:
    """Write the prices of `tariff` into `record`: they hold for energy that is billed later."""
    record.price_per_kwh = record.next_price_per_kwh = tariff.price_per_kwh
    if tariff.next_price_per_kwh is not None:
        record.next_price_per_kwh = tariff.next_price_per_kwh
    record.next_from_mwh = tariff.next_from_mwh
