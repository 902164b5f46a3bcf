"""The field arithmetic of shared/ed25519 gives the results of Python's integers.

Every 256-bit integer is a legal operand. The operands here drive the carries to their extremes:
limbs of all ones, and values around multiples of p and of 2^256. The library is compiled with
UBSan and with safegcd.c's assertions on the bounds of its limbs. A failure of either ends the
process.
"""

import ctypes
import itertools
import random
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
P = 2**255 - 19
LIMBS = ctypes.c_uint32 * 8

# For secret numbers in constant time, for public ones in variable time.
INVERSIONS = ("invert", "invert_public")
LIMB_EXTREMES = (0, 1, 18, 19, 37, 38, 2**31 - 1, 2**31, 2**32 - 39, 2**32 - 2, 2**32 - 1)
AROUND = (0, P, 2 * P, 2**255, 2**256 - 2**32, 2**256 - 38)
RNG = random.Random(25519)
EXTREMES = sorted(
    {(at + offset) % 2**256 for at in AROUND for offset in range(-40, 41)}
    | {sum(RNG.choice(LIMB_EXTREMES) << 32 * i for i in range(8)) for _ in range(300)}
)


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    path = tmp_path_factory.mktemp("field") / "field.so"
    flags = "-std=c99 -O1 -Wall -Wextra -Wconversion -Wno-unused-function -Werror -shared -fPIC"
    sanitizer = "-fsanitize=undefined -fno-sanitize-recover=all"
    source = ROOT / "tests" / "native" / "field_probe.c"
    include = f"-I{ROOT / 'shared' / 'ed25519'}"
    subprocess.run(
        ["gcc", *flags.split(), *sanitizer.split(), include, str(source), "-o", str(path)],
        check=True,
    )
    library = ctypes.CDLL(str(path))

    def call(name, a, b=0, overlap=0):
        """Return the output of a function. It overlaps a (1), b (2) or neither of them (0)."""
        operands = [LIMBS(*(value >> 32 * i & 0xFFFFFFFF for i in range(8))) for value in (a, b)]
        out = (LIMBS(), *operands)[overlap]
        getattr(library, f"probe_{name}")(out, *operands)
        return sum(limb << 32 * i for i, limb in enumerate(out))

    return call


def test_two_operands(field):
    for a, b in itertools.chain(
        itertools.product(RNG.sample(EXTREMES, 90), repeat=2), zip(EXTREMES, reversed(EXTREMES))
    ):
        for overlap in range(3):
            assert field("mul", a, b, overlap) % P == a * b % P, (hex(a), hex(b))
            assert field("add", a, b, overlap) % P == (a + b) % P, (hex(a), hex(b))
            assert field("sub", a, b, overlap) % P == (a - b) % P, (hex(a), hex(b))
            assert field("sum", a, b, overlap) % P == (a + b) % P, (hex(a), hex(b))
            assert field("difference", a, b, overlap) % P == (a - b) % P, (hex(a), hex(b))


def test_one_operand(field):
    for a in EXTREMES:
        assert field("reduce", a) == a % P, hex(a)
        for overlap in range(2):
            assert field("square", a, overlap=overlap) % P == a * a % P, hex(a)
        for invert in INVERSIONS:
            assert field(invert, a) % P == pow(a, P - 2, P), hex(a)
        assert field("pow_p58", a) % P == pow(a, (P - 5) // 8, P), hex(a)


def test_random_operands(field):
    for _ in range(5000):
        a, b = RNG.randrange(2**256), RNG.randrange(2**256)
        assert field("mul", a, b) % P == a * b % P
        assert field("square", a) % P == a * a % P
        for invert in INVERSIONS:
            assert field(invert, a) * a % P == 1


def test_inversion_of_structured_numbers(field):
    """Sums of two powers of two cause long runs of even steps and of swaps."""
    for i in range(255):
        for j in (0, i // 2):
            a = (1 << i) + (1 << j)
            for invert in INVERSIONS:
                assert field(invert, a) * a % P == 1, (i, j)
                assert field(invert, P - a) * (P - a) % P == 1, (i, j)


def test_the_base_points_table_is_up_to_date():
    script = ROOT / "shared" / "ed25519" / "make_comb_base.py"
    assert subprocess.run([sys.executable, str(script), "--check"]).returncode == 0
