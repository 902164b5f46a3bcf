"""The vehicle believes its own meter: whether what is billed is justified by it, and adds up."""

from joulestream.errors import OVERBILLED, WRONG_AMOUNT
from joulestream.units import small

_PERCENT = 100


class Audit:
    """Judges the invoices of one session by what the own meter counted since its offer.

    Own and billed energy are compared over the channel's whole life, so that a tolerance cannot
    be collected again with every reconnect, and since the last rise of the price, so that what was
    tolerated of cheaper energy is not billed at the new price. Of the pole's own counting only
    differences matter. `total_mwh` arguments are the own meter's total, `step_mwh` its step;
    `percent` is tolerated, and `late_mwh` may flow before an invoice is looked at.
    """

    def __init__(self, channel, percent, late_mwh, start_total_mwh, start_energy_mwh):
        self._own_offset_mwh = channel.own_mwh - start_total_mwh
        self._billed_offset_mwh = channel.billed_mwh - start_energy_mwh
        self._percent = percent
        self._late_mwh = late_mwh
        self._start_total_mwh = start_total_mwh
        self._start_energy_mwh = start_energy_mwh
        self.begin_price(channel)

    def begin_price(self, channel):
        """Let a new price begin after what `channel` holds."""
        self._price_own_mwh = channel.own_mwh
        self._price_billed_mwh = channel.billed_mwh

    def own_mwh(self, total_mwh):
        """Return what the own meter counted on this channel, sessions before included."""
        return small(total_mwh + self._own_offset_mwh)

    def billed_mwh(self, energy_mwh):
        """Return what was billed on this channel once the pole counts `energy_mwh`."""
        return small(energy_mwh + self._billed_offset_mwh)

    def energy_reason(self, energy_mwh, total_mwh, step_mwh):
        """Return OVERBILLED while an invoice's energy is above what is justified, or 0."""
        own_mwh = self.own_mwh(total_mwh)
        since_mwh = tolerated(own_mwh - self._price_own_mwh, self._percent) + self._late_mwh
        justified_mwh = min(tolerated(own_mwh, self._percent), self._price_billed_mwh + since_mwh)
        return OVERBILLED if self.billed_mwh(energy_mwh) > justified_mwh + step_mwh else 0

    def flowed_mwh(self, total_mwh, step_mwh, last_total_mwh, last_mwh):
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
    return own_mwh * (_PERCENT + percent) // _PERCENT


def amount_reason(invoice, tariff):
    """Return WRONG_AMOUNT unless the invoice is its energy times the tariff, exactly, or 0."""
    return 0 if invoice.amount_due == tariff.amount_due(invoice.energy_mwh) else WRONG_AMOUNT
