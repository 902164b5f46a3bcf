"""Write the drawings, or check them."""

import importlib
import sys
from pathlib import Path

from joulestream.host_tools.drawings import DRAWINGS
from joulestream.host_tools.drawings.sheet import Sheet
from joulestream.host_tools.files import write_whole
from joulestream.host_tools.layout import ROOT

FOLDER = ROOT / "docs" / "drawings"


def render(name: str) -> Sheet:
    """Return the finished sheet of one drawing."""
    sheet = Sheet()
    importlib.import_module(f"joulestream.host_tools.drawings.{DRAWINGS[name]}").draw(sheet)
    return sheet


def main(words: list[str], folder: Path = FOLDER) -> int:
    """Write all drawings into a folder, or compare them with it; return the exit status."""
    old = []
    for name in DRAWINGS:
        path = folder / f"{name}.svg"
        svg = render(name).svg()
        if words == ["--check"]:
            if not path.is_file() or path.read_bytes() != svg:
                old.append(path.name)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, svg)
    if old:
        print(f"{', '.join(old)} out of date: run make drawings", file=sys.stderr)
    return 1 if old else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
