"""The parts of docs/bill-of-materials.toml, and the tables that are made from it."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joulestream.host_tools.layout import ROOT

DATA = ROOT / "docs" / "bill-of-materials.toml"
_PREFIXES = {"p": 1e-12, "n": 1e-9, "µ": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6}


@dataclass(frozen=True)
class Part:
    """A part of the gate.

    Attributes:
        ref: its name in the drawings, such as R1.
        kind: its description.
        value: its value or type, for people.
        tolerance: of the value, as a fraction.
        cents: its price.
    """

    ref: str
    kind: str
    value: str
    tolerance: float
    cents: int

    @property
    def number(self) -> float:
        """The value in ohm or farad."""
        number, _, unit = self.value.partition(" ")
        return float(number) * _PREFIXES[unit[:-1]]


def load(path: Path = DATA) -> dict[str, list[dict[str, Any]]]:
    """Return the lists of the data file by name: gate, desk, pole."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def gate_parts() -> dict[str, Part]:
    """Return every part of the gate by its name in the drawings."""
    found: dict[str, Part] = {}
    for row in load()["gate"]:
        for ref in row["refs"]:
            if ref in found:
                raise ValueError(f"{DATA.name} has two parts {ref}")
            tolerance = row.get("tolerance", 0) / 100
            found[ref] = Part(ref, row["part"], row["value"], tolerance, row["cents"])
    return found


def gate_cents() -> int:
    """Return the price of all parts of one gate."""
    return sum(part.cents for part in gate_parts().values())


def euro(cents: int) -> str:
    """Return a price for people."""
    return f"{cents // 100}.{cents % 100:02}"


def gate_table() -> str:
    """Return the parts of the gate as a Markdown table."""
    rows = ["| parts | what | value | euro |", "| --- | --- | --- | --- |"]
    for row in load()["gate"]:
        tolerance = f", {row['tolerance']} %" if "tolerance" in row else ""
        price = euro(row["cents"] * len(row["refs"]))
        rows.append(
            f"| {', '.join(row['refs'])} | {row['part']} | {row['value']}{tolerance} | {price} |"
        )
    rows.append(f"| | **together** | | **{euro(gate_cents())}** |")
    return "\n".join(rows)


def cents_of(row: dict[str, Any]) -> int:
    """Return the price of a row of a list to buy."""
    each = gate_cents() if row["cents"] == "gate" else row["cents"]
    return int(row["count"]) * int(each)


def total_cents(name: str) -> int:
    """Return the sum of a list to buy."""
    return sum(cents_of(row) for row in load()[name])


def shopping_table(name: str) -> str:
    """Return a list to buy as a Markdown table."""
    rows = ["| number | part | for | euro |", "| --- | --- | --- | --- |"]
    for row in load()[name]:
        rows.append(f"| {row['count']} | {row['part']} | {row['for']} | {euro(cents_of(row))} |")
    rows.append(f"| | **together** | | **{euro(total_cents(name))}** |")
    return "\n".join(rows)
