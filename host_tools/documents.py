"""Documents in which a program writes the part between two marks."""

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
