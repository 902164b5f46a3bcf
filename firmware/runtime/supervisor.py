"""Keeps a firmware's loop alive: an exception ends it with the contactor open, and it starts clean."""

import gc

from joulestream import errors
from joulestream.compat import const
from joulestream.runtime.fault import describe
from joulestream.runtime.heap import HeapWatch
from joulestream.units import ticks_add, ticks_diff

_FIRST_PAUSE_MS = const(1_000)
_LONGEST_PAUSE_MS = const(64_000)
# A loop that ran for so long is not failing again and again.
_STEADY_MS = const(60_000)


class Supervisor:
    """Runs the loop that `make()` assembles from nothing but configuration, key and journal.

    It is itself such a loop: `step(now_ms)`, `idle()`, `status()`. `board` offers `contactor(closed)`,
    `feed_watchdog()` and `reset()`. Only a step that completed feeds the watchdog. Why a loop was
    given up goes into its journal, and into the status. An exception of the first `make()` is
    raised: a firmware that cannot start says why and ends.
    """

    def __init__(self, make, board, heap=None):
        self._make = make
        self._board = board
        self._heap = heap or HeapWatch()
        self._loop = make()
        self._now_ms = 0
        self._started_ms = None
        self._pause_ms = _FIRST_PAUSE_MS
        self._restart_ms = 0
        self._unrecorded = None
        self.faults = 0
        self.last_fault = None

    def step(self, now_ms):
        """Do one step of the loop, or start it anew when its pause is over."""
        self._now_ms = now_ms
        if self._loop is None:
            if ticks_diff(now_ms, self._restart_ms) >= 0:
                self._restart(now_ms)
            return
        if self._started_ms is None:
            self._started_ms = now_ms
        try:
            self._loop.step(now_ms)
        except Exception as error:
            self._give_up(describe(error), now_ms)
            return
        self._board.feed_watchdog()
        if ticks_diff(now_ms, self._started_ms) >= _STEADY_MS:
            self._started_ms = now_ms
            self._pause_ms = _FIRST_PAUSE_MS

    def idle(self):
        """Do what takes long, when nothing waits."""
        loop = self._loop
        if loop is None:
            return
        try:
            loop.idle()
            if self._heap.is_low(self._now_ms):
                self._relieve(loop)
        except Exception as error:
            self._give_up(describe(error), self._now_ms)

    def status(self):
        """Return the loop's status and what went wrong so far, as a flat dictionary."""
        status = self._loop.status() if self._loop else {"state": "restarting", "charging": False}
        status["faults"] = self.faults
        status["last_fault"] = self.last_fault
        return status

    def _relieve(self, loop):
        """End the session in order, then start clean; where that was in vain, reset the board."""
        if not loop.is_at_rest():
            loop.stop(errors.MEMORY_LOW)
        elif self.last_fault == errors.reason_name(errors.MEMORY_LOW):
            self._board.reset()
        else:
            self._give_up(errors.reason_name(errors.MEMORY_LOW), self._now_ms)

    def _give_up(self, why, now_ms):
        self._board.contactor(False)
        self._loop = None
        self.faults += 1
        self.last_fault = self._unrecorded = why
        self._restart_ms = ticks_add(now_ms, self._pause_ms)
        self._pause_ms = min(2 * self._pause_ms, _LONGEST_PAUSE_MS)

    def _restart(self, now_ms):
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
        self._started_ms = None
