"""Writes the tables of the figures into docs/, and the machine's name beside them."""

from collections.abc import Callable
from pathlib import Path

from joulestream.host_tools import troubleshooting
from joulestream.host_tools.adversaries import document as liars
from joulestream.host_tools.benchmarks import (
    BOARDS,
    ED25519,
    MODULES,
    RELIABILITY,
    SIZE,
    SUMMARY,
    machine,
)
from joulestream.host_tools.benchmarks.run import MACHINE, BenchmarkError, read_figures
from joulestream.host_tools.benchmarks.tables import TABLES, fit_table, flash_life_table
from joulestream.host_tools.board_bench import document as checks
from joulestream.host_tools.documents import write_between_marks
from joulestream.host_tools.hardware import gate_tables, wiring
from joulestream.host_tools.hazards import document as charger_states
from joulestream.host_tools.layout import ROOT

# file of build/bench: (page of docs/, name of the mark in it)
_PLACES = {
    SUMMARY: ("benchmarks.md", ""),
    SIZE: ("benchmarks.md", "size"),
    ED25519: ("ed25519.md", ""),
    MODULES: ("ed25519.md", "modules"),
    RELIABILITY: ("reliability.md", ""),
    BOARDS: ("benchmarks.md", "boards"),
}
# page of docs/: writes the tables that come from the source, and from no figures
_TABLES_OF_SOURCES: dict[str, Callable[[Path], None]] = {
    "bench.md": checks.write,
    "charging.md": charger_states.write,
    "hardware.md": wiring.write,
    "security.md": liars.write,
    "troubleshooting.md": troubleshooting.write,
}


def write_documents(directory: Path, docs: Path = ROOT / "docs") -> list[Path]:
    """Write the tables of the figures in `directory` into the pages in `docs`.

    Returns:
        The pages that were written.

    Raises:
        BenchmarkError: a file of figures is missing.
    """
    missing = [name for name in (*_PLACES, MACHINE) if not (directory / name).is_file()]
    if missing:
        raise BenchmarkError(
            f"{directory} has no {', '.join(missing)}: run `make bench` to measure them"
        )
    measured_on = machine.sentence(read_figures(directory / MACHINE))
    for file, (page, mark) in _PLACES.items():
        text = TABLES[file](read_figures(directory / file))
        write_between_marks(docs / page, f"{text}\n\n{measured_on}", mark)
    boards = read_figures(directory / BOARDS)
    write_between_marks(docs / "hardware.md", f"{fit_table(boards)}\n\n{measured_on}", "fit")
    write_between_marks(docs / "reliability.md", flash_life_table(), "flash life")
    for name, write in _TABLES_OF_SOURCES.items():
        write(docs / name)
    pages = {*(page for page, _ in _PLACES.values()), *_TABLES_OF_SOURCES}
    return sorted({docs / page for page in pages} | {*gate_tables.write(docs)})
