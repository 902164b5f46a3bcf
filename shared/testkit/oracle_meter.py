"""A meter that shows, as its power, when it was asked: so a reading tells its true age."""

from joulestream.compat import const
from joulestream.testkit.meter import Line, Meter

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.testkit.random import Random

_MOST_JITTER_MS = const(3_000)


class OracleMeter:
    """The UART of a meter that shows the tick of the question as its power.

    Args:
        late_ms: its line delivers answers so late.
        mw_per_ms: the power that it shows for each ms of the tick, in mW.
        model: its model.
        jitter: the line is late by another time for each answer; None: it is not.

    Attributes:
        line: its line.
        now_ms: the present tick; a test sets it.
    """

    def __init__(
        self,
        late_ms: int,
        mw_per_ms: int = 1_000,
        model: str = "sdm120",
        jitter: "Random | None" = None,
    ) -> None:
        self.line = Line(9_600, 20, late_ms)
        self.now_ms = 0
        self._mw_per_ms = mw_per_ms
        self._meter = Meter(model=model)
        self._jitter = jitter

    def write(self, request: "Any") -> int:
        """Take a question, and answer it."""
        self._meter.power_mw = self.now_ms * self._mw_per_ms
        if self._jitter is not None:
            self.line.late_ms = self._jitter.below(_MOST_JITTER_MS)
        self.line.carry(bytes(request), self._meter.answer(bytes(request)), self.now_ms)
        return len(request)

    def readinto(self, buffer: bytearray) -> int:
        """Move the bytes that have arrived into `buffer`; return their number."""
        taken = self.line.take(len(buffer), self.now_ms)
        buffer[: len(taken)] = taken
        return len(taken)
