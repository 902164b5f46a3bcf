"""The native module's code on the cores of boards: all vectors, under QEMU, without a system."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from joulestream.host_tools.build import bare
from joulestream.host_tools.build.shell import ToolchainError

VECTORS = Path(__file__).resolve().parent / "vectors"


def load(name):
    """Return the cases of a file of vectors."""
    cases = json.loads((VECTORS / name).read_text())["cases"]
    fields = ("public_key", "message", "signature")
    return [
        bare.Case(
            *(bytes.fromhex(case[field]) for field in fields),
            case.get("valid", True),
            bytes.fromhex(case.get("seed", "")),
        )
        for case in cases
    ]


CASES = load("ed25519_rfc8032.json") + load("ed25519_verify.json")
SIGNED = CASES[0]

pytestmark = pytest.mark.xdist_group("bare cores")


def run_cases(arch, cases):
    """Return the figures of a core; skip, loudly, where the program cannot be built or run."""
    try:
        return bare.run_cases(arch, cases)
    except ToolchainError as error:
        if "install" not in str(error) and "fetching" not in str(error):
            raise
        print(f"\n{arch} NOT TESTED: {error}", file=sys.__stderr__, flush=True)
        pytest.skip(f"bare core not tested: {error}")


@pytest.mark.parametrize("arch", bare.CORES)
def test_every_vector_and_edge_case(arch):
    printed = run_cases(arch, CASES)
    assert len(CASES) > 210 and printed["cases"] == len(CASES)
    assert printed["failures"] == 0
    if arch == "xtensawin":
        # The windows went to the stack and came back thousands of times, with the right result.
        assert printed["window_overflows"] > 100 * len(CASES)
        # Every product of the field took the module's own MULUH, which the handler stands for.
        assert printed["muluh"] > 1_000_000


@pytest.mark.parametrize("arch", bare.CORES)
def test_a_wrong_answer_shows(arch):
    """The program notices a signature of another message, and a seed that makes another key."""
    other = replace(SIGNED, message=SIGNED.message + b"\0")
    lie = replace(SIGNED, valid=False, seed=b"")
    wrong_seed = replace(SIGNED, seed=bytes(32))
    printed = run_cases(
        arch, [SIGNED, other, lie, wrong_seed, replace(other, valid=False, seed=b"")]
    )
    assert (printed["cases"], printed["failures"]) == (5, 3)
