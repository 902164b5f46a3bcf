"""A loop that fails is given up with the contactor open, says why, and starts clean."""

from dual_runtime import raised
from joulestream.device.journal import JournalFull
from joulestream.runtime.fault import describe, load_fault
from joulestream.runtime.heap import HeapWatch
from joulestream.runtime.supervisor import Supervisor
from joulestream.testkit.board import MemoryBoard
from joulestream.testkit.flash import RamFlash, mount
from joulestream.units import TICKS_PERIOD, ticks_add

SECRET = "5ec2e7"


class Loop:
    """A loop that raises the exception it is given."""

    def __init__(self, board, journal):
        self._board = board
        self.journal = journal
        self.in_step = None
        self.in_idle = None
        self.steps = 0
        self.idles = 0
        self.stops = []
        self.resting = True

    def step(self, now_ms):
        self.steps += 1
        self._board.closed = True
        if self.in_step is not None:
            raise self.in_step

    def idle(self):
        self.idles += 1
        if self.in_idle is not None:
            raise self.in_idle

    def stop(self, reason):
        self.stops.append(reason)

    def is_at_rest(self):
        return self.resting

    def record_fault(self, why):
        self.journal.erase_ahead()
        self.journal.put(b"f", why.encode())

    def status(self):
        return {"steps": self.steps}


class Heap:
    """A heap that is low when it is told to be."""

    def __init__(self):
        self.low = False

    def is_low(self, now_ms):
        return self.low


class Stage:
    """A supervisor with all of the above.

    `failures` is how often making a loop fails after the first, `first_failures` before it.
    """

    def __init__(self, failures=0, first_failures=0):
        self.board = MemoryBoard()
        self.flash = RamFlash()
        self.loops = []
        self.heap = Heap()
        self.failures = failures
        self.first_failures = first_failures
        self.supervisor = Supervisor(self._make, self.board, self.heap)

    @property
    def loop(self):
        return self.loops[-1]

    def _make(self):
        if self.first_failures:
            self.first_failures -= 1
            raise OSError(5)
        if self.loops and self.failures:
            self.failures -= 1
            raise OSError(5)
        self.loops.append(Loop(self.board, mount(self.flash)))
        return self.loop

    def run(self, from_ms, for_ms, step_ms=100):
        """Step and idle for a while; return the tick at the end."""
        now_ms = from_ms
        for _ in range(for_ms // step_ms):
            now_ms = ticks_add(now_ms, step_ms)
            self.supervisor.step(now_ms)
            self.supervisor.idle()
        return now_ms


def test_a_step_that_completes_feeds_the_watchdog():
    stage = Stage()
    stage.run(0, 1_000)
    assert stage.board.fed == stage.loop.steps == 10
    assert stage.supervisor.status()["faults"] == 0


def test_any_exception_opens_the_contactor_and_starts_clean_after_a_pause():
    for error in (
        OSError(5),
        ValueError(SECRET),
        MemoryError(),
        KeyError(SECRET),
        ZeroDivisionError(),
    ):
        for start_ms in (0, TICKS_PERIOD - 300):
            for where in ("in_step", "in_idle"):
                stage = Stage()
                now_ms = stage.run(start_ms, 200)
                setattr(stage.loop, where, error)
                fed = stage.board.fed
                now_ms = stage.run(now_ms, 100)
                assert not stage.board.closed
                assert stage.board.fed == fed + (where == "in_idle")
                now_ms = stage.run(now_ms, 800)
                assert len(stage.loops) == 1 and not stage.board.closed
                assert stage.supervisor.status()["state"] == "restarting"
                stage.run(now_ms, 400)
                assert len(stage.loops) == 2 and stage.board.fed > fed
                why = stage.supervisor.status()["last_fault"]
                assert type(error).__name__ in why and SECRET not in why, why
                assert load_fault(stage.loop.journal) == why


def test_a_loop_that_fails_again_and_again_is_tried_ever_more_rarely():
    stage = Stage()
    now_ms = 0
    made = []
    for _ in range(3_000):
        stage.loop.in_step = RuntimeError()
        count = len(stage.loops)
        now_ms = stage.run(now_ms, 100)
        if len(stage.loops) > count:
            made.append(now_ms)
    pauses = [made[at] - made[at - 1] for at in range(1, len(made))]
    assert len(pauses) >= 5 and pauses == sorted(pauses)
    assert max(pauses) <= 64_000 + 300
    # A minute of good work, and the next fault is again a first one.
    stage.loop.in_step = None
    now_ms = stage.run(now_ms, 200_000)
    count = len(stage.loops)
    stage.loop.in_step = RuntimeError()
    stage.run(now_ms, 1_500)
    assert len(stage.loops) == count + 1


def test_a_loop_that_cannot_be_made_is_tried_again():
    stage = Stage(failures=2)
    stage.loop.in_step = RuntimeError()
    stage.run(0, 20_000)
    assert len(stage.loops) == 2 and stage.supervisor.faults == 3
    assert not stage.board.closed or stage.loop.steps


def test_a_firmware_that_cannot_start_says_so():
    for error in (ValueError("no such meter"), JournalFull("too many channels")):

        def make(error=error):
            raise error

        assert raised(Supervisor, make, MemoryBoard()) is error


def test_a_flash_that_fails_at_the_first_start_is_tried_again():
    stage = Stage(first_failures=3)
    assert stage.supervisor.loop is None and not stage.board.closed
    assert stage.supervisor.status()["state"] == "restarting"
    now_ms = stage.run(0, 6_900)
    assert not stage.loops and stage.supervisor.faults == 3
    stage.run(now_ms, 400)
    assert len(stage.loops) == 1 and stage.loop.steps
    assert "OSError" in load_fault(stage.loop.journal)


def test_a_journal_without_room_for_bad_blocks_is_tried_again_at_the_first_start():
    """A flash that fails at the first start for a moment leaves no block erased."""
    flash = RamFlash(8)
    for block in flash.data:
        block[:] = bytes(len(block))
    works = flash.ioctl
    broken = [True]

    def ioctl(operation, argument):
        if operation == 6 and broken[0]:
            raise OSError(5)
        return works(operation, argument)

    flash.ioctl = ioctl
    board = MemoryBoard()

    def make():
        journal = mount(flash, 8)
        journal.put(b"k", b"v")
        return Loop(board, journal)

    supervisor = Supervisor(make, board)
    assert supervisor.loop is None and "FlashFailing" in supervisor.last_fault
    broken[0] = False
    for now_ms in range(0, 2_000, 20):
        supervisor.step(now_ms)
    assert supervisor.loop.journal.get(b"k") == b"v"


def test_a_restart_that_waits_feeds_the_watchdog_and_keeps_the_reason():
    stage = Stage(failures=100)
    now_ms = stage.run(0, 200)
    stage.loop.in_step = RuntimeError()
    now_ms = stage.run(now_ms, 100)
    for _ in range(200):
        fed = stage.board.fed
        now_ms = stage.run(now_ms, 1_000, 1_000)
        assert stage.board.fed == fed + 1 and not stage.board.closed
    assert stage.failures < 100
    stage.failures = 0
    stage.run(now_ms, 70_000)
    assert len(stage.loops) == 2 and load_fault(stage.loop.journal)


def test_low_memory_ends_the_session_in_order_and_then_starts_clean():
    stage = Stage()
    now_ms = stage.run(0, 200)
    stage.loop.resting = False
    stage.heap.low = True
    now_ms = stage.run(now_ms, 300)
    assert len(stage.loops) == 1 and stage.loop.stops and set(stage.loop.stops) == {99}
    stage.loop.resting = True
    now_ms = stage.run(now_ms, 100)
    assert stage.supervisor.last_fault == "MEMORY_LOW" and not stage.board.closed
    stage.heap.low = False
    now_ms = stage.run(now_ms, 2_000)
    assert len(stage.loops) == 2 and stage.board.resets == 0
    assert load_fault(stage.loop.journal) == "MEMORY_LOW"
    # If starting clean did not help, nothing less than a reset will.
    stage.heap.low = True
    stage.run(now_ms, 100)
    assert stage.board.resets == 1


def test_the_heap_is_looked_at_now_and_then():
    heap = HeapWatch(reserve=1 << 12, every_ms=1_000)
    assert [heap.is_low(now_ms) for now_ms in (0, 500, 1_000, TICKS_PERIOD - 1)] == [False] * 4


def test_a_heap_without_room_for_the_reserve_is_low():
    import gc

    if not hasattr(gc, "mem_free"):
        return  # CPython's heap grows
    # A piece larger than the whole heap: a heap in fragments looks the same.
    assert HeapWatch(reserve=1 << 26, every_ms=1_000).is_low(0)


def test_a_fault_is_described_by_class_and_place():
    def fail():
        raise ValueError(SECRET)

    error = raised(fail)
    text = describe(error)
    assert text.startswith("ValueError") and SECRET not in text
    assert "test_supervisor" in text and "line" in text, text


def test_a_line_that_is_never_silent_does_not_starve_the_slow_work():
    """Five turns a second at least, across a wrap of the ticks; on a silent line, one a step."""
    for start_ms in (0, TICKS_PERIOD - 1_000):
        stage = Stage()
        (loop,) = stage.loops
        for number in range(200):
            stage.supervisor.step(ticks_add(start_ms, 10 * number))
            stage.supervisor.idle(False)
        assert 10 <= loop.idles <= 11
        for number in range(200, 210):
            stage.supervisor.step(ticks_add(start_ms, 10 * number))
            stage.supervisor.idle(True)
        assert 20 <= loop.idles <= 21
