"""Writes the tables of the gate and of the parts to buy into docs/.

python -m joulestream.host_tools.hardware.gate_tables           writes them
python -m joulestream.host_tools.hardware.gate_tables --check   exit status 1 if one is out of date
"""

import sys
from pathlib import Path

from joulestream.host_tools.documents import write_between_marks
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
    before = {name: (folder / name).read_text(encoding="utf-8") for name in (GATE, MATERIALS)}
    write(folder)
    if words != ["--check"]:
        return 0
    old = [
        name
        for name, text in before.items()
        if (folder / name).read_text(encoding="utf-8") != text
    ]
    for name in old:
        (folder / name).write_text(before[name], encoding="utf-8")
    if old:
        print(f"{', '.join(old)} out of date: run {Path(__file__).name}", file=sys.stderr)
    return 1 if old else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
