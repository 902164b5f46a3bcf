"""Modules that a firmware needs before its loop runs leave the memory when it runs."""

import subprocess
import sys

import pytest

# One function that something still refers to keeps its whole module in a board's heap.
PROGRAM = """
import gc, sys, types, weakref
from joulestream.{role} import main
from joulestream.boards import BOARDS, KINDS
from joulestream.link import LINKS
from joulestream.link.can import CONTROLLERS
from joulestream.runtime import set_up

for table in (BOARDS, KINDS, LINKS, CONTROLLERS):
    for module in table.values():
        __import__(module)

loaded = set(set_up.MODULES) & set(sys.modules)
kept = {{
    name + "." + function.__name__: weakref.ref(function)
    for name in loaded
    for function in vars(sys.modules[name]).values()
    if isinstance(function, types.FunctionType) and function.__module__ == name
}}
set_up.forget()
gc.collect()
print(len(kept), sorted(name for name, function in kept.items() if function() is not None))
print(sorted(set(set_up.MODULES) & set(sys.modules)), len(loaded))
main.ConfigError
"""


@pytest.mark.parametrize("role", ["pole", "vehicle"])
def test_a_running_firmware_holds_no_code_of_its_set_up(role):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(role=role)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    functions, modules = done.stdout.splitlines()
    number, _, left = functions.partition(" ")
    assert int(number) > 20 and left == "[]", functions
    assert modules == "[] 7", modules
