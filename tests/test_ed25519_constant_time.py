"""Signing takes constant time: valgrind finds no branch or address that depends on the seed."""

import shutil
import subprocess
from pathlib import Path

import pytest

from joulestream.host_tools.build import shell, sources

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module", params=["-O2", "-Os"])
def program(request, tmp_path_factory):
    try:
        shell.require_tools({"valgrind": "valgrind libc6-dbg"})
    except shell.ToolchainError as error:
        pytest.skip(f"constant time not checked: {error}")
    path = tmp_path_factory.mktemp("constant_time") / "constant_time"
    directories = (ROOT / "shared" / "ed25519", sources.tree(sources.MONOCYPHER))
    include = [f"-I{directory}" for directory in directories]
    source = ROOT / "tests" / "native" / "constant_time.c"
    compiler = ["gcc", "-std=gnu99", "-g", request.param, *include]
    subprocess.run([*compiler, str(source), "-o", str(path)], check=True)
    return path


def valgrind(*command):
    assert shutil.which("valgrind")
    return subprocess.run(
        ["valgrind", "-q", "--error-exitcode=1", *map(str, command)],
        capture_output=True,
        text=True,
    )


def test_signing_does_not_branch_on_the_seed(program):
    done = valgrind(program)
    assert done.returncode == 0, done.stderr


def test_the_check_can_fail(program):
    assert valgrind(program, "leak").returncode == 1
