"""The vehicle believes its own meter: whether an invoice is justified by it, and adds up."""

from joulestream.errors import OVERBILLED, WRONG_AMOUNT

_PERCENT = 100


class Audit:
    """Judges invoices for one session on one channel.

    The channel's whole life is judged at once, so that a tolerance cannot be collected again
    with every reconnect. `percent` and one `step_mwh` of the own meter are tolerated.
    """

    def __init__(self, channel, percent):
        self._origin_mwh = channel.origin_mwh
        self._own_before_mwh = channel.own_mwh
        self._percent = percent
        self.own_mwh = channel.own_mwh

    def measure(self, session_mwh):
        """Take what the own meter (or power times time) counted since the session opened."""
        self.own_mwh = self._own_before_mwh + session_mwh

    def justified_mwh(self, step_mwh):
        """Return the channel energy up to which invoices are justified now."""
        tolerated_mwh = self.own_mwh * (_PERCENT + self._percent) // _PERCENT
        return self._origin_mwh + tolerated_mwh + step_mwh

    def energy_reason(self, invoice, step_mwh):
        """Return OVERBILLED while the invoice's energy is above what is justified, or 0."""
        return OVERBILLED if invoice.energy_mwh > self.justified_mwh(step_mwh) else 0


def amount_reason(invoice, tariff):
    """Return WRONG_AMOUNT unless the invoice is its energy times the tariff, exactly, or 0."""
    return 0 if invoice.amount_due == tariff.amount_due(invoice.energy_mwh) else WRONG_AMOUNT
