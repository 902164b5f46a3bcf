"""Documents in which a program writes the part between two marks."""

from pathlib import Path

_END = "<!-- end -->"


def write_between_marks(path: Path, text: str, what: str = "") -> None:
    """Put `text` in place of what stands between marks in the document at `path`.

    `what` names the part where a document has more than one.
    """
    begin = f"<!-- written by make bench{what and ': ' + what} -->\n"
    head, mark, rest = path.read_text().partition(begin)
    if not mark:
        raise ValueError(f"{path.name} has no line {begin.strip()}")
    _, _, tail = rest.partition(_END)
    path.write_text(f"{head}{begin}{text}\n{_END}{tail}")
