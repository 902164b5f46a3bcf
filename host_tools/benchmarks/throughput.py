"""Packets a second and bytes a packet of two firmwares that run as fast as they can."""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from joulestream.boards.file_flash import FileFlash
from joulestream.channel import Certificate, Claim
from joulestream.device import journal_keys
from joulestream.device.payee_records import PayeeRecord, PayeeRecords
from joulestream.host_tools.bench.bench import Bench
from joulestream.host_tools.bench.plant import ChargingProfile, Plant
from joulestream.host_tools.bench.setup import BenchSetup
from joulestream.testkit.flash import mount

# Integers as they are in the field: past MicroPython's small ints on a 32-bit board.
_START_AMOUNT = (1 << 32) + 12_345
_START_ENERGY_MWH = (1 << 30) + 678
_CAPACITY = 1 << 50
_HEAP = "336k"
# A packet holds what flows between two readings, and a smaller one would wait for the budget of
# unpaid writes. So the meter sets the pace, not the firmware.
_METER = {
    "model": "sdm120",
    "step_mwh": 1,
    "refresh_ms": 0,
    "interval_ms": 20,
    "baud": 1_000_000,
    "turnaround_ms": 5,
}
_PACKET_MWH = 128
_PRICE_PER_KWH = 320_000_000
_WARM_UP_MS = 2_000
_MEASURE_MS = 10_000
_LIMIT_MS = 20_000


def measure() -> dict[str, Any]:
    """Return packets a second and bytes a packet of a session that runs as fast as it can.

    Both firmwares run freely on the wall clock, each in a heap of 336 KB, meters included. The
    plant delivers more packets than they can trade.
    """
    with tempfile.TemporaryDirectory(prefix="joulestream-throughput-") as directory:
        return asyncio.run(_throughput(_make_bench(Path(directory))))


def _make_bench(directory: Path) -> Bench:
    setup = BenchSetup(directory)
    _age_channel(setup, setup.write_certificate(capacity=_CAPACITY))
    pole = setup.pole(
        meter=_METER,
        packet_energy_mwh=_PACKET_MWH,
        credit=_PRICE_PER_KWH // 1_000,
        prices=[{"from_s": 0, "price_per_kwh": _PRICE_PER_KWH}],
    )
    vehicle = setup.vehicle(
        meter=_METER,
        budget=_CAPACITY,
        prepay=2 * _PRICE_PER_KWH // 1_000,
        max_price_per_kwh=_PRICE_PER_KWH,
        reconnect_ms=200,
    )
    endless = ChargingProfile(taper_from_mwh=1 << 40, taper_to_mwh=1 << 41)
    return Bench(directory, pole, vehicle, Plant(endless), heap=_HEAP, realtime=True)


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
        "amount_at_start": _START_AMOUNT,
        "energy_at_start_mwh": _START_ENERGY_MWH,
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
    PayeeRecords(mount(flash, journal_keys.key_count(journal_keys.POLE, 64)), 64).admit(
        certificate, record
    )
