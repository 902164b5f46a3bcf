"""The C functions that every binding calls run under AddressSanitizer and UBSan.

The inputs are random bytes and the edge cases of the test vectors.
"""

import json
import subprocess
from pathlib import Path

import pytest

from ed25519_cases import CASES
from joulestream.host_tools.build import shell, sources
from joulestream.host_tools.layout import BUILD

ROOT = Path(__file__).resolve().parents[1]
INPUTS = CASES // 4

# One pytest worker builds the program, for all tests.
pytestmark = pytest.mark.xdist_group("sanitizers")


@pytest.fixture(scope="module")
def fuzz():
    directory = BUILD / "native" / "sanitizers"
    directory.mkdir(parents=True, exist_ok=True)
    rules = ROOT / "tests" / "native" / "fuzz_binding.mk"
    monocypher = f"MONOCYPHER_DIR={sources.tree(sources.MONOCYPHER)}"
    shell.run(["make", "-s", "-C", str(directory), "-f", str(rules), monocypher], "building")
    return directory / "fuzz_binding"


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_random_inputs(fuzz):
    run(fuzz, "--random", 1, INPUTS)


def test_edge_cases_as_inputs(fuzz, tmp_path):
    cases = json.loads((ROOT / "tests" / "vectors" / "ed25519_verify.json").read_text())["cases"]
    paths = []
    for number, case in enumerate(cases):
        path = tmp_path / str(number)
        parts = [bytes.fromhex(case[key]) for key in ("public_key", "signature", "message")]
        path.write_bytes(b"\0" + b"".join(parts))
        paths.append(path)
    run(fuzz, *paths)
