"""Energy to amount due, exactly: products are summed, divided once, and the rest is kept."""

from joulestream.compat import const
from joulestream.errors import LocalError
from joulestream.units import MWH_PER_KWH, amount_from_numerator, packet_amount, small_int

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.messages import Offer


class Tariff:
    """The price of a session's energy, with at most one change ahead.

    Energy counts on the channel's own scale, in mWh. With prices p1, p2 (claim units per kWh) for
    the energies e1, e2 (mWh) of a session:

        sum        = remainder + e1 p1 + e2 p2
        amount_due = start_amount + floor(sum / 1,000,000)

    Args:
        start_energy_mwh: the channel's energy when the session starts.
        start_amount: the total due on the channel then, in claim units.
        price_per_kwh: the price, in claim units per kWh.
        remainder: the part of a claim unit that the sessions before rounded off, in millionths.
    """

    def __init__(
        self, start_energy_mwh: int, start_amount: int, price_per_kwh: int, remainder: int = 0
    ) -> None:
        self.price_per_kwh = price_per_kwh
        self.next_price_per_kwh: int | None = None
        self.next_from_mwh = 0
        self._start_amount = start_amount
        self._from_mwh = start_energy_mwh
        self._base = remainder
        # The energy that `_numerator` was asked for last, and its answer.
        self._known_mwh: int | None = None
        self._known_numerator = 0

    def change(self, from_energy_mwh: int, price_per_kwh: int) -> None:
        """Let `price_per_kwh` hold for the energy beyond `from_energy_mwh`.

        Raises LocalError when another change is ahead, or when that energy is invoiced already.
        """
        if self.next_price_per_kwh is not None or from_energy_mwh < self._from_mwh:
            raise LocalError("a tariff cannot change twice at once, nor in the past")
        self.next_price_per_kwh = price_per_kwh
        self.next_from_mwh = from_energy_mwh
        self._known_mwh = None

    def amount_due(self, energy_mwh: int) -> int:
        """Return the total due on the channel at `energy_mwh`, in claim units, rounded down."""
        return self._start_amount + amount_from_numerator(self._numerator(energy_mwh))

    def remainder(self, energy_mwh: int) -> int:
        """Return the part that `amount_due` rounded off, in millionths of a claim unit."""
        return self._numerator(energy_mwh) % MWH_PER_KWH

    def amount_after(self, more_mwh: int) -> int:
        """Return the total due after `more_mwh` beyond the energy that `advance` was told last."""
        return self._start_amount + self.amount_ahead(more_mwh)

    def amount_ahead(self, more_mwh: int) -> int:
        """Return by how much that is more than the total due at that energy.

        It is a small integer on a board, whatever the channel has paid before.
        """
        return amount_from_numerator(self._numerator_ahead(more_mwh))

    def advance(self, energy_mwh: int) -> None:
        """Start from `energy_mwh` from now on; all energy up to there is invoiced.

        No amount changes by it. A change of price that lies behind becomes the price, and the
        later products stay small.
        """
        numerator = self._numerator(energy_mwh)
        self._start_amount += amount_from_numerator(numerator)
        self._base = numerator % MWH_PER_KWH
        self._from_mwh = energy_mwh
        self._known_mwh = None
        if self.next_price_per_kwh is not None and energy_mwh >= self.next_from_mwh:
            self.price_per_kwh = self.next_price_per_kwh
            self.next_price_per_kwh = None

    def _numerator(self, energy_mwh: int) -> int:
        # Amount and remainder of one energy are asked for one after the other.
        if energy_mwh is not self._known_mwh:
            more_mwh = small_int(energy_mwh - self._from_mwh)
            self._known_numerator = self._numerator_ahead(more_mwh)
            self._known_mwh = energy_mwh
        return self._known_numerator

    def _numerator_ahead(self, more_mwh: int) -> int:
        if self.next_price_per_kwh is None:
            return self._base + more_mwh * self.price_per_kwh
        at_change_mwh = small_int(self.next_from_mwh - self._from_mwh)
        if more_mwh <= at_change_mwh:
            return self._base + more_mwh * self.price_per_kwh
        numerator = self._base + at_change_mwh * self.price_per_kwh
        return numerator + (more_mwh - at_change_mwh) * self.next_price_per_kwh


def most_ahead(offer: "Offer") -> int:
    """Return the most that a vehicle has paid ahead to a pole with such an OFFER, in claim units.

    The pole forgot payments. It asks a channel without credit for the most: for what it asks now,
    and the credit that it grants in its place.
    """
    packet = packet_amount(offer.price_per_kwh, offer.packet_energy_mwh)
    return max(packet, offer.prepay + min(offer.credit, offer.best_amount))
