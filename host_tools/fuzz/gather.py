"""Adds new inputs of fuzzing runs to the corpus, in corpus/found.

libFuzzer's merge chooses the inputs, of build/fuzz/TARGET/found and of those kept before, that
reach code which the made corpus does not reach. The shortest of them are kept, as far as they fit.
"""

import tempfile
from pathlib import Path

from joulestream.host_tools import progress
from joulestream.host_tools.files import write_whole
from joulestream.host_tools.fuzz import corpus
from joulestream.host_tools.fuzz.run import WORK, FuzzError, start
from joulestream.host_tools.fuzz.targets import TARGETS

# Limits of a target's file, since every `make test` replays the corpus.
_MAX_INPUTS = 60
_MAX_CHARACTERS = 16_384


def gather(target: str, work: Path = WORK) -> int:
    """Write the target's file in corpus/found again; return its number of inputs.

    Args:
        target: the name of the target.
        work: the directory of the runs (run.py).

    Raises FuzzError if libFuzzer cannot merge the inputs.
    """
    (work / target / "found").mkdir(parents=True, exist_ok=True)
    kept = corpus.path("found", target)
    earlier = corpus.read(target)
    with tempfile.TemporaryDirectory(prefix="joulestream-fuzz-") as name:
        merged, candidates = Path(name) / "merged", Path(name) / "candidates"
        made = corpus.read(target, kinds=("made",))
        corpus.spread(made, merged)
        corpus.spread(earlier, candidates)
        log = Path(name) / "log"
        folders = [str(candidates), str(work / target / "found")]
        arguments = ["-merge=1", f"-max_len={TARGETS[target]}", str(merged), *folders]
        if progress.wait(start(target, arguments, log), f"fuzz: merging {target}"):
            said = log.read_text(encoding="utf-8", errors="replace")[-200:]
            raise FuzzError(f"fuzz: {target} could not be merged: {said}")
        new = {path.read_bytes() for path in merged.iterdir()} - set(made)
    chosen: list[bytes] = []
    room = _MAX_CHARACTERS
    for data in sorted(new, key=lambda data: (len(data), data)):
        room -= 2 * len(data) + 1
        if room >= 0 and data and len(chosen) < _MAX_INPUTS:
            chosen.append(data)
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_whole(kept, corpus.text(chosen).encode())
    return len(chosen)
