"""Flash and heap that each firmware takes: bytes of its .mpy files, heap after its imports."""

import re
from typing import Any

from joulestream.host_tools.benchmarks.on_board import run_on_board
from joulestream.host_tools.benchmarks.packages import FILES, IMAGE, ROMFS, ROMFS_AND_MODULE, parts
from joulestream.host_tools.layout import PACKAGE

_ROLES = ("pole", "vehicle")
PLACES = (ROMFS, ROMFS_AND_MODULE, IMAGE)
# The seams load the module of the configured row later: the first row of each stands for it.
_METER_AND_LINK = (
    ("joulestream.meter.drivers", "DRIVERS"),
    ("joulestream.link", "LINKS"),
)
_SEAMS = {
    "pole": (
        *_METER_AND_LINK,
        ("joulestream.pole.prices", "PRICE_SOURCES"),
        ("joulestream.pole.limits", "LIMITS"),
    ),
    "vehicle": _METER_AND_LINK,
}


def measure() -> dict[str, Any]:
    """Return both roles' bytes of flash, their packages' shares, and heap after the imports.

    The modules are those that a fresh board loads for `import joulestream.pole.main` (or vehicle)
    and for one row of each seam, the native module included. The board's own file is left out.
    The heap is that with the packages in an ordinary file system, and at each place of `PLACES`.
    """
    figures: dict[str, Any] = {
        f"import_heap{name}_bytes": {} for name in ("", *(f"_{place}" for place in PLACES))
    }
    for role in _ROLES:
        found = imports(FILES, role)
        figures[f"flash_bytes_{role}"] = found["flash_bytes"]
        figures["import_heap_bytes"][role] = found["import_heap_bytes"]
        figures[f"packages_{role}"] = found["packages"]
        for place in PLACES:
            heap = imports(place, role)["import_heap_bytes"]
            figures[f"import_heap_{place}_bytes"][role] = heap
    return figures


def imports(place: str, role: str) -> dict[str, Any]:
    """Return the figures of a firmware's imports from a place of packages.py."""
    call = f"size_bench.measure({f'{PACKAGE}.{role}.main'!r}, {_SEAMS[role]!r})"
    return read(run_on_board("size_bench", call, board=parts(place, role)))


def read(text: str) -> dict[str, Any]:
    """Return the figures that size_bench printed: flash, heap, and each package's flash."""
    heap = re.search(r"^import_heap_bytes (\d+)", text, re.MULTILINE)
    modules = re.findall(r"^module (\S+) (\d+)", text, re.MULTILINE)
    packages: dict[str, int] = {}
    for path, size in modules:
        package = path.rpartition("/")[0].replace("/", ".") or "native module"
        packages[package] = packages.get(package, 0) + int(size)
    return {
        "flash_bytes": sum(packages.values()),
        "import_heap_bytes": int(heap[1]) if heap else 0,
        "packages": dict(sorted(packages.items())),
    }
