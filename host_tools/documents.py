"""Documents in which a program writes the part between two marks."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from joulestream.host_tools.files import write_whole

_END = "<!-- end -->"


def write_between_marks(path: Path, text: str, part: str = "") -> None:
    """Put `text` between two marks of a document, in place of the text that is there.

    Args:
        path: the document.
        text: the new text.
        part: the name in the mark, where a document has more than one.

    Raises:
        ValueError: the document has no such mark.
    """
    begin = f"<!-- written by make bench-docs{part and ': ' + part} -->\n"
    head, mark, rest = path.read_text(encoding="utf-8").partition(begin)
    if not mark:
        raise ValueError(f"{path.name} has no line {begin.strip()}")
    _, _, tail = rest.partition(_END)
    write_whole(path, f"{head}{begin}{text}\n{_END}{tail}".encode())


def keep_written(
    pages: Sequence[Path], write: Callable[[], object], words: Sequence[str], program: str
) -> int:
    """Write the parts of some documents, or with the word --check only compare them.

    Args:
        pages: the documents.
        write: writes them.
        words: the words of the command line.
        program: the file name of the program that writes them, for people.

    Returns:
        The exit status: 1 if --check finds a document that is out of date. It stays as it is.
    """
    before = [page.read_bytes() for page in pages]
    write()
    if "--check" not in words:
        return 0
    status = 0
    for page, data in zip(pages, before):
        if page.read_bytes() != data:
            page.write_bytes(data)
            print(f"{page.name} is out of date: run {program}", file=sys.stderr)
            status = 1
    return status
