"""The native module's code on the cores of boards: all vectors, under QEMU, without a system."""

import json
import sys
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
FLAGS = b"\0\1"


@pytest.fixture(scope="module", params=bare.CORES)
def figures(request):
    """What the program printed on a core; skip, loudly, where it cannot be built or run."""
    try:
        return request.param, bare.run_cases(request.param, CASES)
    except ToolchainError as error:
        if "install" not in str(error):
            raise
        print(f"\n{request.param} NOT TESTED: {error}", file=sys.__stderr__, flush=True)
        pytest.skip(f"bare core not tested: {error}")


def test_every_vector_and_edge_case(figures):
    _, printed = figures
    assert printed["cases"] == len(CASES) > 210
    assert printed["failures"] == 0
