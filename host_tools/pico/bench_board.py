"""Runs on the emulated Pico: its board file, with the firmware's status as lines on the USB port."""

import json
import sys

from joulestream.boards import rp2040
from joulestream.units import Timer

_REPORT_MS = 100


class Board(rp2040.Board):
    """The Pico's board on the bench."""

    def __init__(self, config: "dict[str, object]") -> None:
        super().__init__(config)
        self._next_line = Timer()

    def show(self, status: "Callable[[], dict[str, Any]]") -> None:  # noqa: F821
        """Print a line with the status now and then."""
        now_ms = self.now_ms()
        if self._next_line.is_over(now_ms):
            self._next_line.start(now_ms, _REPORT_MS)
            sys.stdout.write(json.dumps(status()) + "\n")
