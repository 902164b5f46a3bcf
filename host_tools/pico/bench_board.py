"""Runs on the emulated Pico: its board file, with the status as lines on the USB port."""

import json
import sys

from joulestream.boards import rp2040
from joulestream.compat import const
from joulestream.units import Timer

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_REPORT_MS = const(100)


class Board(rp2040.Board):
    """The Pico's board on the bench."""

    def __init__(self, config: "dict[str, object]") -> None:
        super().__init__(config)
        self._next_line = Timer()

    def show(self, status: "Callable[[], dict[str, Any]]") -> None:
        """Print a line with the status now and then."""
        now_ms = self.now_ms()
        if self._next_line.is_over(now_ms):
            self._next_line.start(now_ms, _REPORT_MS)
            sys.stdout.write(json.dumps(status()) + "\n")
