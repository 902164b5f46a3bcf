"""One input, or the whole corpus, without atheris.

    python -m joulestream.host_tools.fuzz.replay [TARGET [FILE ...]]

Shows what the target raises. Without FILE the target's corpus is replayed, without TARGET all.
"""

import sys
from pathlib import Path

from joulestream.host_tools.fuzz import corpus
from joulestream.host_tools.fuzz.targets import TARGETS, load


def replay(target):
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


def main():
    """Replay what the command line names."""
    targets, files = sys.argv[1:2] or list(TARGETS), sys.argv[2:]
    for target in targets:
        if target not in TARGETS:
            sys.exit("fuzz: there is no target %s: choose from %s" % (target, ", ".join(TARGETS)))
        for name in files:
            load(target)(Path(name).read_bytes())
        count = len(files) or replay(target)
        print("fuzz: %s holds for %d inputs" % (target, count))


if __name__ == "__main__":
    main()
