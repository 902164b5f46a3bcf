"""Whether a firmware fits into the heap of a chip: counted on the emulated board."""

import json
import re
import tempfile
from pathlib import Path
from struct import pack
from typing import Any

from joulestream.host_tools.benchmarks import size
from joulestream.host_tools.benchmarks.on_board import library
from joulestream.host_tools.build.bytecode import compile_tree
from joulestream.host_tools.build.frozen import build_frozen_board
from joulestream.host_tools.build.shell import ToolchainError
from joulestream.host_tools.emulator import EmulatedBoard
from joulestream.host_tools.layout import ROOT
from joulestream.testkit.board import MemoryBoard, cable
from joulestream.testkit.certificates import NOW_S, SEEDS, certificate
from joulestream.testkit.meter import Meter
from joulestream.testkit.pair import pole_values, vehicle_values
from joulestream.testkit.two_loops import STEP_MS, TwoLoops

PACKETS = 1_000
HEAP_BYTES = 160 * 1024
# A Pico's, counted on the emulated Pico.
_PICO_HEAP_BYTES = 241_712
_POWER_MW = 11_000_000
_START_MS = 1_000
_MOST_MS = 3_600_000
_ROLES = {"pole": "payee", "vehicle": "payer"}
_UARTS = ("link", "meter")
# The piece that a firmware wants to find free (runtime/heap.py).
_RESERVE_BYTES = 4_096
_NOTHING = {"heap_free": 0, "heap_largest_block": 0}
_VEHICLE = {
    "budget": 1 << 40,
    "prepay": 6_400,
    "reconnect_ms": 1_000,
    "certificates": ["/fit/certificate"],
}


class _Recorded:
    """A UART that notes the bytes that are read from it."""

    def __init__(self, uart: Any, number: int, record: "_Record") -> None:
        self._uart, self._number, self._record = uart, number, record

    def __getattr__(self, name: str) -> Any:
        return getattr(self._uart, name)

    def readinto(self, buffer: bytearray) -> int:
        count: int = self._uart.readinto(buffer)
        if count:
            head = pack(">IBH", self._record.step, self._number, count)
            self._record.data += head + bytes(memoryview(buffer)[:count])
        return count


class _Record:
    """All bytes that one firmware read, and the number of its step."""

    def __init__(self) -> None:
        self.step = 0
        self.data = bytearray()


class _Board(MemoryBoard):
    """A board whose UARTs are recorded."""

    def __init__(self, link: Any, record: _Record) -> None:
        super().__init__({"link": link})
        self._record = record

    def uart(self, name: str) -> Any:
        return _Recorded(super().uart(name), _UARTS.index(name), self._record)


class _Recording(TwoLoops):
    """Both firmwares; `records` holds the bytes that each of them read."""

    def __init__(self) -> None:
        self.records = (_Record(), _Record())
        boards = [_Board(end, record) for end, record in zip(cable(), self.records, strict=True)]
        meters = Meter(5_000_000), Meter(7_000_400)
        super().__init__({}, _VEHICLE, *meters, _POWER_MW, boards)

    def pass_time(self, step_ms: int) -> None:
        for record in self.records:
            record.step += 1


def measure() -> dict[str, Any]:
    """Return flash, heap after import, and the heap that is free after `PACKETS` packets.

    Raises:
        ToolchainError: the board cannot be built, or a firmware behaves otherwise than here.
    """
    figures: dict[str, Any] = {}
    sizes = size.measure()
    for role in _ROLES:
        native = sizes[f"packages_{role}"]["native module"]
        figures[f"flash_bytes_{role}"] = sizes[f"flash_bytes_{role}"] - native
        figures[f"import_heap_{role}"] = sizes["import_heap_bytes"][role]
    recording = _Recording()
    recording.run(_MOST_MS, lambda: recording.pole.status().get("packets", 0) >= PACKETS)
    firmware, folder = library()
    frozen = build_frozen_board()
    left: dict[str, list[dict[str, int]]] = {"": [], "_frozen": [], "_pico": []}
    for (role, key), record in zip(_ROLES.items(), recording.records, strict=True):
        for name, program, heap_bytes in (
            ("", firmware, HEAP_BYTES),
            ("_frozen", frozen, HEAP_BYTES),
            ("_pico", firmware, _PICO_HEAP_BYTES),
        ):
            with tempfile.TemporaryDirectory(prefix="joulestream-fit-") as scratch:
                inputs = _write_inputs(Path(scratch) / "fit", role, SEEDS[key], record)
                library_folder = [] if name == "_frozen" else [folder]
                left[name].append(_run(program, [*library_folder, inputs], role, heap_bytes))
    for name, roles in left.items():
        free = min(found["heap_free"] for found in roles)
        figures[f"heap_free_after_{PACKETS}_packets{name}"] = free
        figures[f"heap_largest_block{name}"] = min(found["heap_largest_block"] for found in roles)
    return figures


def _write_inputs(folder: Path, role: str, seed: bytes, record: _Record) -> Path:
    """Write the files that a firmware of `role` needs on the board; return the folder."""
    folder.mkdir()
    values = pole_values() if role == "pole" else vehicle_values(**_VEHICLE)
    told = {
        "seed": seed.hex(),
        "start_ms": _START_MS,
        "step_ms": STEP_MS,
        "steps": record.step,
        "time_s": NOW_S,
    }
    (folder / "config.json").write_text(json.dumps(values), encoding="utf-8")
    (folder / "run.json").write_text(json.dumps(told), encoding="utf-8")
    (folder / "certificate").write_bytes(certificate().to_bytes())
    (folder / "inputs.bin").write_bytes(record.data)
    compile_tree([ROOT / "host_tools" / "rv32" / "fit_bench.py"], folder)
    return folder


def _run(firmware: Path, folders: list[Path], role: str, heap_bytes: int) -> dict[str, int]:
    """Run a firmware on the board with so much heap; return the figures that it printed.

    A firmware that does not fit leaves nothing free.
    """
    lines = (
        "import sys",
        "sys.path += ['/fit', '.frozen']",
        "import fit_bench",
        f"taken = fit_bench.take_all_but({heap_bytes})",
        f"fit_bench.run({role!r}, '/fit')",
    )
    with EmulatedBoard(firmware, folders, counts=False) as machine:
        try:
            printed = machine.mpremote("exec", "\n".join(lines))
        except ToolchainError as error:
            if "MemoryError" in str(error):
                return _NOTHING
            raise
    found = {name: int(value) for name, value in re.findall(r"^(\w+) (\d+)", printed, re.M)}
    if found.get("heap_largest_block", 0) < _RESERVE_BYTES:
        return _NOTHING  # the firmware starts anew again and again
    if found.get("packets") != PACKETS or found.get("faults"):
        raise ToolchainError(
            f"a {role} on the emulated board did not do what it did here: {found}"
        )
    return found
