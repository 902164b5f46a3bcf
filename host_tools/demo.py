"""The main job: open a channel, charge for money packet by packet, settle, show it."""

import asyncio
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from joulestream.channel import Terms
from joulestream.host_tools.bench.bench import Bench
from joulestream.host_tools.bench.plant import Plant
from joulestream.host_tools.bench.plot import plot
from joulestream.host_tools.bench.recording import Recording
from joulestream.host_tools.bench.setup import (
    ASSET,
    DAY_S,
    HOUR_S,
    PACKET_MWH,
    START_S,
    BenchSetup,
)
from joulestream.host_tools.collect import collect, mark_collected
from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.ledger import book
from joulestream.host_tools.ledger.ledger import Ledger
from joulestream.host_tools.ledger.requests import CLOSE_BY_PAYEE, close_request
from joulestream.host_tools.ledger.settlement_ledger import SqlSettlementLedger
from joulestream.host_tools.own_files import own_files
from joulestream.host_tools.settlement import certify_collected, settle
from joulestream.units import MWH_PER_KWH, energy_from_power

_DAY_PRICE_PER_KWH = 320_000
_NIGHT_PRICE_PER_KWH = 260_000
_NIGHT_FROM_S = START_S + 360
_DEPOSIT = 1_000_000
_BUDGET = 650_000
_EXPECTED_MWH = {"unix": 2_250_000, "pico": 20_000}
_LINE_EVERY_MWH = 500_000
_LIMIT_MS = 30 * 60 * 1_000
_WINDOW_S = 7 * DAY_S
# An emulated Pico starts slowly, and its journal must not be younger than the certificate.
_CERTIFIED_S = {"unix": START_S, "pico": START_S + 6}
# All files that a demo makes.
_FILES = (
    "pole-pico.bin",
    *(
        f"{role}.{ending}"
        for role in ("pole", "vehicle")
        for ending in ("seed", "device", "json", "log", "flash", "flash.joulestream-new")
    ),
    "channel.cert",
    "ledger.sqlite",
    "ledger.sqlite-journal",
    "summary.json",
    "session.png",
)


class ProgressDisplay:
    """Shows a charging session as it goes: live on a terminal, else a line now and then."""

    def __init__(self, console: Console, expected_mwh: int) -> None:
        self._console = console
        self._next_line_mwh = 0
        self.progress = Progress(
            TextColumn("[bold]charging[/]"),
            BarColumn(bar_width=16),
            TextColumn("{task.fields[figures]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self.progress.add_task("", total=expected_mwh, figures="")

    def show(self, status: dict[str, Any]) -> None:
        """Show the pole's `status`."""
        energy_mwh = status["energy_mwh"]
        figures = (
            f"{energy_mwh / 1e6:5.3f} kWh, {status['packets']} packets, "
            f"paid {_euro(status['paid'])}, unpaid {status['unpaid']} µ€"
        )
        self.progress.update(self._task, completed=energy_mwh, figures=figures)
        if not self._console.is_terminal and energy_mwh >= self._next_line_mwh:
            self._next_line_mwh += _LINE_EVERY_MWH
            self._console.print(f"charging: {figures}", highlight=False, soft_wrap=True)


@dataclass
class Demo:
    """One run.

    Args:
        directory: where its files go.
        realtime: whether it runs on the wall clock.
        console: where people are told of it.
        board: the pole's, "unix" or "pico". An emulated Pico charges 20 Wh, not the whole budget.
    """

    directory: Path
    realtime: bool
    console: Console
    board: str = "unix"

    def run(self) -> dict[str, Any]:
        """Run it all; return the summary that is also written to summary.json.

        Raises CommandError or OSError; then no file of this run is left.
        """
        with own_files(self.directory, _FILES):
            receipt, summary = self._run()
        self._show(receipt, summary)
        return summary

    def _run(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Make all files; return the pole's receipt and the summary."""
        setup = BenchSetup(self.directory)
        with Ledger.create(self.directory / "ledger.sqlite", 1, setup.issuer.signer) as ledger:
            setup.terms = self._open_channel(ledger, setup)
            credit = 3 * _DAY_PRICE_PER_KWH * PACKET_MWH // MWH_PER_KWH
            pole = setup.pole(
                credit=credit,
                prices=[
                    {"from_s": 0, "price_per_kwh": _DAY_PRICE_PER_KWH},
                    {"from_s": _NIGHT_FROM_S, "price_per_kwh": _NIGHT_PRICE_PER_KWH},
                ],
            )
            vehicle = setup.vehicle(
                budget=_BUDGET,
                # A new channel has no credit: it prepays all that flows while packets are paid.
                prepay=3 * _DAY_PRICE_PER_KWH * PACKET_MWH // MWH_PER_KWH,
                reconnect_ms=500,
                **({"energy_wanted_mwh": _EXPECTED_MWH["pico"]} if self.board == "pico" else {}),
            )
            picos = {"pole": None} if self.board == "pico" else {}
            bench = Bench(
                self.directory, pole, vehicle, Plant(), realtime=self.realtime, picos=picos
            )
            recording = Recording()
            begun_s = time.monotonic()
            asyncio.run(self._charge(bench, recording))
            took_s = time.monotonic() - begun_s
            self._settle(ledger, setup, bench)
            summary = self._summary(ledger, bench, pole, took_s)
        text = json.dumps(summary, indent=2) + "\n"
        (self.directory / "summary.json").write_bytes(text.encode())
        plot(
            recording,
            self.directory / "session.png",
            summary["credit"],
            summary["contactor_opened_because"],
        )
        return bench.pole.status["receipt"], summary

    def _open_channel(self, ledger: Ledger, setup: BenchSetup) -> Terms:
        """Open accounts and the channel; leave its certificate where the vehicle looks."""
        euro = book.asset_id(ASSET)
        vehicle = ledger.create_account("vehicle", euro, _DEPOSIT, START_S)
        pole = ledger.create_account("pole", euro, 0, START_S)
        terms = ledger.terms(
            setup.payer.public_key, vehicle.id, setup.payee.public_key, pole.id, euro, _WINDOW_S
        )
        channel_id = ledger.open_channel(terms, _DEPOSIT, START_S).terms.channel_id()
        certificate = ledger.issue_certificate(channel_id, _CERTIFIED_S[self.board], HOUR_S)
        setup.certificate_path.write_bytes(certificate.to_bytes())
        self.console.print(
            f"Channel [bold]{channel_id.hex()[:16]}…[/] opened with {_euro(_DEPOSIT)}; "
            f"the vehicle's budget is {_euro(_BUDGET)}",
            soft_wrap=True,
        )
        return terms

    async def _charge(self, bench: Bench, recording: Recording) -> None:
        display = ProgressDisplay(self.console, _EXPECTED_MWH[self.board])

        def sample() -> None:
            recording.sample(bench)
            if "paid" in bench.pole.status:
                display.show(bench.pole.status)

        await bench.start()
        try:
            with display.progress:
                done = await bench.run(lambda: _is_over(bench), _LIMIT_MS, sample)
        finally:
            await bench.stop()
        if not done:
            raise DemoError("the session did not end in 30 minutes of its own time")

    def _settle(self, ledger: Ledger, setup: BenchSetup, bench: Bench) -> None:
        """Claim the last signed balance, tell the pole, then let it close the channel."""
        now_s = bench.time_s
        claims = collect(self.directory / "pole.flash")
        on_ledger = SqlSettlementLedger(ledger)
        settled = settle(claims, [on_ledger], now_s)
        signer = setup.issuer.signer
        mark_collected(
            self.directory / "pole.flash",
            certify_collected(claims, settled, on_ledger, signer, now_s),
        )
        request = close_request(setup.terms, CLOSE_BY_PAYEE, now_s)
        signature = setup.payee.sign(request.signed_bytes())
        channel_id = setup.terms.channel_id()
        ledger.close_channel(channel_id, CLOSE_BY_PAYEE, now_s, signature, now_s)

    def _summary(
        self, ledger: Ledger, bench: Bench, pole: dict[str, Any], took_s: float
    ) -> dict[str, Any]:
        status = bench.pole.status
        lag_ms = pole["meter"].get("interval_ms", 200) + 2_000 + bench.plant.contactor_delay_ms
        lag_mwh = energy_from_power(pole["max_power_w"] * 1_000, lag_ms)
        wire_bytes = bench.pole.sent["link"] + bench.vehicle.sent["link"]
        return {
            "energy_mwh": status["energy_mwh"],
            "packets": status["packets"],
            "paid": status["paid"],
            "max_unpaid": status["max_unpaid"],
            "max_prepaid": status["max_prepaid"],
            "credit": pole["credit"],
            "unpaid_bound": pole["credit"] + lag_mwh * _DAY_PRICE_PER_KWH // MWH_PER_KWH,
            "contactor_opened_because": status["last_stop"],
            "wire_bytes_per_packet": round(wire_bytes / status["packets"], 2),
            "packets_per_second": round(status["packets"] / took_s, 1),
            "session_s": round(bench.elapsed_ms / 1e3, 1),
            "plant_energy_mwh": bench.plant.energy_mwh,
            "ledger_pole": ledger.account("pole").balance_base_units,
            "ledger_vehicle": ledger.account("vehicle").balance_base_units,
            "deposit": _DEPOSIT,
        }

    def _show(self, receipt: dict[str, Any], summary: dict[str, Any]) -> None:
        rows = {
            "The contactor opened because": summary["contactor_opened_because"],
            "Energy": f"{(receipt['energy_mwh'] - receipt['start_energy_mwh']) / 1e6:.3f} kWh",
            "Packets": f"{summary['packets']}, {summary['wire_bytes_per_packet']} bytes each",
            "Due": _euro(receipt["amount_due"]),
            "Paid": _euro(receipt["amount_paid"]),
            "Most unpaid at any time": f"{_euro(summary['max_unpaid'])} of "
            f"{_euro(summary['credit'])} credit",
            "Session": f"{receipt['ended_s'] - receipt['started_s']} s, "
            f"{summary['packets_per_second']} packets a second on this machine",
        }
        table = Table("Receipt, signed by the pole", "", title_justify="left")
        for name, value in rows.items():
            table.add_row(name, str(value))
        self.console.print(table)
        balances = Table("Ledger, after settlement", "", title_justify="left")
        balances.add_row("Pole", _euro(summary["ledger_pole"]))
        balances.add_row("Vehicle", _euro(summary["ledger_vehicle"]))
        balances.add_row("Together, as deposited", _euro(summary["deposit"]))
        self.console.print(balances)
        for name in ("summary.json", "session.png"):
            self.console.print(f"{_shown(self.directory / name)}", highlight=False)


class DemoError(CommandError):
    """The demo could not be completed: one sentence."""


def _is_over(bench: Bench) -> bool:
    pole, vehicle = bench.pole.status, bench.vehicle.status
    return bool(pole.get("receipt") and vehicle.get("receipt") and pole["state"] == "closed")


def _euro(units: int) -> str:
    return f"{units / 1e6:.6f} €"


def _shown(path: Path) -> Path:
    """Return `path` as a person would type it from here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
