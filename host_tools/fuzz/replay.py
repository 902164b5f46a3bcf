"""One input, or a target's whole corpus, without atheris; the target's own error comes through."""

from pathlib import Path

from joulestream.host_tools.fuzz import corpus
from joulestream.host_tools.fuzz.targets import load


def replay(target: str) -> int:
    """Check every input of a target's corpus; return how many there are."""
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
    load(target)(path.read_bytes())
