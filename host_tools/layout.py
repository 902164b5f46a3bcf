"""Where the source tree's folders appear below the one import name, `joulestream`.

    python -m joulestream.host_tools.layout

`shared/joulestream/x.py` is `joulestream.x`. Every other package folder keeps its own name:
`firmware/pole` is `joulestream.pole`. pyproject.toml lists the folders once; an installed copy
and a board's file system have this layout as real folders. A checkout gets it as links below
build/lib, for MicroPython and for the type checker, which know no such list.
"""

import os
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "joulestream"
# The one package that no board has.
HOST_PACKAGE = "joulestream.host_tools"
BUILD = ROOT / "build"


def package_folders(root: Path = ROOT) -> dict[str, Path]:
    """Return the folder of every package directly below `joulestream`, by its import name.

    Args:
        root: the checkout.
    """
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    folders = settings["tool"]["setuptools"]["package-dir"]
    return {
        name: root / folder
        for name, folder in folders.items()
        if name.partition(".")[0] == PACKAGE and name.count(".") < 2
    }


def device_folders() -> dict[str, Path]:
    """Return the folders of the packages that boards have, by import name."""
    return {name: path for name, path in package_folders().items() if name != HOST_PACKAGE}


def import_path(root: Path = ROOT, build: Path = BUILD) -> Path:
    """Return a directory in which the checkout is one package, made of links.

    Args:
        root: the checkout.
        build: the folder in which `lib` is made; links that are right are left alone.

    In an installed copy it is the directory that holds the package.
    """
    if not (root / "pyproject.toml").is_file():
        return Path(__file__).resolve().parents[2]
    directory = build / "lib"
    package = directory / PACKAGE
    package.mkdir(parents=True, exist_ok=True)
    wanted: dict[str, Path] = {}
    for name, folder in package_folders(root).items():
        if name == PACKAGE:
            wanted |= {path.name: path for path in folder.glob("*.py")}
        else:
            wanted[name.rpartition(".")[2]] = folder
    for link in package.iterdir():
        if link.name not in wanted:
            link.unlink(missing_ok=True)
    for name, target in wanted.items():
        _link(package / name, target)
    return directory


def _link(link: Path, target: Path) -> None:
    """Make `link` point at `target`; another process may do the same at this moment."""
    if link.is_symlink() and Path(os.readlink(link)) == target:
        return
    scratch = link.with_name(f".{link.name}.{os.getpid()}")
    scratch.symlink_to(target)
    scratch.replace(link)


if __name__ == "__main__":
    print(import_path())
