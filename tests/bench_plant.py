"""The plant of a bench around an emulated Pico: gate, contactor, pilot loads, meter, power."""

import json
import tempfile
from contextlib import contextmanager
from pathlib import Path

from joulestream.boards.rp2040 import Board
from joulestream.host_tools.bench.pico import PILOT_CHANNEL, pilot_reading
from joulestream.host_tools.bench.ports import Port
from joulestream.host_tools.board_bench.checks import Bench
from joulestream.host_tools.board_bench.device import BoardDevice
from joulestream.host_tools.pico_emulator import HIGH, EmulatedPico

_PEAKS_MV = {"A": 12_000, "B": 9_000, "C": 6_000, "D": 3_000, "E": 0}
_NS_PER_MS = 1_000_000
_OPEN, _CLOSED = True, False  # levels of FEEDBACK: the auxiliary contact shorts it to ground
# More than the check's longest wait for a contact.
_NEVER_MS = 1 << 40


class BenchPico(EmulatedPico):
    """An emulated Pico with a contactor behind a gate; a fault is a figure that is changed.

    Attributes:
        gate_ms: the gate opens so long after the last heartbeat.
        closing_ms, opening_ms: the contacts follow the coil so late.
        peak_error_mv: the pilot's peak detector is off by so much.
        spare_bytes: after so many more bytes are programmed, the order to cut the power cuts it.
    """

    def __init__(self, *arguments, **options):
        self.gate_ms, self.closing_ms, self.opening_ms = 500, 25, 15
        self.peak_error_mv = 0
        self.spare_bytes = 3_000
        self._edge_ns = self._coil_ns = 0.0
        self._coil = self._contact = False
        super().__init__(*arguments, **options)
        self.on_level = self._see
        self.set_level(Board.FEEDBACK, _OPEN)
        self.do("pilot A", "")

    def run(self, most_ms):
        super().run(most_ms)
        holds = self.now_ns - self._edge_ns < self.gate_ms * _NS_PER_MS
        coil = self.levels.get(Board.CONTACTOR) == HIGH and holds
        if coil != self._coil:
            self._coil, self._coil_ns = coil, self.now_ns
        late_ms = self.closing_ms if coil else self.opening_ms
        if self._contact != coil and self.now_ns - self._coil_ns >= late_ms * _NS_PER_MS:
            self._contact = coil
            self.set_level(Board.FEEDBACK, _CLOSED if coil else _OPEN)

    def _see(self, pin, level):
        if pin == Board.HEARTBEAT:
            self._edge_ns = self.now_ns

    def do(self, task, sentence):
        """Do what a check asks a person to do (board_bench/operator.py)."""
        if task.startswith("pilot "):
            peak_mv = max(_PEAKS_MV[task[-1]] + self.peak_error_mv, 0)
            self.set_reading(PILOT_CHANNEL, pilot_reading(peak_mv))
        elif task == "cut power":
            self.cut_power_at(self.spare_bytes)
        elif task == "power on":
            self.restart()
        return True

    def install(self, config):
        """Put a configuration onto the board."""
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "pole.json"
            path.write_text(json.dumps(config))
            self.mpremote("fs", "cp", str(path), ":pole.json")


@contextmanager
def on_bench(board):
    """Yield the Bench of a BenchPico."""
    link = Port()
    try:
        serve = lambda: board.serving([(Board.UARTS["link"][0], link)])  # noqa: E731
        device = BoardDevice(serve, "pole", board.pid, resume=True)
        yield Bench(device, board, link.path, silence_s=600.0)
    finally:
        link.close()
