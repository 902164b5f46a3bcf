"""Whether an INVOICE is justified, and which energy the pole must have counted by now.

The vehicle believes its own meter. Symbols, all energies in mWh:

    own, billed     energy that the own meter counted, and that the pole billed, in all of the
                    channel's life: the sessions before included
    own_total       the own meter's total now
    step            one step of the own meter's register
    p               tolerance_percent, by which the pole's meter may differ from the own one
    audit_wait      energy at maximum power in audit_wait_ms, while an INVOICE waits
    link_timeout    energy at maximum power in link_timeout_ms
    T(x)            x + floor(x p / 100)
    L(x)            floor(x (100 - p) / 100)

An INVOICE is justified when

    billed <= min(T(own), billed_start + T(own - own_start) + audit_wait) + step

T(own) counts from the beginning of the channel, so that a pole cannot collect the tolerance again
with every reconnect. The other term counts from the price start: the OFFER, and later each INVOICE
that was paid while a dearer TARIFF was ahead. Otherwise a pole could bill less than flows while
energy is cheap, and bill the difference at the dearer price. Of the pole's own counting only
differences matter.

A lost INVOICE comes again up to a link timeout late. By then the own meter counted more than it
asks for. With `more` = own - own at the INVOICE before, the INVOICE lags behind by

    lag = lag before + more - (billed - billed at the INVOICE before)
    lag = 0                               when lag <= floor(more p / 100) + step
    lag = min(lag, more, link_timeout)

The energy of the lag is billed later, at the dearer price. So at a price start

    own_start = own - lag,  billed_start = billed
"""

from joulestream.compat import TYPE_CHECKING
from joulestream.errors import BAD_FIELD, OVERBILLED, WRONG_AMOUNT
from joulestream.units import small_int

if TYPE_CHECKING:
    from joulestream.device.payer_record import PayerRecord
    from joulestream.messages import Invoice
    from joulestream.tariff import Tariff

_PERCENT = 100


class Audit:
    """Judges the INVOICEs of one session with the symbols of this file's first lines.

    Args:
        record: the channel's record when the OFFER is accepted.
        tolerance_percent: p, from 0 to 25.
        audit_wait_mwh: audit_wait.
        link_timeout_mwh: link_timeout.
        own_total_mwh: own_total at the OFFER.
        energy_mwh: channel energy in the OFFER, as the pole counts it.
    """

    def __init__(
        self,
        record: "PayerRecord",
        tolerance_percent: int,
        audit_wait_mwh: int,
        link_timeout_mwh: int,
        own_total_mwh: int,
        energy_mwh: int,
    ) -> None:
        self._own_offset_mwh = record.own_mwh - own_total_mwh
        self._billed_offset_mwh = record.billed_mwh - energy_mwh
        self._tolerance_percent = tolerance_percent
        self._audit_wait_mwh = audit_wait_mwh
        self._link_timeout_mwh = link_timeout_mwh
        self._lag_mwh = 0
        self._offer_total_mwh = own_total_mwh
        self._offer_energy_mwh = energy_mwh
        self.start_price(record)

    def start_price(self, record: "PayerRecord") -> None:
        """Make the figures in `record` the price start."""
        self._own_start_mwh = record.own_mwh - self._lag_mwh
        self._billed_start_mwh = record.billed_mwh

    def accept(
        self, record: "PayerRecord", energy_mwh: int, own_total_mwh: int, step_mwh: int
    ) -> None:
        """Write a justified INVOICE for channel energy `energy_mwh` into `record`."""
        billed_mwh = self.billed_mwh(energy_mwh)
        own_mwh = self.own_mwh(own_total_mwh)
        more_mwh = own_mwh - record.own_mwh
        lag_mwh = self._lag_mwh + more_mwh - (billed_mwh - record.billed_mwh)
        if lag_mwh <= more_mwh * self._tolerance_percent // _PERCENT + step_mwh:
            lag_mwh = 0
        self._lag_mwh = min(lag_mwh, more_mwh, self._link_timeout_mwh)
        record.billed_mwh = billed_mwh
        record.own_mwh = own_mwh
        record.own_total_mwh = own_total_mwh

    def own_mwh(self, own_total_mwh: int) -> int:
        """Return `own` when the own meter's total is `own_total_mwh`."""
        return small_int(own_total_mwh + self._own_offset_mwh)

    def billed_mwh(self, energy_mwh: int) -> int:
        """Return `billed` when the pole counts the channel energy `energy_mwh`."""
        return small_int(energy_mwh + self._billed_offset_mwh)

    def energy_reason(self, energy_mwh: int, own_total_mwh: int, step_mwh: int) -> int:
        """Return OVERBILLED while an INVOICE for `energy_mwh` is not justified, else 0."""
        own_mwh = self.own_mwh(own_total_mwh)
        percent = self._tolerance_percent
        since_mwh = with_tolerance(own_mwh - self._own_start_mwh, percent) + self._audit_wait_mwh
        justified_mwh = min(with_tolerance(own_mwh, percent), self._billed_start_mwh + since_mwh)
        return OVERBILLED if self.billed_mwh(energy_mwh) > justified_mwh + step_mwh else 0

    def least_energy_mwh(
        self, own_total_mwh: int, step_mwh: int, paid_total_mwh: int, paid_energy_mwh: int
    ) -> int:
        """Return the least channel energy that the pole must have counted by now.

            max(energy at the OFFER + L(own_total - own_total at the OFFER),
                paid_energy_mwh     + L(own_total - paid_total_mwh)) - step

        A new price for less energy than that would hold for energy that flowed already.

        Args:
            own_total_mwh: own_total.
            step_mwh: step.
            paid_total_mwh: own_total when the last INVOICE (or the OFFER) was accepted.
            paid_energy_mwh: channel energy of that INVOICE (or OFFER).
        """
        since_offer_mwh = self._least_mwh(own_total_mwh - self._offer_total_mwh)
        since_paid_mwh = self._least_mwh(own_total_mwh - paid_total_mwh)
        energy_mwh = max(
            self._offer_energy_mwh + since_offer_mwh, paid_energy_mwh + since_paid_mwh
        )
        return energy_mwh - step_mwh

    def _least_mwh(self, own_mwh: int) -> int:
        return own_mwh * (_PERCENT - self._tolerance_percent) // _PERCENT


def with_tolerance(own_mwh: int, tolerance_percent: int) -> int:
    """Return T(own_mwh): the most that the pole's meter may count for it."""
    # In this order the product stays a small integer on a board for longer.
    return own_mwh + own_mwh * tolerance_percent // _PERCENT


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
