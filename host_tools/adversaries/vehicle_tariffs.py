"""Vehicles that do not accept a new tariff, or accept another one."""

from typing import Any

from joulestream.host_tools.adversaries.bank import START_S
from joulestream.host_tools.adversaries.liar import VEHICLE, Liar
from joulestream.host_tools.adversaries.lying_vehicle import (
    DELAY,
    LyingVehicle,
    again,
)
from joulestream.host_tools.adversaries.play import Play
from joulestream.host_tools.adversaries.stage import PRICE
from joulestream.messages import TariffAccept


class RefusesTheTariff(LyingVehicle):
    """Does not answer a new tariff, and pays at the old price as long as it can."""

    reason = "TARIFF_REFUSED"

    def on_tariff(self, tariff: Any) -> None:
        self.lying = True

    def attempt(self, play: Play) -> None:
        self.lying = False
        self.charge(1)
        self.stage.run_to_end(self.reason)
        assert self.lying
        play.take_stock()


class ChangesTheTariff(RefusesTheTariff):
    """Accepts half of the new price."""

    reason = "BAD_FIELD"

    def on_tariff(self, tariff: Any) -> None:
        super().on_tariff(tariff)
        price_per_kwh = tariff.price_per_kwh // 2
        self.send(
            TariffAccept(
                price_per_kwh=price_per_kwh,
                from_energy_mwh=tariff.from_energy_mwh,
            )
        )


def _price_changes() -> list[dict[str, int]]:
    """Return prices that rise and fall every 40 s."""
    rows = [{"from_s": 0, "price_per_kwh": PRICE}]
    for number in range(1, 20):
        price_per_kwh = PRICE * (11 if number % 2 else 10) // 10
        rows.append({"from_s": START_S + 40 * number, "price_per_kwh": price_per_kwh})
    return rows


LIARS = (
    Liar(
        "does not answer a new tariff",
        VEHICLE,
        "Pays at the old price and does not accept the new one.",
        "stops with TARIFF_REFUSED at the energy where the new price begins",
        DELAY,
        again(RefusesTheTariff, prices=_price_changes()),
    ),
    Liar(
        "accepts another tariff",
        VEHICLE,
        "Accepts half of the new price.",
        "stops with BAD_FIELD",
        DELAY,
        again(ChangesTheTariff, prices=_price_changes()),
    ),
)
