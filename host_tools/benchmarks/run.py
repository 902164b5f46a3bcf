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
from joulestream.host_tools.files import read_json, write_whole

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
    _take_over(directory, {PARTS[name].file for name in names})
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
        _write(directory / part.file, files[part.file])
        console.print(f"  {time.monotonic() - begun_s:.0f} s", highlight=False)
    for file, figures in files.items():
        console.print(TABLES[file](figures), markup=False, highlight=False, soft_wrap=True)
        faults += misses(file, figures)
    if faults:
        raise BenchmarkError("; ".join(faults))
    return files


def read_figures(path: Path) -> dict[str, Any]:
    """Return the figures in a file, none where there is no such file."""
    if not path.exists():
        return {}
    figures: dict[str, Any] = read_json(path)
    return figures


def _take_over(directory: Path, names: set[str]) -> None:
    """Mark a directory as one of figures. The mark is the file about the machine.

    Raises BenchmarkError if one of the files `names` is there without the mark.
    """
    marked = directory / MACHINE
    about = machine.describe()
    if marked.exists():
        written = read_json(marked)
        is_ours = isinstance(written, dict) and written.keys() == about.keys()
    else:
        is_ours = not any((directory / name).exists() for name in names)
    if not is_ours:
        raise BenchmarkError(
            f"{directory} holds files that no benchmark wrote; name another directory"
        )
    _write(marked, about)


def _write(path: Path, figures: dict[str, Any]) -> None:
    write_whole(path, (json.dumps(figures, indent=2) + "\n").encode())


def merge(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return the old figures with the new ones in their place, in each column too."""
    merged = dict(old)
    for name, value in new.items():
        is_column = isinstance(value, dict) and isinstance(old.get(name), dict)
        merged[name] = {**old[name], **value} if is_column else value
    return merged
