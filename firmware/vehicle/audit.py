"""The vehicle believes its own meter: whether what is billed is justified by it, and adds up."""

from joulestream.errors import OVERBILLED, WRONG_AMOUNT
from joulestream.units import small_int

_PERCENT = 100


class Audit:
    """Judges the invoices of one session by what the own meter counted since its offer.

    Own and billed energy are compared over the channel's whole life, so that a tolerance cannot
    be collected again with every reconnect, and since the last rise of the price, so that what was
    tolerated of cheaper energy is not billed at the new price. Of the pole's own counting only
    differences matter. `total_mwh` arguments are the own meter's total, `step_mwh` its step;
    `percent` is tolerated, `late_mwh` may flow before an invoice is looked at, and `most_lag_mwh`
    before one that was lost comes again.
    """

    def __init__(self, record, percent, late_mwh, most_lag_mwh, start_total_mwh, start_energy_mwh):
        self._own_offset_mwh = record.own_mwh - start_total_mwh
        self._billed_offset_mwh = record.billed_mwh - start_energy_mwh
        self._percent = percent
        self._late_mwh = late_mwh
        self._most_lag_mwh = most_lag_mwh
        self._lag_mwh = 0  # what the own meter has counted, and the last invoice not yet
        self._start_total_mwh = start_total_mwh
        self._start_energy_mwh = start_energy_mwh
        self.begin_price(record)

    def begin_price(self, record):
        """Let a new price begin after what `record` holds."""
        self._price_own_mwh = record.own_mwh - self._lag_mwh
        self._price_billed_mwh = record.billed_mwh

    def accept(self, record, energy_mwh, total_mwh, step_mwh):
        """Take an invoice that is justified into `record`.

        One that was lost and came again asks for less than the own meter counted meanwhile; what
        it lags behind is due at the price of later. It was written after the one before it came.
        """
        billed_mwh = self.billed_mwh(energy_mwh)
        own_mwh = self.own_mwh(total_mwh)
        more_mwh = own_mwh - record.own_mwh
        lag_mwh = self._lag_mwh + more_mwh - (billed_mwh - record.billed_mwh)
        if lag_mwh <= more_mwh * self._percent // _PERCENT + step_mwh:
            lag_mwh = 0  # two meters may disagree by that
        self._lag_mwh = min(lag_mwh, more_mwh, self._most_lag_mwh)
        record.billed_mwh = billed_mwh
        record.own_mwh = own_mwh
        record.own_total_mwh = total_mwh

    def own_mwh(self, total_mwh):
        """Return what the own meter counted on this channel, sessions before included."""
        return small_int(total_mwh + self._own_offset_mwh)

    def billed_mwh(self, energy_mwh):
        """Return what was billed on this channel once the pole counts `energy_mwh`."""
        return small_int(energy_mwh + self._billed_offset_mwh)

    def energy_reason(self, energy_mwh, total_mwh, step_mwh):
        """Return OVERBILLED while an invoice's energy is above what is justified, or 0."""
        own_mwh = self.own_mwh(total_mwh)
        since_mwh = tolerated(own_mwh - self._price_own_mwh, self._percent) + self._late_mwh
        justified_mwh = min(tolerated(own_mwh, self._percent), self._price_billed_mwh + since_mwh)
        return OVERBILLED if self.billed_mwh(energy_mwh) > justified_mwh + step_mwh else 0

    def least_flowed_mwh(self, total_mwh, step_mwh, last_total_mwh, last_mwh):
        """Return what the pole must have counted by now at the least, on its own scale.

        `last_mwh` it had invoiced when the own meter stood at `last_total_mwh`. A new price for
        less energy than is returned would be one after the fact.
        """
        session_mwh = self._least(total_mwh - self._start_total_mwh) + self._start_energy_mwh
        return max(session_mwh, self._least(total_mwh - last_total_mwh) + last_mwh) - step_mwh

    def _least(self, own_mwh):
        return own_mwh * (_PERCENT - self._percent) // _PERCENT


def tolerated(own_mwh, percent):
    """Return up to which energy a meter that counts `percent` more than the own one may bill."""
    # In this order it stays a small integer on a board for longer.
    return own_mwh + own_mwh * percent // _PERCENT


def amount_reason(invoice, tariff):
    """Return WRONG_AMOUNT unless the invoice is its energy times the tariff, exactly, or 0."""
    return 0 if invoice.amount_due == tariff.amount_due(invoice.energy_mwh) else WRONG_AMOUNT
