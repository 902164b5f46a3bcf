"""A bench for the end-to-end tests: it runs a whole session between the real firmwares.

A test makes a Scenario and runs it with acts: each act waits for a condition, lets time pass or
changes something. After the acts the pole's exposure is checked.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from joulestream.boards.file_flash import FileFlash
from joulestream.device.payee_records import PayeeRecord, PayeeRecords
from joulestream.host_tools.bench.bench import Bench
from joulestream.host_tools.bench.plant import ChargingProfile, Plant
from joulestream.host_tools.bench.setup import BenchSetup
from joulestream.testkit.flash import mount
from joulestream.units import energy_from_power

FULL_POWER = ChargingProfile(taper_from_mwh=1 << 40, taper_to_mwh=1 << 41)
LIMIT_MS = 120_000

# A step of a test: a coroutine function of the scenario.
Act = Callable[["Scenario"], Awaitable[None]]


class Scenario:
    """A bench with both firmwares, and their configurations.

    Args:
        directory: a place for the files of the bench.
        pole, vehicle: changed fields of the configurations.
        certificate: changed fields of the certificate.
        bench: further arguments of Bench.
    """

    def __init__(
        self,
        directory: Path,
        pole: dict[str, Any] | None = None,
        vehicle: dict[str, Any] | None = None,
        certificate: dict[str, Any] | None = None,
        **bench: Any,
    ) -> None:
        self.setup = BenchSetup(directory)
        self.setup.write_certificate(**(certificate or {}))
        self.pole_config = self.setup.pole(**(pole or {}))
        # Without a reconnect the last reason stays in the status. A test can turn it on.
        self.vehicle_config = self.setup.vehicle(**({"reconnect_ms": 0} | (vehicle or {})))
        self.bench = Bench(
            directory,
            self.pole_config,
            self.vehicle_config,
            bench.pop("plant", None) or Plant(FULL_POWER),
            **bench,
        )

    @property
    def pole(self) -> dict[str, Any]:
        """Return the pole's last status."""
        return self.bench.pole.status

    @property
    def vehicle(self) -> dict[str, Any]:
        """Return the vehicle's last status."""
        return self.bench.vehicle.status

    def run(self, *acts: Act) -> "Scenario":
        """Start the bench, do each act in turn, check the exposure, and stop the bench."""

        async def play() -> None:
            await self.bench.start()
            try:
                for act in acts:
                    await act(self)
                self.check_exposure()
            finally:
                await self.bench.stop()

        asyncio.run(play())
        return self

    def record(self) -> PayeeRecord:
        """Return the channel's record in the pole's flash."""
        self.bench.pole.save_storage()
        board = FileFlash(str(self.setup.directory / "pole.flash"), 64, 4096)
        return PayeeRecords(mount(board), 64).load(self.setup.terms.channel_id())

    def check_exposure(self) -> None:
        """Check, by the plant's own count, that the unpaid amount is within its bound.

        The bound is the credit and the price of the energy that flows, at full power, until the
        pole has read its meter, its link has timed out and the contact is open.
        """
        config = self.pole_config
        lag_ms = (
            config["meter"].get("interval_ms", 200)
            + config.get("link_timeout_ms", 2_000)
            + self.bench.plant.contactor_delay_ms
            + 2 * self.bench.step_ms
        )
        lag_mwh = energy_from_power(config["max_power_w"] * 1_000, lag_ms)
        price = max(row["price_per_kwh"] for row in config["prices"])
        bound = config["credit"] + -(-lag_mwh * price // 1_000_000)
        record = self.record()
        unbilled_mwh = max(self.bench.plant.energy_mwh - record.energy_mwh, 0)
        due = record.amount_due + unbilled_mwh * price // 1_000_000
        assert due - record.amount <= bound, (due, record.amount, bound)


def until(condition: Callable[[Scenario], Any], limit_ms: int = LIMIT_MS) -> Act:
    """Return an act that runs the bench until `condition` holds, and fails after `limit_ms`."""

    async def act(scenario: Scenario) -> None:
        held = await scenario.bench.run(lambda: bool(condition(scenario)), limit_ms)
        assert held, (scenario.pole, scenario.vehicle)

    return act


def for_ms(duration_ms: int) -> Act:
    """Return an act that runs the bench for `duration_ms`."""

    async def act(scenario: Scenario) -> None:
        await scenario.bench.run(lambda: False, duration_ms)

    return act


def do(change: Callable[[Scenario], Any]) -> Act:
    """Return an act that calls `change` with the scenario; no time passes."""

    async def act(scenario: Scenario) -> None:
        change(scenario)

    return act


def charging(packets: int) -> Act:
    """Return an act that runs until `packets` are paid and the contactor is closed."""
    return until(lambda s: s.pole.get("packets", 0) >= packets and s.pole["charging"])


def stopped(scenario: Scenario) -> bool:
    """Return whether both sides have ended a session and give their reasons."""
    done = ("closed", "idle")
    return (
        bool(scenario.pole.get("last_stop") and scenario.vehicle.get("last_stop"))
        and scenario.pole["state"] in done
        and scenario.vehicle["state"] in done
    )
