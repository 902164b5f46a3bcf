"""Whether a firmware fits into the heap of a chip: counted on the emulated board."""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from joulestream.host_tools.benchmarks import size
from joulestream.host_tools.benchmarks.packages import FILES, IMAGE, ROMFS, ROMFS_AND_MODULE, parts
from joulestream.host_tools.benchmarks.recorded_session import Record, record, write_inputs
from joulestream.host_tools.build.romfs import ROLES
from joulestream.host_tools.build.shell import ToolchainError
from joulestream.host_tools.emulator import HEAPS, EmulatedBoard

PACKETS = 1_000
HEAP_BYTES = 160 * 1024
# A Pico's, counted on the emulated Pico.
_PICO_HEAP_BYTES = 241_712
# The piece that a firmware wants to find free (runtime/heap.py).
RESERVE_BYTES = 4_096
_NOTHING = {"heap_free": 0, "heap_largest_block": 0}


class Place(NamedTuple):
    """A board with the packages somewhere, and a heap.

    Attributes:
        chip: the chip with this heap, "" for a heap of which the figures have limits.
        packages: where they are, a name of packages.py.
        free_bytes: the heap that is free at the start, in one piece.
        pieces: the pieces of the heap, in place of one piece.
    """

    chip: str
    packages: str
    free_bytes: int = 0
    pieces: tuple[int, ...] = ()


# The names of figures, each followed by the end of its place.
HEAP_FREE, LARGEST_BLOCK = f"heap_free_after_{PACKETS}_packets", "heap_largest_block"
# By the end of the names of its figures.
PLACES = {
    "": Place("", FILES, HEAP_BYTES),
    "_romfs": Place("", ROMFS, HEAP_BYTES),
    "_romfs_and_module": Place("", ROMFS_AND_MODULE, HEAP_BYTES),
    "_frozen": Place("", IMAGE, HEAP_BYTES),
    "_pico": Place("Pico", FILES, _PICO_HEAP_BYTES),
    "_pico_romfs": Place("Pico", ROMFS, _PICO_HEAP_BYTES),
    "_esp32c3": Place("ESP32-C3", FILES, pieces=HEAPS["esp32c3"]),
    "_esp32c3_romfs": Place("ESP32-C3", ROMFS, pieces=HEAPS["esp32c3"]),
    "_esp32c3_frozen": Place("ESP32-C3", IMAGE, pieces=HEAPS["esp32c3"]),
    "_esp32": Place("ESP32", FILES, pieces=HEAPS["esp32"]),
    "_esp32_romfs": Place("ESP32", ROMFS, pieces=HEAPS["esp32"]),
    "_esp32_romfs_and_module": Place("ESP32", ROMFS_AND_MODULE, pieces=HEAPS["esp32"]),
    "_esp32_frozen": Place("ESP32", IMAGE, pieces=HEAPS["esp32"]),
}


def measure() -> dict[str, Any]:
    """Return flash, heap after import, and the heap that is free after `PACKETS` packets.

    Raises:
        ToolchainError: the board cannot be built, or a firmware behaves otherwise than here.
    """
    figures: dict[str, Any] = {}
    sizes = size.measure()
    for role in ROLES:
        native = sizes[f"packages_{role}"]["native module"]
        figures[f"flash_bytes_{role}"] = sizes[f"flash_bytes_{role}"] - native
        for name in ("", *(f"_{place}" for place in size.PLACES)):
            figures[f"import_heap_{role}{name}"] = sizes[f"import_heap{name}_bytes"][role]
    records = record(PACKETS)
    for name, place in PLACES.items():
        found = [run(place, role, records, PACKETS) for role in ROLES]
        for figure, key in (
            (HEAP_FREE, "heap_free"),
            (LARGEST_BLOCK, "heap_largest_block"),
        ):
            figures[figure + name] = min(role[key] for role in found)
    return figures


def run(place: Place, role: str, records: Mapping[str, Record], packets: int) -> dict[str, int]:
    """Let a firmware repeat its session of here; return the figures that it printed.

    A firmware that does not fit leaves nothing free.

    Raises:
        ToolchainError: the board cannot be built, or the firmware behaves otherwise than here.
    """
    lines = [
        "import sys",
        "sys.path += ['/fit', '.frozen']",
        "import fit_bench",
        f"fit_bench.run({role!r}, '/fit')",
    ]
    if place.free_bytes:
        lines.insert(3, f"taken = fit_bench.take_all_but({place.free_bytes})")
    firmware, library, romfs = parts(place.packages, role)
    with tempfile.TemporaryDirectory(prefix="joulestream-fit-") as scratch:
        inputs = write_inputs(Path(scratch) / "fit", role, records[role])
        folders = [*library, inputs]
        with EmulatedBoard(firmware, folders, False, romfs, place.pieces) as machine:
            try:
                printed = machine.mpremote("exec", "\n".join(lines))
            except ToolchainError as error:
                if "MemoryError" in str(error):
                    return _NOTHING
                raise
    found = {name: int(value) for name, value in re.findall(r"^(\w+) (\d+)", printed, re.M)}
    if found.get("is_full") or found.get("heap_largest_block", 0) < RESERVE_BYTES:
        return _NOTHING  # the firmware starts anew again and again
    if found.get("packets") != packets or found.get("faults"):
        raise ToolchainError(
            f"a {role} on the emulated board did not do what it did here: {printed}"
        )
    return found
