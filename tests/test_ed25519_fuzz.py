"""The C functions that every binding calls run under AddressSanitizer and UBSan.

The inputs are random bytes and the edge cases of the test vectors.
"""

import json
import subprocess
from pathlib import Path

import pytest

from joulestream.host_tools.build import sources

ROOT = Path(__file__).resolve().parents[1]
INPUTS = 10_000


@pytest.fixture(scope="module")
def fuzz(tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz") / "fuzz_binding"
    flags = "-std=gnu99 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all"
    directories = (ROOT / "shared" / "ed25519", sources.tree(sources.MONOCYPHER))
    include = [f"-I{directory}" for directory in directories]
    source = ROOT / "tests" / "native" / "fuzz_binding.c"
    subprocess.run(["gcc", *flags.split(), *include, str(source), "-o", str(path)], check=True)
    return path


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
