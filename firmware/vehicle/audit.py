"""Whether an INVOICE is justified, and the least energy that the pole must have counted by now.

The vehicle believes its own meter. The names here are the symbols of docs/protocol.md, sections
7.3, 8.4 and 8.5, which are normative and give an example of each formula. All energies are in mWh.

An INVOICE is justified when both bounds hold:

    own_now_mwh    = start_own_mwh + max(meter_mwh - start_total_mwh, 0)
    billed_now_mwh = start_billed_mwh + invoice_energy_mwh - start_energy_mwh
    tolerated(x)   = x + floor(x * percent / 100)
    since_mwh      = tolerated(own_now_mwh - mark_own_mwh)
    billed_now_mwh <= tolerated(own_now_mwh) + step_mwh + pole_step_mwh
    billed_now_mwh <= mark_billed_mwh + since_mwh + late_mwh + step_mwh + pole_mwh

The first bound counts from the beginning of the channel, so that a pole cannot collect the
tolerance again with every reconnect. The second one counts from the mark: the OFFER, and later
each INVOICE that was paid while a dearer TARIFF was ahead. Otherwise a pole could bill less than
flows while energy is cheap, and bill the difference at the dearer price.

Both meters count in steps, so the step of each is tolerated. The pole's register may also be late
by its refresh: pole_mwh = pole_step_mwh + the energy of that time.

A lost INVOICE comes up to a link timeout late, and the own meter has counted on by then. The
energy that the INVOICE lags behind is billed later, so the mark leaves it out:

    behind_mwh   = lag_mwh + own_more_mwh - billed_more_mwh
    new_lag_mwh  = 0   when behind_mwh <= floor(own_more_mwh * percent / 100) + step_mwh + pole_mwh
    new_lag_mwh  = min(behind_mwh, own_more_mwh, lag_limit_mwh)   otherwise
    mark_own_mwh = own_now_mwh - new_lag_mwh,   mark_billed_mwh = billed_now_mwh
"""

from joulestream.compat import const
from joulestream.errors import BAD_FIELD, OVERBILLED, WRONG_AMOUNT
from joulestream.units import small_int

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.device.payer_record import PayerRecord
    from joulestream.messages import Invoice
    from joulestream.tariff import Tariff

_PERCENT = 100


class Audit:
    """Judges the INVOICEs of one session.

    Args:
        record: the channel's record when the OFFER is accepted. Its `own_total_mwh` is the own
            meter's total then (start_total_mwh).
        percent: the tolerance, from 0 to 25.
        late_mwh: energy at maximum power while an INVOICE may wait (audit_wait_ms).
        lag_limit_mwh: energy at maximum power in one link timeout.
        energy_mwh: channel energy of the OFFER (start_energy_mwh).
        pole_step_mwh: the step of the pole's register.
        refresh_mwh: energy at maximum power in one refresh of the pole's register.
    """

    def __init__(
        self,
        record: "PayerRecord",
        percent: int,
        late_mwh: int,
        lag_limit_mwh: int,
        energy_mwh: int,
        pole_step_mwh: int,
        refresh_mwh: int,
    ) -> None:
        self._own_offset_mwh = record.own_mwh - record.own_total_mwh
        self._billed_offset_mwh = record.billed_mwh - energy_mwh
        self._percent = percent
        self._pole_step_mwh = pole_step_mwh
        self._pole_mwh = pole_step_mwh + refresh_mwh
        # By so much the bound since the mark may exceed the other one's step.
        self._late_mwh = late_mwh + refresh_mwh
        self._lag_limit_mwh = lag_limit_mwh
        self._lag_mwh = 0
        self._start_own_mwh = record.own_mwh
        self._start_total_mwh = record.own_total_mwh
        self._start_energy_mwh = energy_mwh
        self.move_mark(record)

    def move_mark(self, record: "PayerRecord") -> None:
        """Move the mark to the figures in `record`."""
        self._mark_own_mwh = record.own_mwh - self._lag_mwh
        self._mark_billed_mwh = record.billed_mwh

    def accept(
        self, record: "PayerRecord", energy_mwh: int, meter_mwh: int, step_mwh: int
    ) -> None:
        """Write a justified INVOICE for channel energy `energy_mwh` into `record`."""
        billed_now_mwh = self._billed_now_mwh(energy_mwh)
        own_now_mwh = self._own_now_mwh(meter_mwh)
        own_more_mwh = own_now_mwh - record.own_mwh
        behind_mwh = self._lag_mwh + own_more_mwh - (billed_now_mwh - record.billed_mwh)
        if behind_mwh <= own_more_mwh * self._percent // _PERCENT + step_mwh + self._pole_mwh:
            behind_mwh = 0  # two meters may disagree by that much
        self._lag_mwh = min(behind_mwh, own_more_mwh, self._lag_limit_mwh)
        record.billed_mwh = billed_now_mwh
        record.own_mwh = own_now_mwh
        if meter_mwh > record.own_total_mwh:
            record.own_total_mwh = meter_mwh

    def energy_reason(self, energy_mwh: int, meter_mwh: int, step_mwh: int) -> int:
        """Return OVERBILLED while an INVOICE for `energy_mwh` is not justified, else 0."""
        own_now_mwh = self._own_now_mwh(meter_mwh)
        percent = self._percent
        since_mwh = own_now_mwh - self._mark_own_mwh
        mark_bound_mwh = self._mark_billed_mwh + tolerated(since_mwh, percent) + self._late_mwh
        bound_mwh = min(tolerated(own_now_mwh, percent), mark_bound_mwh)
        bound_mwh += step_mwh + self._pole_step_mwh
        return OVERBILLED if self._billed_now_mwh(energy_mwh) > bound_mwh else 0

    def _own_now_mwh(self, meter_mwh: int) -> int:
        own_now_mwh = small_int(meter_mwh + self._own_offset_mwh)
        # After a start the own register stands up to a step below its total from before.
        return own_now_mwh if own_now_mwh > self._start_own_mwh else self._start_own_mwh

    def _billed_now_mwh(self, energy_mwh: int) -> int:
        return small_int(energy_mwh + self._billed_offset_mwh)

    def least_mwh(self, meter_mwh: int, step_mwh: int, total_mwh: int, energy_mwh: int) -> int:
        """Return the least channel energy that must have flowed by the own meter.

            since_offer_mwh   = start_energy_mwh + least(meter_mwh - start_total_mwh)
            since_invoice_mwh = energy_mwh + least(meter_mwh - total_mwh)
            least_mwh         = max(since_offer_mwh, since_invoice_mwh) - step_mwh - pole_mwh
            least(x)          = floor(x * (100 - percent) / 100)

        A TARIFF that begins earlier would change the price of energy that flowed already.

        Args:
            meter_mwh: total of the own meter now.
            step_mwh: step of the own meter's register.
            total_mwh: total of the own meter at the last INVOICE paid, or at the OFFER.
            energy_mwh: channel energy of that INVOICE or OFFER.
        """
        least_percent = _PERCENT - self._percent
        offer_more_mwh = (meter_mwh - self._start_total_mwh) * least_percent // _PERCENT
        invoice_more_mwh = (meter_mwh - total_mwh) * least_percent // _PERCENT
        since_offer_mwh = self._start_energy_mwh + offer_more_mwh
        least_mwh = max(since_offer_mwh, energy_mwh + invoice_more_mwh)
        return least_mwh - step_mwh - self._pole_mwh


def tolerated(own_mwh: int, percent: int) -> int:
    """Return the most that a pole may bill for `own_mwh` of the own meter."""
    # In this order the product stays a small integer on a board for longer.
    return own_mwh + own_mwh * percent // _PERCENT


def invoice_reason(invoice: "Invoice", tariff: "Tariff", paid_energy_mwh: int) -> int:
    """Return why an INVOICE contradicts the one before it or the tariff, or 0.

    BAD_FIELD: its energy is below `paid_energy_mwh`, that of the INVOICE before (or the OFFER).
    WRONG_AMOUNT: its amount is not exactly its energy times the tariff.
    """
    if invoice.energy_mwh < paid_energy_mwh:
        return BAD_FIELD
    if invoice.amount_due != tariff.amount_due(invoice.energy_mwh):
        return WRONG_AMOUNT
    return 0
