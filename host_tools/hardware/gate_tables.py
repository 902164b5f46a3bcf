"""Writes the tables of the gate and of the parts to buy into docs/.

python -m joulestream.host_tools.hardware.gate_tables           writes them
python -m joulestream.host_tools.hardware.gate_tables --check   exit status 1 if one is out of date
"""

import sys
from pathlib import Path

from joulestream.host_tools.documents import keep_written, write_between_marks
from joulestream.host_tools.hardware import gate_circuit, materials
from joulestream.host_tools.layout import ROOT

DOCS = ROOT / "docs"
GATE = "gate.md"
MATERIALS = "bill-of-materials.md"


def write(folder: Path = DOCS) -> list[Path]:
    """Write all tables into the documents of a folder; return these."""
    write_between_marks(folder / GATE, gate_circuit.table(), "gate-figures")
    write_between_marks(folder / GATE, materials.gate_table(), "gate-parts")
    for name in ("desk", "pole"):
        write_between_marks(folder / MATERIALS, materials.shopping_table(name), name)
    return [folder / GATE, folder / MATERIALS]


def main(words: list[str], folder: Path = DOCS) -> int:
    """Write or check the tables; return the exit status."""
    pages = [folder / GATE, folder / MATERIALS]
    return keep_written(pages, lambda: write(folder), words, Path(__file__).name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
