"""`joulestream bench`: bytes, packets a second and exposure, measured between real firmwares."""

import asyncio
import json
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from joulestream.boards.file_flash import FileFlash
from joulestream.channel import Certificate, Claim
from joulestream.device import journal_keys
from joulestream.device.journal import Journal
from joulestream.device.payee_records import PayeeRecord, PayeeRecords
from joulestream.host_tools.bench.bench import Bench
from joulestream.host_tools.bench.firmware import ROOT
from joulestream.host_tools.bench.plant import ChargingProfile, Plant
from joulestream.host_tools.bench.setup import BenchSetup
from joulestream.host_tools.demo import Demo

DEFAULT_DIRECTORY = ROOT / "build" / "bench"
DOCUMENT = ROOT / "docs" / "benchmarks.md"

# Integers as they are in the field: past MicroPython's small ints on a 32-bit board.
_START_AMOUNT = (1 << 32) + 12_345
_START_ENERGY_MWH = (1 << 30) + 678
_CAPACITY = 1 << 50
_HEAP = "256k"
_PACKET_MWH = 3
_PRICE_PER_KWH = 320_000_000
_WARM_UP_MS = 2_000
_MEASURE_MS = 10_000
_LIMIT_MS = 20_000

_MUST = {
    "wire_bytes_per_packet": ("bytes on the wire per packet, both directions", "at most 110"),
    "packets_per_second": ("packets a second between two unix-port processes", "at least 300"),
    "max_unpaid": ("most unpaid at any time in the demo, µ€", "at most the bound below"),
    "unpaid_bound": ("bound of that, µ€", "-"),
}


def measure_throughput(directory: Path) -> dict[str, Any]:
    """Return packets a second and bytes a packet of a session that runs as fast as it can.

    Both firmwares run freely on the wall clock, each in a heap of 256 KB, meters included; the
    plant delivers more packets than they can trade.
    """
    setup = BenchSetup(directory)
    _age_channel(setup, setup.write_certificate(capacity=_CAPACITY))
    pole = setup.pole(
        packet_energy_mwh=_PACKET_MWH,
        credit=_PRICE_PER_KWH // 1_000,
        prices=[{"from_s": 0, "price_per_kwh": _PRICE_PER_KWH}],
    )
    vehicle = setup.vehicle(
        budget=_CAPACITY,
        prepay=_PRICE_PER_KWH // 1_000,
        max_price_per_kwh=_PRICE_PER_KWH,
        reconnect_ms=200,
    )
    endless = ChargingProfile(taper_from_mwh=1 << 40, taper_to_mwh=1 << 41)
    bench = Bench(directory, pole, vehicle, Plant(endless), heap=_HEAP, realtime=True)
    return asyncio.run(_throughput(bench))


async def _throughput(bench: Bench) -> dict[str, Any]:
    await bench.start()
    try:
        await bench.run(lambda: bench.pole.status.get("packets", 0) > 0, _LIMIT_MS)
        await bench.run(lambda: False, _WARM_UP_MS)
        before = _counts(bench)
        begun_s = time.monotonic()
        await bench.run(lambda: False, _MEASURE_MS)
        took_s = time.monotonic() - begun_s
        after = _counts(bench)
        status = bench.pole.status
    finally:
        await bench.stop()
    packets = after[0] - before[0]
    return {
        "packets_per_second": round(packets / took_s, 1),
        "wire_bytes_in_steady_state": round((after[1] - before[1]) / max(packets, 1), 2),
        "packets_measured": packets,
        "amount_at_end": status["paid"],
        "energy_at_end_mwh": _START_ENERGY_MWH + status["energy_mwh"],
        "retransmissions": status["retransmissions"],
        "heap": _HEAP,
    }


def _counts(bench: Bench) -> tuple[int, int]:
    sent = bench.pole.sent["link"] + bench.vehicle.sent["link"]
    return bench.pole.status["packets"], sent


def _age_channel(setup: BenchSetup, certificate: Certificate) -> None:
    """Give the pole a channel that was used a lot; the vehicle recovers it from the best claim."""
    flash = FileFlash(str(setup.directory / "pole.flash"), 64, 4096)
    record = PayeeRecord(
        amount=_START_AMOUNT,
        signature=setup.payer.sign(Claim(certificate.channel_id).message(_START_AMOUNT)),
        amount_due=_START_AMOUNT,
        remainder=0,
        energy_mwh=_START_ENERGY_MWH,
    )
    PayeeRecords(Journal(flash, journal_keys.key_count(journal_keys.POLE, 64)), 64).admit(
        certificate, record
    )


def run_benchmark(directory: Path, document: Path, as_json: bool) -> None:
    """Measure, print the table, write it to `document` and to summary.json in `directory`."""
    console = Console(file=sys.stderr if as_json else sys.stdout)
    quiet = Console(quiet=True)
    directory.mkdir(parents=True, exist_ok=True)
    console.print("bench: a session as fast as both firmwares can (15 s)")
    with tempfile.TemporaryDirectory() as temporary:
        figures = measure_throughput(Path(temporary))
    console.print("bench: the demo's session in virtual time (15 s)")
    demo = Demo(directory / "demo", realtime=False, console=quiet).run()
    for name in ("wire_bytes_per_packet", "max_unpaid", "max_prepaid", "credit", "unpaid_bound"):
        figures[name] = demo[name]
    figures["machine"] = f"{platform.machine()}, {platform.system()}"
    (directory / "summary.json").write_text(json.dumps(figures, indent=2) + "\n")
    document.write_text(_markdown(figures))
    if as_json:
        print(json.dumps(figures, indent=2))
        return
    table = Table("figure", "measured", "must be")
    for name, (meaning, must) in _MUST.items():
        table.add_row(meaning, str(figures[name]), must)
    console.print(table)


def _markdown(figures: dict[str, Any]) -> str:
    rows = "\n".join(
        f"| {meaning} | {figures[name]} | {must} |" for name, (meaning, must) in _MUST.items()
    )
    return f"""# Benchmarks

Written by `make bench`; do not edit. Measured on {figures["machine"]} with both firmwares as
MicroPython unix-port processes, each in a heap of {figures["heap"]}. Nothing here ran on a real
board. Packets a second depends on the machine; bytes and exposure do not.

| figure | measured | must be |
| --- | --- | --- |
{rows}

- Packets a second: {figures["packets_measured"]} packets in ten seconds of a running session, on
  the wall clock, meters polled as always, with amounts from {_START_AMOUNT} claim units (above
  2^32) and energy from {_START_ENERGY_MWH} mWh (above 2^30). In it, a packet took
  {figures["wire_bytes_in_steady_state"]} bytes.
- Bytes a packet, in the first row, are those of a whole session: greeting, tariff change,
  stop and receipt included.
- Exposure: `credit` is {figures["credit"]} µ€; the bound adds what maximum power delivers during
  meter interval, link timeout and contactor opening. Most prepaid: {figures["max_prepaid"]} µ€.
"""
