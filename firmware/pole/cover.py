"""The cover: how much credit and prepayment together let current flow steadily.

While one packet is paid the next one flows. With too little cover the contactor would open and
close at every packet. docs/protocol.md, section 7.2, has the formulas.
"""

from joulestream.compat import const
from joulestream.pole.contactor import ORDERLY_STOP_MS
from joulestream.units import energy_from_power, packet_amount

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.meter.counter import EnergyCounter
    from joulestream.pole.config import PoleConfig

# A payment's way: twice over the wire, two signatures, a step of each loop.
_WAY_MS = const(50)


class Cover:
    """The energies that a session's credit and prepayment have to cover, at maximum power.

    Args:
        config: the pole's configuration.
        meter: the pole's meter. The vehicle pays once its own meter shows the energy too, so the
            time is that of a meter as quick as the pole's.

    Attributes:
        paying_mwh: the energy that flows while a packet is paid.
    """

    def __init__(self, config: "PoleConfig", meter: "EnergyCounter") -> None:
        power_mw = config.max_power_mw
        # A reading that takes longer lost an answer.
        reading_ms = min(meter.reading_ms, config.meter.reading_ms)
        between_ms = max(config.meter.interval_ms, reading_ms)
        paying_ms = between_ms + reading_ms + _WAY_MS
        self.paying_mwh = energy_from_power(power_mw, paying_ms)
        # Between two readings the total stops short of the register's next step.
        jump_mwh = max(energy_from_power(power_mw, between_ms) - meter.step_mwh, 0)
        self._early_mwh = self.paying_mwh + jump_mwh
        self._least_mwh = max(config.packet_energy_mwh, self._early_mwh + self.paying_mwh)
        self._stop_mwh = energy_from_power(power_mw, ORDERLY_STOP_MS)

    def early(self, price_per_kwh: int) -> int:
        """Return the part of the cover at which a packet ends early, in claim units.

        It is the price of a reading's jump, and of all that flows while the packet is paid.
        """
        return packet_amount(price_per_kwh, self._early_mwh)

    def least(self, price_per_kwh: int) -> int:
        """Return the least sum of credit and prepayment, in claim units.

        A packet that ends early needs room for a unit before that, however coarse the unit is.
        """
        return max(packet_amount(price_per_kwh, self._least_mwh), self.early(price_per_kwh) + 1)

    def stop(self, price_per_kwh: int) -> int:
        """Return the price of all that flows in an orderly stop, in claim units."""
        return packet_amount(price_per_kwh, self._stop_mwh)


def earned_credit(credit: int, paid_amount: int) -> int:
    """Return the amount that a channel may owe, in claim units: min(credit, amount ever paid).

    A channel earns its credit by payments. A new channel has none, so it pays first.
    """
    return min(credit, paid_amount)
