"""Samples of one bench run over time, for the plot and the figures."""

from dataclasses import dataclass, field
from typing import Any

from joulestream.host_tools.bench.bench import Bench


@dataclass
class Recording:
    """One list for each quantity, all of the same length. Money is in claim units."""

    time_s: list[float] = field(default_factory=list)
    power_w: list[float] = field(default_factory=list)
    energy_wh: list[float] = field(default_factory=list)
    price_per_kwh: list[int] = field(default_factory=list)
    paid: list[int] = field(default_factory=list)
    unpaid: list[int] = field(default_factory=list)

    def sample(self, bench: Bench) -> None:
        """Add the present figures of the plant and of the pole's status.

        Before the first session the status has no figures of money: nothing is added.
        """
        status: dict[str, Any] = bench.pole.status
        if "paid" not in status:
            return
        self.time_s.append(bench.elapsed_ms / 1e3)
        self.power_w.append(bench.plant.power_mw / 1e3)
        self.energy_wh.append(status["energy_mwh"] / 1e3)
        self.price_per_kwh.append(status["price_per_kwh"])
        self.paid.append(status["paid"])
        self.unpaid.append(status["unpaid"])
