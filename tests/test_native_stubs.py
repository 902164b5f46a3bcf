"""The stubs of shared/stubs describe the modules that they stand for, on both runtimes."""

import ast
import os
import subprocess
import sys

import pytest

from joulestream.host_tools import progress
from joulestream.host_tools.bench.firmware import micropython, micropython_environment
from joulestream.host_tools.layout import ROOT

STUBS = ROOT / "shared" / "stubs"
# Modules of the unix port and of CPython; tests/test_user_module.py has those of a board.
ON_BOTH = ("_ed25519", "cryptolib")

# Prints each function of _ed25519 with each number of arguments that it takes. A binding that got
# the right number refuses None; with another number the runtime refuses the call.
CALLS = """
import _ed25519
refusals = (
    "a bytes-like object is required",
    "out must be a writable bytes-like object",
    "a small integer is required",
    "an integer is required",
)
for name in sorted(getattr(_ed25519, "__all__", dir(_ed25519))):
    function = getattr(_ed25519, name)
    if name[:2] == "__" or not callable(function):
        continue
    for count in range(8):
        try:
            function(*[None] * count)
        except TypeError as error:
            if str(error) in refusals:
                print(name, count)
"""


def body(module):
    """Return the statements of a module's stub."""
    return ast.parse((STUBS / f"{module}.pyi").read_text()).body


def public_names(module):
    """Return the public functions, classes and constants of a module's stub."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    named = {node.name for node in body(module) if isinstance(node, kinds)}
    annotated = (node.target for node in body(module) if isinstance(node, ast.AnnAssign))
    named |= {target.id for target in annotated if isinstance(target, ast.Name)}
    return sorted(name for name in named if not name.startswith("_"))


def calls_of_the_stub():
    """Return the lines that CALLS must print, from the signatures of the stub."""
    functions = [node for node in body("_ed25519") if isinstance(node, ast.FunctionDef)]
    for function in functions:
        arguments = function.args
        assert not (arguments.args or arguments.kwonlyargs or arguments.defaults), function.name
    return sorted(f"{node.name} {len(node.args.posonlyargs)}" for node in functions)


def run_on_micropython(code):
    """Return the lines that MicroPython's unix port prints."""
    done = progress.run(
        [micropython(), "-c", code], "micropython -c", env=micropython_environment()
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def missing_names(module):
    """Return code that prints the stub's public names that a module lacks."""
    return (
        f"import {module}\nprint([n for n in {public_names(module)} if not hasattr({module}, n)])"
    )


def test_the_stub_has_the_signatures_of_the_native_module():
    assert run_on_micropython(CALLS) == calls_of_the_stub()


def test_the_stub_has_the_signatures_of_cpythons_binding():
    done = subprocess.run([sys.executable, "-c", CALLS], capture_output=True, text=True)
    assert done.stdout.splitlines() == calls_of_the_stub(), done.stderr


def test_the_stub_has_exactly_the_names_of_the_native_module():
    printed = run_on_micropython("import _ed25519\nprint(*sorted(dir(_ed25519)))")
    names = [name for name in printed[0].split() if not name.startswith("__")]
    assert names == public_names("_ed25519")


@pytest.mark.parametrize("module", ON_BOTH)
def test_mypys_stubtest_finds_no_difference_from_cpythons_module(module):
    done = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", module],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": str(STUBS)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("module", ("cryptolib", "micropython", "uctypes", "vfs"))
def test_the_unix_port_has_every_name_of_a_stub(module):
    assert run_on_micropython(missing_names(module)) == ["[]"]
