"""Runs parts of the benchmark and keeps their figures in files."""

import json
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console

from joulestream.host_tools.benchmarks import PARTS, machine
from joulestream.host_tools.benchmarks.tables import TABLES, misses
from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.files import write_whole

MACHINE = "machine.json"


class BenchmarkError(CommandError):
    """A part cannot be measured, or a figure breaks its limit: one sentence."""


def run_parts(
    names: Sequence[str], directory: Path, console: Console, heap_hours: int = 1
) -> dict[str, Any]:
    """Measure parts, keep their figures in `directory`, and print them as tables.

    A part that cannot be measured keeps its old figures, and the others are measured.

    Args:
        names: names of PARTS.
        directory: where the files of figures are.
        console: for progress and tables.
        heap_hours: hours of packets for the part `heap`.

    Returns:
        The figures of each file that a part changed, by the file's name.

    Raises:
        BenchmarkError: parts could not be measured, or figures break their limits.
    """
    directory.mkdir(parents=True, exist_ok=True)
    files: dict[str, Any] = {}
    faults: list[str] = []
    for number, name in enumerate(names, 1):
        part = PARTS[name]
        console.print(f"{number} of {len(names)}, {name}: {part.about}", highlight=False)
        begun_s = time.monotonic()
        measure = import_module(part.module).measure
        try:
            figures = measure(heap_hours) if name == "heap" else measure()
        except (CommandError, OSError) as error:
            faults.append(f"{name} was not measured: {error}")
            console.print(f"  {faults[-1]}", markup=False, highlight=False)
            continue
        files[part.file] = merge(read_figures(directory / part.file), figures)
        write_whole(directory / part.file, json.dumps(files[part.file], indent=2) + "\n")
        console.print(f"  {time.monotonic() - begun_s:.0f} s", highlight=False)
    write_whole(directory / MACHINE, json.dumps(machine.describe(), indent=2) + "\n")
    for file, figures in files.items():
        console.print(TABLES[file](figures), markup=False, highlight=False, soft_wrap=True)
        faults += misses(file, figures)
    if faults:
        raise BenchmarkError("; ".join(faults))
    return files


def read_figures(path: Path) -> dict[str, Any]:
    """Return the figures in a file, none where there is no such file."""
    return json.loads(path.read_text()) if path.is_file() else {}


def merge(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return the old figures with the new ones in their place, in each column too."""
    merged = dict(old)
    for name, value in new.items():
        is_column = isinstance(value, dict) and isinstance(old.get(name), dict)
        merged[name] = {**old[name], **value} if is_column else value
    return merged
