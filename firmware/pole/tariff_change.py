"""TARIFF: a new price is announced so far ahead that the vehicle can answer before it begins."""

from joulestream.compat import const
from joulestream.errors import BAD_FIELD, PeerError
from joulestream.messages import TariffChange
from joulestream.units import energy_from_power

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.messages import TariffAccept
    from joulestream.pole.charging_session import ChargingSession
    from joulestream.pole.config import PoleConfig


class TariffChanges:
    """The one change of price that may wait for the vehicle's answer."""

    def __init__(self, config: "PoleConfig") -> None:
        self._packet_energy_mwh = config.packet_energy_mwh
        # The most that flows until the answer to a TARIFF is here, in whole packets, plus two.
        lead_mwh = energy_from_power(config.max_power_mw, config.link_timeout_ms)
        self._lead_packets = lead_mwh // config.packet_energy_mwh + 2
        self._price_per_kwh = 0
        self._from_energy_mwh = 0
        self.is_waiting = False

    def forget(self) -> None:
        """Wait for no answer any more: another session begins."""
        self.is_waiting = False

    def announce(self, charging: "ChargingSession", price_per_kwh: int) -> "TariffChange | None":
        """Return the TARIFF that announces `price_per_kwh`, or None if another change is ahead.

        At most one change is ahead: none is announced before the last one has begun.
        """
        if self.is_waiting or charging.tariff.next_price_per_kwh is not None:
            return None
        lead_mwh = self._lead_packets * self._packet_energy_mwh
        self._price_per_kwh = price_per_kwh
        self._from_energy_mwh = charging.packetizer.invoiced_mwh + lead_mwh
        self.is_waiting = True
        return TariffChange(
            price_per_kwh=price_per_kwh, from_energy_mwh=self._from_energy_mwh, signature=b""
        )

    def is_overdue(self, energy_mwh: int) -> bool:
        """Return whether the new price should hold at `energy_mwh` and was not accepted yet."""
        return self.is_waiting and energy_mwh >= self._from_energy_mwh

    def accept(self, message: "TariffAccept", charging: "ChargingSession") -> None:
        """Let the accepted price hold. Raises PeerError(BAD_FIELD) if other values come back."""
        if (message.price_per_kwh, message.from_energy_mwh) != (
            self._price_per_kwh,
            self._from_energy_mwh,
        ):
            raise PeerError(BAD_FIELD)
        charging.change_price(self._from_energy_mwh, self._price_per_kwh)
        self.is_waiting = False
