"""The corpus: inputs in text files, one file for each target, one hexadecimal input in a line.

Text, since hundreds of tiny binary files can neither be read nor compared in a review. Inputs
that a script makes (`made`) stand apart from those that fuzzing found (`found`).
"""

from hashlib import sha256
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "corpus"
KINDS = ("made", "found")


def path(kind: str, target: str) -> Path:
    """Return the file of the target's inputs of one kind."""
    return FOLDER / kind / f"{target}.txt"


def read(target: str, kinds: tuple[str, ...] = KINDS) -> list[bytes]:
    """Return a target's inputs of these kinds."""
    inputs = []
    for kind in kinds:
        if path(kind, target).is_file():
            lines = path(kind, target).read_text(encoding="utf-8").splitlines()
            inputs += [bytes.fromhex(line) for line in lines]
    return inputs


def text(inputs: list[bytes]) -> str:
    """Return the text of a file with these inputs: each once, the short ones first."""
    ordered = sorted(set(inputs), key=lambda data: (len(data), data))
    return "".join(data.hex() + "\n" for data in ordered)


def spread(inputs: list[bytes], directory: Path) -> None:
    """Write each input into a file of its own, as libFuzzer reads them."""
    directory.mkdir(parents=True, exist_ok=True)
    for data in inputs:
        (directory / sha256(data).hexdigest()[:16]).write_bytes(data)
