"""Storing a claim on the emulated board, in rv32 instructions."""

import re

from joulestream.host_tools.benchmarks.on_board import run_on_board


def measure() -> dict[str, int]:
    """Return the instructions that storing one packet's claim takes, erasing left out."""
    found = dict(re.findall(r"(\w+) (\d+)", run_on_board("journal_bench")))
    return {"journal_append_rv32_instructions": int(found["journal_append"])}
