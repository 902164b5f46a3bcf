"""Hours of packets in virtual time, and the heap that they use up in either firmware."""

import asyncio
import tempfile
from pathlib import Path

from joulestream.host_tools.bench.bench import Bench
from joulestream.host_tools.bench.firmware import AFTER_COLLECTION, FirmwareError
from joulestream.host_tools.bench.plant import ChargingProfile, Plant
from joulestream.host_tools.bench.setup import BenchSetup

_HOUR_MS = 3_600_000
_WARM_UP_MS = 600_000
_CAPACITY = 1 << 50


def measure(hours: int = 1) -> dict[str, int]:
    """Return the packets of so many hours, and the heap that an hour used up, in bytes."""
    with tempfile.TemporaryDirectory(prefix="joulestream-heap-") as directory:
        return asyncio.run(_measure_heap(Path(directory), hours))


async def _measure_heap(directory: Path, hours: int) -> dict[str, int]:
    setup = BenchSetup(directory)
    setup.write_certificate(capacity=_CAPACITY)
    endless = ChargingProfile(taper_from_mwh=1 << 40, taper_to_mwh=1 << 41)
    vehicle = setup.vehicle(budget=_CAPACITY, energy_wanted_mwh=(1 << 48) - 1)
    bench = Bench(directory, setup.pole(), vehicle, Plant(endless))
    await bench.start()
    try:
        await bench.run(lambda: False, _WARM_UP_MS, sample_ms=10_000)
        packets, before = await _heap(bench)
        await bench.run(lambda: False, hours * _HOUR_MS, sample_ms=10_000)
        packets, after = (await _heap(bench))[0] - packets, (await _heap(bench))[1]
    finally:
        await bench.stop()
    growth = max(late - early for early, late in zip(before, after, strict=True))
    return {"heap_packets": packets, "heap_growth_bytes_per_hour": growth // hours}


async def _heap(bench: Bench) -> tuple[int, list[int]]:
    """Return the packets so far, and the bytes that each heap holds after a collection."""
    await bench.tick(AFTER_COLLECTION)
    if not bench.pole.status["charging"]:
        raise FirmwareError(f"the pole does not charge: {bench.pole.status['why']}")
    firmwares = (bench.pole, bench.vehicle)
    return bench.pole.status["packets"], [-side.status["heap_free_bytes"] for side in firmwares]
