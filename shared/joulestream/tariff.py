"""Energy to amount due, exactly: numerators are summed, and what is rounded off is kept."""

from joulestream.errors import LocalError
from joulestream.units import MWH_PER_KWH, amount_from_numerator, small


class Tariff:
    """The price of a session's energy, with at most one change ahead.

    Energy counts on the channel's own scale, in mWh. A session starts from `start_energy_mwh`,
    `start_amount` and `remainder` (millionths of a claim unit), which the sessions before it left.
    """

    def __init__(self, start_energy_mwh, start_amount, price_per_kwh, remainder=0):
        self.price_per_kwh = price_per_kwh
        self.next_price_per_kwh = None
        self.next_from_mwh = 0
        self._start_amount = start_amount
        self._from_mwh = start_energy_mwh
        self._base = remainder

    def change(self, from_energy_mwh, price_per_kwh):
        """Let `price_per_kwh` hold from `from_energy_mwh` on.

        Raises LocalError when a change is ahead already or the energy lies behind.
        """
        if self.next_price_per_kwh is not None or from_energy_mwh < self._from_mwh:
            raise LocalError("a tariff cannot change twice at once, nor in the past")
        self.next_price_per_kwh = price_per_kwh
        self.next_from_mwh = from_energy_mwh

    def amount_due(self, energy_mwh):
        """Return the total due on the channel in claim units once `energy_mwh` has flowed."""
        return self._start_amount + amount_from_numerator(self._numerator(energy_mwh))

    def remainder(self, energy_mwh):
        """Return what `amount_due` rounded off, in millionths of a claim unit."""
        return self._numerator(energy_mwh) % MWH_PER_KWH

    def settle(self, energy_mwh):
        """Start from `energy_mwh`, once all energy up to there is invoiced.

        No amount changes by it, but a change of price that lies behind becomes the price, and
        what is multiplied later stays small.
        """
        numerator = self._numerator(energy_mwh)
        self._start_amount += amount_from_numerator(numerator)
        self._base = numerator % MWH_PER_KWH
        self._from_mwh = energy_mwh
        if self.next_price_per_kwh is not None and energy_mwh >= self.next_from_mwh:
            self.price_per_kwh = self.next_price_per_kwh
            self.next_price_per_kwh = None

    def _numerator(self, energy_mwh):
        ahead = small(energy_mwh - self._from_mwh)
        if self.next_price_per_kwh is None or energy_mwh <= self.next_from_mwh:
            return self._base + ahead * self.price_per_kwh
        at_change = self.next_from_mwh - self._from_mwh
        numerator = self._base + at_change * self.price_per_kwh
        return numerator + (ahead - at_change) * self.next_price_per_kwh
