"""The bytes that each firmware reads in a session here: an emulated board repeats it."""

import json
from pathlib import Path
from struct import pack
from typing import Any

from joulestream.host_tools.build.bytecode import compile_tree
from joulestream.host_tools.layout import ROOT
from joulestream.testkit.board import MemoryBoard, cable
from joulestream.testkit.certificates import NOW_S, SEEDS, certificate
from joulestream.testkit.meter import Meter
from joulestream.testkit.pair import pole_values, vehicle_values
from joulestream.testkit.two_loops import STEP_MS, TwoLoops

_POWER_MW = 11_000_000
_START_MS = 1_000
_MOST_MS = 3_600_000
_ROLES = ("pole", "vehicle")
_SEEDS = {"pole": "payee", "vehicle": "payer"}
_UARTS = ("link", "meter")
_VEHICLE = {
    "budget": 1 << 40,
    "prepay": 6_400,
    "reconnect_ms": 1_000,
    "certificates": ["/fit/certificate"],
}


class Record:
    """All bytes that one firmware read, and the number of its step."""

    def __init__(self) -> None:
        self.step = 0
        self.data = bytearray()


class _Recorded:
    """A UART that notes the bytes that are read from it."""

    def __init__(self, uart: Any, number: int, record: Record) -> None:
        self._uart, self._number, self._record = uart, number, record

    def __getattr__(self, name: str) -> Any:
        return getattr(self._uart, name)

    def readinto(self, buffer: bytearray) -> int:
        count: int = self._uart.readinto(buffer)
        if count:
            head = pack(">IBH", self._record.step, self._number, count)
            self._record.data += head + bytes(memoryview(buffer)[:count])
        return count


class _Board(MemoryBoard):
    """A board that records its UARTs."""

    def __init__(self, link: Any, record: Record) -> None:
        super().__init__({"link": link})
        self._record = record

    def uart(self, name: str) -> Any:
        return _Recorded(super().uart(name), _UARTS.index(name), self._record)


class _Recording(TwoLoops):
    """Both firmwares; `records` holds the bytes that each of them read."""

    def __init__(self) -> None:
        self.records = (Record(), Record())
        boards = [_Board(end, record) for end, record in zip(cable(), self.records, strict=True)]
        meters = Meter(5_000_000), Meter(7_000_400)
        super().__init__({}, _VEHICLE, *meters, _POWER_MW, boards)

    def pass_time(self, step_ms: int) -> None:
        for record in self.records:
            record.step += 1


def record(packets: int) -> dict[str, Record]:
    """Let a pole and a vehicle exchange so many packets; return the bytes that each side read."""
    recording = _Recording()
    recording.run(_MOST_MS, lambda: recording.pole.status().get("packets", 0) >= packets)
    return dict(zip(_ROLES, recording.records, strict=True))


def write_inputs(folder: Path, role: str, record: Record) -> Path:
    """Write the files that a firmware of `role` needs on the board; return their new folder."""
    folder.mkdir()
    values = pole_values() if role == "pole" else vehicle_values(**_VEHICLE)
    told = {
        "seed": SEEDS[_SEEDS[role]].hex(),
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
