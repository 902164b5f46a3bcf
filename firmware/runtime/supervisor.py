"""Keeps a firmware's loop alive: an exception ends the loop, and a new one starts clean."""

import gc

from joulestream import errors
from joulestream.compat import const
from joulestream.device.journal_blocks import FlashFailing, JournalFull
from joulestream.runtime.fault import describe
from joulestream.runtime.heap import HeapWatch
from joulestream.units import Timer

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from joulestream.boards.contract import Board

_FIRST_PAUSE_MS = const(1_000)
_LONGEST_PAUSE_MS = const(64_000)
# A loop that ran for so long is not failing again and again.
_STEADY_MS = const(60_000)
# A line that is never silent delays the slow work by so long at most.
_IDLE_WITHIN_MS = const(200)


class Supervisor:
    """Runs the loop that `make()` assembles from configuration, key and journal alone.

    A loop offers `step(now_ms)`, `idle()`, `stop(reason)`, `is_at_rest()`, `record_fault(why)` and
    `status()`. The supervisor promises:

    - only a step that completed feeds the board's watchdog; while a restart waits, with the
      contactor open, each call does, so that a reset does not erase the reason;
    - an exception in `step` or `idle` opens the board's contactor at once and drops the loop;
    - a new loop starts after a pause, which doubles from 1 s to 64 s while loops go on failing;
    - the new loop journals the reason, and the status shows it;
    - when the heap gets low, the session ends in order, then a new loop starts. If the heap is
      then still low, the board is reset.

    A fault of a peripheral at the first `make()`, such as a flash that does not answer or erase,
    is an exception like any other. Any other exception there, such as one of the configuration, is
    raised: a firmware that cannot start says why and ends. `heap` replaces the HeapWatch.
    """

    def __init__(
        self, make: "Callable[[], Any]", board: "Board", heap: "HeapWatch | None" = None
    ) -> None:
        self._make = make
        self._board = board
        self._heap = heap or HeapWatch()
        self._loop: Any = None
        self._now_ms = 0
        self._is_new = True
        self._until_steady = Timer()
        self._pause_ms: int = _FIRST_PAUSE_MS
        self._pause = Timer()
        self._until_idle = Timer()
        self._unrecorded: str | None = None
        self.faults = 0
        self.last_fault: str | None = None
        try:
            self._loop = make()
        except FlashFailing as error:
            self._give_up(describe(error), board.now_ms())
        except JournalFull:  # more is stored than the configuration has room for
            raise
        except OSError as error:
            self._give_up(describe(error), board.now_ms())

    @property
    def loop(self) -> "Any":
        """The running loop, or None in the pause between two loops."""
        return self._loop

    def step(self, now_ms: int) -> None:
        """Do one step of the loop at the tick `now_ms`, or start a new loop after its pause."""
        self._now_ms = now_ms
        if self._loop is None:
            if self._pause.is_over(now_ms):
                self._restart(now_ms)
            self._board.feed_watchdog()
            return
        if self._is_new:
            self._is_new = False
            self._until_steady.start(now_ms, _STEADY_MS)
        try:
            self._loop.step(now_ms)
        except Exception as error:
            self._give_up(describe(error), now_ms)
            return
        self._board.feed_watchdog()
        if self._until_steady.is_over(now_ms):
            self._pause_ms = _FIRST_PAUSE_MS

    def idle(self, is_quiet: bool = True) -> None:
        """Do the slow work of the loop, and look at the heap. Call it after every step.

        While bytes go on coming, `is_quiet` is False. Then the work waits, but not for longer than
        _IDLE_WITHIN_MS: a peer that chatters must not starve it.
        """
        loop = self._loop
        if loop is None or not (is_quiet or self._until_idle.is_over(self._now_ms)):
            return
        self._until_idle.start(self._now_ms, _IDLE_WITHIN_MS)
        try:
            loop.idle()
            if loop.is_at_rest():
                self._board.set_clock()
            if self._heap.is_low(self._now_ms):
                self._relieve(loop)
        except Exception as error:
            self._give_up(describe(error), self._now_ms)

    def status(self) -> "dict[str, Any]":
        """Return the loop's status and the faults so far, as a flat dictionary."""
        status = self._loop.status() if self._loop else {"state": "restarting", "charging": False}
        status["faults"] = self.faults
        status["last_fault"] = self.last_fault
        status["board_fault"] = self._board.fault
        return status

    def _relieve(self, loop: "Any") -> None:
        """Free the heap: end the session, then start a new loop, then reset the board."""
        if not loop.is_at_rest():
            loop.stop(errors.MEMORY_LOW)
        elif self.last_fault == errors.reason_name(errors.MEMORY_LOW):
            self._board.reset()
        else:
            self._give_up(errors.reason_name(errors.MEMORY_LOW), self._now_ms)

    def _give_up(self, why: str, now_ms: int) -> None:
        self._board.contactor(False)
        self._loop = None
        self.faults += 1
        self.last_fault = self._unrecorded = why
        self._pause.start(now_ms, self._pause_ms)
        self._pause_ms = min(2 * self._pause_ms, _LONGEST_PAUSE_MS)

    def _restart(self, now_ms: int) -> None:
        gc.collect()
        try:
            loop = self._make()
            if self._unrecorded:
                loop.record_fault(self._unrecorded)
                self._unrecorded = None
        except Exception as error:
            self._give_up(describe(error), now_ms)
            return
        self._loop = loop
        self._is_new = True
