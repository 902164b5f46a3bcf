"""Writes comb_base.h: the table of the base point for comb.c.

    python shared/ed25519/make_comb_base.py [--check]

--check writes nothing and fails if the file is not what this script makes. Plain integers and the
affine addition law of RFC 8032, section 5.1.4; comb.c says what the entries are.
"""

import argparse
import sys
from pathlib import Path

FILE = Path(__file__).resolve().parent / "comb_base.h"

COLUMNS, TEETH, COMBS = 22, 6, 2

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
BASE_Y = 4 * pow(5, -1, P) % P
BASE_X = 0x216936D3CD6E53FEC0A4E231FDD6DC5C692CC7609525A7B2C9562D608F25D51A


def add(a, b):
    """Return the sum of two affine points (x, y)."""
    (x1, y1), (x2, y2) = a, b
    product = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, P)
    return x % P, y % P


def entries():
    """Yield the points of both combs in their order."""
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


def words(number):
    """Return an element of the field as the C initialiser of its eight limbs."""
    limbs = ["0x%08x" % (number >> 32 * i & 0xFFFFFFFF) for i in range(8)]
    return "{" + ", ".join(limbs) + "}"


def make():
    """Return the text of the file."""
    lines = ["// Written by make_comb_base.py; do not edit. y + x, y - x, 2 d x y of each point."]
    for x, y in entries():
        lines.append("{" + words((y + x) % P) + ",")
        lines.append(" " + words((y - x) % P) + ",")
        lines.append(" " + words(2 * D * x * y % P) + "},")
    return "\n".join(lines) + "\n"


def main():
    """Write or check the file; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
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
