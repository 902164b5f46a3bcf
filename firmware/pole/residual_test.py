"""The self-test of the residual-current device: before the first vehicle, after each, every 24 h.

The board drives the device's test input. The device has to trip within 7 s, and to be ready again
within 7 s after the input was released. Source: IEC 62955, and the datasheets of such devices,
whose tests take 3 to 7 s. The contactor is open all the while.
"""

from joulestream import errors
from joulestream.compat import const
from joulestream.units import Timer

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.boards.contract import Board

TEST_MS = const(7_000)
EVERY_MS = const(24 * 3_600_000)

_RESTS = const(0)
_TRIPS = const(1)  # driven, until the device has tripped
_CLEARS = const(2)  # released, until the device is ready again


class ResidualTest:
    """The test, moved on by `follow` in every step.

    Attributes:
        is_due: whether the contactor has to stay open until a test has passed.
        result: "NONE" before the first test, "RUNS", "PASSED" or "FAILED"; None: the board has no
            such device.
    """

    def __init__(self, board: "Board") -> None:
        self._board = board
        self._step = _RESTS
        self._time = Timer()
        self._fresh = Timer()
        self._has_device = board.residual_tripped() is not None
        self.is_due = self._has_device
        self.result = "NONE" if self._has_device else None
        if self._has_device:
            board.test_residual(False)

    def expire(self) -> None:
        """Ask for a new test: a vehicle was unplugged."""
        self.is_due = self._has_device

    def fault(self, is_testing: bool) -> int:
        """Return the fault of now, or 0: in a test its failure, else a device that has tripped."""
        if is_testing:
            return self.reason()
        if self._has_device and self._board.residual_tripped():
            return errors.RESIDUAL_CURRENT
        return 0

    def reason(self) -> int:
        """Return RESIDUAL_TEST_FAILED from a failure to the next test, else 0."""
        return errors.RESIDUAL_TEST_FAILED if self.result == "FAILED" else 0

    def follow(self, may_test: bool, now_ms: int) -> None:
        """Move the test on at the tick `now_ms`; `may_test`: the charger waits for it."""
        if not self._has_device:
            return
        if not may_test:
            if self._step != _RESTS:
                self._step = _RESTS
                self._board.test_residual(False)
            if self._fresh.is_over(now_ms):
                self.is_due = True
            return
        tripped = self._board.residual_tripped()
        if self._step == _RESTS:
            self.result = "RUNS"
            self._begin(_TRIPS, now_ms)
        elif tripped == (self._step == _TRIPS):
            if self._step == _TRIPS:
                self._begin(_CLEARS, now_ms)
            else:
                self._end("PASSED", now_ms)
        elif self._time.is_over(now_ms):
            self._end("FAILED", now_ms)

    def _begin(self, step: int, now_ms: int) -> None:
        self._step = step
        self._time.start(now_ms, TEST_MS)
        self._board.test_residual(step == _TRIPS)

    def _end(self, result: str, now_ms: int) -> None:
        self._step = _RESTS
        self._board.test_residual(False)
        self.result = result
        self.is_due = result != "PASSED"
        if not self.is_due:
            self._fresh.start(now_ms, EVERY_MS)
