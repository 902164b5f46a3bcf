"""Runs a target with one input or with its whole corpus, without atheris.

The exception of the target reaches the caller.
"""

from pathlib import Path

from joulestream.host_tools.files import read_file
from joulestream.host_tools.fuzz import corpus
from joulestream.host_tools.fuzz.targets import load

_MOST_BYTES = 1 << 20


def replay(target: str) -> int:
    """Run a target with every input of its corpus; return the number of inputs."""
    check = load(target)
    inputs = corpus.read(target)
    for data in inputs:
        try:
            check(data)
        except Exception as error:
            error.add_note("the input of the corpus is %s" % data.hex())
            raise
    return len(inputs)


def replay_file(target: str, path: Path) -> None:
    """Check the input in one file."""
    load(target)(read_file(path, _MOST_BYTES))
