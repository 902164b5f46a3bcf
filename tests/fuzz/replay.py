"""One input, or the whole corpus, without atheris.

    python tests/fuzz/replay.py [TARGET [FILE ...]]

Shows what the target raises. Without FILE the target's corpus is replayed, without TARGET all.
"""

import sys
from pathlib import Path

if __name__ == "__main__":  # as a program: where the imports below are found
    _ROOT = Path(__file__).resolve().parents[2]
    sys.path[:1] = [
        str(_ROOT / part) for part in ("tests", "shared", "shared/cpython", "firmware")
    ]

from fuzz import corpus
from fuzz.targets import TARGETS, load


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
