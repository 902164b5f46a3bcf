"""The `joulestream` command: its table, its imports, its completion, its errors."""

import json
import os
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
import typer

from joulestream.host_tools.commands import COMMANDS
from joulestream.host_tools.layout import ROOT

# Packages that take long to import, and that most commands have no use for.
HEAVY = {"sqlalchemy", "matplotlib", "pymodbus", "numpy", "nacl", "atheris"}
MAY_IMPORT = {"ledger": {"sqlalchemy", "nacl"}, "settle": {"sqlalchemy", "nacl"}}
# Runs one command line in this process, then prints the modules that it has imported.
PROGRAM = """
import json, sys
from joulestream.host_tools.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
finally:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


def joulestream(*words, **environment):
    """Run the command in a process of its own; return the finished process."""
    return subprocess.run(
        [sys.executable, "-m", "joulestream.host_tools.cli", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def imported_by(*words, **environment):
    """Return the modules that a command line imports in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


def packages(modules):
    return {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_commands_help_imports_that_command_alone(name):
    modules = imported_by(name, "--help")
    assert packages(modules) & HEAVY <= MAY_IMPORT.get(name, set())
    others = {command.module for command in COMMANDS.values()} - {COMMANDS[name].module}
    assert COMMANDS[name].module in modules
    assert not modules & others


@pytest.mark.parametrize("words", [("--help",), ("--version",)], ids=lambda words: words[0])
def test_the_list_of_commands_imports_no_command(words):
    modules = imported_by(*words)
    assert not packages(modules) & HEAVY
    assert not modules & {command.module for command in COMMANDS.values()}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_a_file_and_a_row_with_the_same_summary(name):
    module = import_module(COMMANDS[name].module)
    assert Path(module.__file__).resolve() == ROOT / "host_tools" / "commands" / f"{name}.py"
    help_page = typer.main.get_command(module.app).help
    assert help_page.splitlines()[0] == COMMANDS[name].summary


def test_every_file_of_a_command_is_in_the_table():
    files = {path.stem for path in (ROOT / "host_tools" / "commands").glob("*.py")}
    assert files - {"__init__"} == set(COMMANDS)


def test_the_version_is_the_packages():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert joulestream("--version").stdout.strip() == settings["project"]["version"]


def test_completion_can_be_installed():
    # Typer looks for the shell among the processes above its own; `true` keeps bash one of them.
    done = subprocess.run(
        ["bash", "-c", '"$@"; true', "bash", sys.executable]
        + ["-m", "joulestream.host_tools.cli", "--show-completion"],
        capture_output=True,
        text=True,
    )
    assert "complete -o default -F _joulestream_completion joulestream" in done.stdout, done.stderr


@pytest.mark.parametrize(
    "line, answer",
    [
        ("joulestream ke", {"keys"}),
        ("joulestream ledger che", {"check"}),
        ("joulestream fuzz replay jo", {"journal"}),
        ("joulestream ", set(COMMANDS)),
    ],
)
def test_completion_answers(line, answer):
    done = joulestream(
        _JOULESTREAM_COMPLETE="complete_bash",
        COMP_WORDS=line,
        COMP_CWORD=str(line.count(" ")),
    )
    assert set(done.stdout.split()) == answer, done.stderr


def test_completion_of_a_command_imports_no_command():
    modules = imported_by(
        _JOULESTREAM_COMPLETE="complete_bash", COMP_WORDS="joulestream ke", COMP_CWORD="1"
    )
    assert not packages(modules) & HEAVY
    assert not modules & {command.module for command in COMMANDS.values()}
