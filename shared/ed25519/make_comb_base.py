"""Writes comb_base.h, the table of the base point for comb.c.

    python shared/ed25519/make_comb_base.py [--check]

With --check, the script writes nothing and fails if comb_base.h is out of date.

comb.c defines the entries. This script computes them in another way: with Python integers and the
affine addition law of RFC 8032, section 5.1. Sharing no code with C, the table is also a test.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

FILE = Path(__file__).resolve().parent / "comb_base.h"

# As COMB_COLUMNS, COMB_TEETH and COMB_COUNT in comb.c.
COLUMNS, TEETH, COMBS = 13, 5, 4

Point = tuple[int, int]

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
HALF = pow(2, -1, P)
BASE_Y = 4 * pow(5, -1, P) % P
BASE_X = 0x216936D3CD6E53FEC0A4E231FDD6DC5C692CC7609525A7B2C9562D608F25D51A


def add(a: Point, b: Point) -> Point:
    """Return the sum of two affine points (x, y)."""
    (x1, y1), (x2, y2) = a, b
    product = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, P)
    return x % P, y % P


def entries() -> Iterator[Point]:
    """Yield the points of both combs, in the order of the table."""
    teeth = []
    point = (BASE_X, BASE_Y)
    for _ in range(COMBS * TEETH):
        teeth.append(point)
        for _ in range(COLUMNS):
            point = add(point, point)
    for comb in range(COMBS):
        low = teeth[comb * TEETH : (comb + 1) * TEETH]
        top = low.pop()
        for number in range(1 << (TEETH - 1)):
            total = top
            for tooth, (x, y) in enumerate(low):
                total = add(total, (x, y) if number >> tooth & 1 else (-x % P, y))
            yield total


def words(number: int) -> str:
    """Return the C initialiser of a field element: its eight limbs of 32 bits."""
    limbs = ["0x%08x" % (number >> 32 * i & 0xFFFFFFFF) for i in range(8)]
    return "{" + ", ".join(limbs) + "}"


def make() -> str:
    """Return the text of comb_base.h."""
    lines = ["// Written by make_comb_base.py; do not edit. (y + x) / 2, (y - x) / 2, d x y."]
    for x, y in entries():
        lines.append("{" + words((y + x) * HALF % P) + ",")
        lines.append(" " + words((y - x) * HALF % P) + ",")
        lines.append(" " + words(D * x * y % P) + "},")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write or check comb_base.h; return the exit status."""
    parser = argparse.ArgumentParser(description="Writes comb_base.h, a table for comb.c.")
    parser.add_argument("--check", action="store_true", help="compare only, write nothing")
    text = make()
    if not parser.parse_args().check:
        FILE.write_text(text)
    elif not FILE.is_file() or FILE.read_text() != text:
        print(f"{FILE.name} is out of date: run {Path(__file__).name}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
