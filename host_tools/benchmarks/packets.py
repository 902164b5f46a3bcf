"""Instructions and heap of a packet at each side and of a meter reading, on the emulated board."""

import re
from collections.abc import Iterable, Sequence

from joulestream.host_tools.benchmarks.on_board import run_on_board

# Where an object lies in the heap moves an instruction count by up to 3 %. Each run therefore
# keeps other buffers, of these sizes in bytes, and the figures are means over the runs.
HEAP_OFFSETS = ((), (1_040,), (48, 4_112), (272, 528, 9_008))


def measure() -> dict[str, dict[str, int]]:
    """Return instructions and bytes of a packet at each side, and of a meter reading."""
    return {"rv32": mean(_run(kept) for kept in HEAP_OFFSETS)}


def _run(kept: Sequence[int]) -> str:
    """Return the output of both programs in a run with these buffers kept."""
    return run_on_board("packet_bench", "import reading_bench", kept)


def mean(texts: Iterable[str]) -> dict[str, int]:
    """Return the means of the figures that the programs printed in several runs."""
    runs = [{key: int(value) for key, value in re.findall(r"(\w+) (\d+)", text)} for text in texts]
    figures = {name: sum(run[name] for run in runs) // len(runs) for name in runs[0]}
    figures["alloc_per_packet"] = max(figures["pole_alloc"], figures["vehicle_alloc"])
    return figures
