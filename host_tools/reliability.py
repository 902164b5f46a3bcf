"""What power cuts, noise, liars and long sessions lead to: `make bench`.

Power cuts at every operation of a flash, simulated sessions, scripted liars, fuzzing, an hour of
packets between two MicroPython processes, and the cost of storing a claim on the emulated board.
Writes build/bench/reliability.json, the tables in docs/reliability.md and that of the liars in
docs/security.md.
"""

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from joulestream.channel import CHANNEL_ID_SIZE
from joulestream.device import journal_keys
from joulestream.device.journal import Journal
from joulestream.device.payee_records import PayeeRecord
from joulestream.fields import size_of
from joulestream.host_tools import emulator
from joulestream.host_tools.adversaries import document, play_all
from joulestream.host_tools.bench.bench import Bench
from joulestream.host_tools.bench.firmware import AFTER_COLLECTION, FirmwareError
from joulestream.host_tools.bench.plant import ChargingProfile, Plant
from joulestream.host_tools.bench.setup import BenchSetup
from joulestream.host_tools.build import board, shell
from joulestream.host_tools.build.shell import ToolchainError, say
from joulestream.host_tools.documents import write_between_marks
from joulestream.host_tools.fuzz.run import MISSING, FuzzError, fuzz_all, is_available
from joulestream.host_tools.layout import BUILD, ROOT
from joulestream.host_tools.simulation.campaign import Totals, run_campaign

SUMMARY = BUILD / "bench" / "reliability.json"
DOCUMENT = ROOT / "docs" / "reliability.md"
_SESSIONS = 5_000
_POWER_CUTS = 10_000
_FUZZ_S = 60
_HOUR_MS = 3_600_000
_WARM_UP_MS = 600_000
_CAPACITY = 1 << 50
# The pole's flash: how many blocks there may be, and what a sector endures.
_CHANNELS = 64
_BLOCK_SIZE = 4_096
_BLOCKS = (64, 256, 512)
_ERASES = 100_000
_RATES = (1, 10, 50)
_YEAR_S = 365.25 * 86_400

# name: (what it is, what it must be)
_ROWS = {
    "power_cut_points": ("power cuts, one at each operation of a flash", "at least 10,000"),
    "power_cut_losses": ("of these, promises broken", "0"),
    "simulated_sessions": ("simulated sessions", "at least 5,000"),
    "simulated_packets": ("packets in them", "20 a session"),
    "invariant_violations": ("of these, promises broken", "0"),
    "adversaries": ("scripted liars", "at least 18"),
    "adversary_max_gain_packets": ("most that one gains, in packets", "1, or see security.md"),
    "fuzz_execs": ("inputs tried by the fuzzers", "-"),
    "fuzz_crashes": ("of these, crashes or broken invariants", "0"),
    "heap_packets": ("packets in the hour of packets", "-"),
    "heap_growth_bytes_per_hour": ("heap that the hour used up, bytes, the worse side", "0"),
    "journal_append_rv32_instructions": ("storing a claim, rv32 instructions", "-"),
}


def measure_power_cuts(points: int) -> dict[str, int]:
    """Return how often the power was cut, and how often something was lost by it."""
    jobs = os.cpu_count() or 1
    program = [sys.executable, "-m", "joulestream.host_tools.simulation.power_cuts"]

    def run(job: int) -> dict[str, Any]:
        command = [*program, str(1 + 100_000 * job), str(-(-points // jobs))]
        return json.loads(shell.run(command, "cutting the power"))

    with ThreadPoolExecutor(jobs) as pool:
        found = list(pool.map(run, range(jobs)))
    return {
        "power_cut_points": sum(part["points"] for part in found),
        "power_cut_losses": sum(len(part["failures"]) for part in found),
    }


def measure_simulation(sessions: int) -> dict[str, int]:
    """Return how many sessions and packets were simulated, and how many promises broken."""
    totals = run_campaign(Totals(), sessions)
    return {
        "simulated_sessions": totals.sessions,
        "simulated_packets": totals.packets,
        "invariant_violations": len(totals.failures),
    }


def measure_adversaries() -> dict[str, float]:
    """Return how many liars were played, and what the luckiest of them gained."""
    gains = [row["gain_packets"] for row in play_all()]
    return {"adversaries": len(gains), "adversary_max_gain_packets": round(max(gains), 2)}


def measure_fuzzing(seconds: int) -> dict[str, int]:
    """Return how many inputs the fuzzers tried, and how many broke an invariant."""
    if not is_available():
        say(MISSING)
        return {}
    found = fuzz_all(seconds).values()
    return {
        "fuzz_execs": sum(figures["execs"] for figures in found),
        "fuzz_crashes": sum(figures["crashes"] for figures in found),
    }


def measure_heap(hours: int) -> dict[str, int]:
    """Return how much more of its heap a firmware uses after hours of packets, in virtual time."""
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
    """Return the packets so far, and what of either heap is in use that is no garbage."""
    await bench.tick(AFTER_COLLECTION)
    if not bench.pole.status["charging"]:
        raise FirmwareError(f"the pole does not charge: {bench.pole.status['why']}")
    firmwares = (bench.pole, bench.vehicle)
    return bench.pole.status["packets"], [-side.status["heap_free_bytes"] for side in firmwares]


def measure_journal() -> dict[str, int]:
    """Return what storing a claim takes on the emulated board; nothing where there is none."""
    try:
        firmware, library = board.build(), board.build_library()
        directory = BUILD / "board-lib" / "journal"
        sources = [ROOT / "host_tools" / "rv32" / "journal_bench.py"]
        board.compile_tree(sources, directory)
        with emulator.EmulatedBoard(firmware, [library, directory]) as machine:
            text = machine.mpremote(
                "exec", "import sys; sys.path[:0] = ['/journal']; import journal_bench"
            )
    except ToolchainError as error:
        say(f"bench: the journal was not measured: {error}")
        return {}
    found = dict(re.findall(r"(\w+) (\d+)", text))
    return {"journal_append_rv32_instructions": int(found["journal_append"])}


def table(figures: dict[str, Any]) -> str:
    """Return the figures as a Markdown table."""
    lines = ["| figure | measured | must be |", "| --- | --- | --- |"]
    for name, (meaning, must) in _ROWS.items():
        if name in figures:
            lines.append(f"| {meaning} | {figures[name]:,} | {must} |")
    return "\n".join(lines)


def flash_life_table() -> str:
    """Return the years until a pole's flash is worn out, as a Markdown table."""
    lines = [
        "| the pole's journal | "
        + " | ".join(f"{rate} packets a second" for rate in _RATES)
        + " |",
        "| --- |" + " --- |" * len(_RATES),
    ]
    records_at = Journal.records_at(journal_keys.key_count(journal_keys.POLE, _CHANNELS))
    claim = Journal.record_size(1 + CHANNEL_ID_SIZE, size_of(PayeeRecord.LAYOUT))
    overhead = Journal.record_size(0, 0)
    live_bytes = journal_keys.live_bytes(journal_keys.POLE, _CHANNELS, overhead)
    capacity = _BLOCK_SIZE - records_at
    for blocks in _BLOCKS:
        # What still counts is moved once a round of the ring, and takes the place of new records.
        share = 1 - live_bytes / (blocks * capacity)
        packets = blocks * _ERASES * (capacity // claim) * share
        years = [packets / rate / _YEAR_S for rate in _RATES]
        cells = " | ".join(f"{value:.1f}" if value < 10 else f"{value:.0f}" for value in years)
        lines.append(f"| {blocks * _BLOCK_SIZE // 1024:,} KB, {_CHANNELS} channels | {cells} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and write everything; return 1 if something cannot be measured."""
    parser = argparse.ArgumentParser(
        prog="python -m joulestream.host_tools.reliability", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--heap-hours", type=int, help="only the heap, for so many hours")
    hours = parser.parse_args(arguments).heap_hours
    try:
        if hours:
            heap = measure_heap(hours)
            say(table(heap))
            return _exit_status(heap)
        figures: dict[str, Any] = {}
        for what, measure in (
            (f"{_POWER_CUTS:,} power cuts", lambda: measure_power_cuts(_POWER_CUTS)),
            (f"{_SESSIONS:,} simulated sessions", lambda: measure_simulation(_SESSIONS)),
            ("scripted liars", measure_adversaries),
            (f"{_FUZZ_S} s of fuzzing each target", lambda: measure_fuzzing(_FUZZ_S)),
            ("an hour of packets", lambda: measure_heap(1)),
            ("the journal on the emulated board", measure_journal),
        ):
            say(f"bench: {what}")
            figures.update(measure())
    except (
        ToolchainError,
        FirmwareError,
        FuzzError,
        subprocess.SubprocessError,
        OSError,
    ) as error:
        print(f"bench: reliability not measured: {error}", file=sys.stderr)
        return 1
    SUMMARY.parent.mkdir(parents=True, exist_ok=True)
    SUMMARY.write_text(json.dumps(figures, indent=2) + "\n")
    write_between_marks(DOCUMENT, table(figures))
    write_between_marks(DOCUMENT, flash_life_table(), "flash life")
    write_between_marks(document.DOCUMENT, document.table(), document.MARK)
    say(table(figures))
    return _exit_status(figures)


def _exit_status(figures: dict[str, Any]) -> int:
    """Return 1, and say why, if something is above 0 that must not be."""
    broken = [
        name for name, (_, must) in _ROWS.items() if must == "0" and figures.get(name, 0) > 0
    ]
    if broken:
        print(f"bench: must be 0: {', '.join(broken)}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
