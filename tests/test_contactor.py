"""A contactor closes a few times an hour at most, and keeps count of it."""

from joulestream.device.journal import Journal
from joulestream.pole.contactor import Contactor
from joulestream.testkit.flash import RamFlash

HOUR_MS = 3_600_000
STEP_MS = 500
HOLD_MS = 500


class Asker:
    """A contactor, and a peer that asks for as many closings as there can be."""

    def __init__(self):
        self.now_ms = 1_000
        self.closed = False
        self.closings_ms = []
        self._flash = RamFlash()
        self.boot()

    def boot(self):
        """Start the pole anew, with its journal alone."""
        self.journal = Journal(self._flash, bytes)
        self.contactor = Contactor(self._switch, HOLD_MS, self.journal, self.now_ms)

    def _switch(self, closed):
        if closed and not self.closed:
            self.closings_ms.append(self.now_ms)
        self.closed = closed

    def step(self, wanted):
        """Let a step pass in which the contactor is wanted closed or open."""
        self.now_ms += STEP_MS
        self.journal.erase_ahead()
        self.contactor.follow(self.now_ms)
        if wanted:
            self.contactor.arm(self.now_ms)
        else:
            self.contactor.open(self.now_ms)

    def worst_hour(self):
        """Return the most closings in any hour."""
        times = self.closings_ms
        return max(
            sum(1 for at_ms in times[first:] if at_ms < times[first] + HOUR_MS)
            for first in range(len(times))
        )


def test_nobody_gets_60_closings_in_an_hour():
    """Closed for a step, then open until it may close again; and with rare long pauses before."""
    for quiet_ms in (0, HOUR_MS // 2):
        asker = Asker()
        until_ms = asker.now_ms + 4 * HOUR_MS
        while asker.now_ms < until_ms:
            asker.step(not asker.closed)
            if quiet_ms and len(asker.closings_ms) % 40 == 0 and not asker.closed:
                for _ in range(quiet_ms // STEP_MS):
                    asker.step(False)
        assert 20 < asker.worst_hour() < 60
        assert asker.contactor.closings == len(asker.closings_ms)


def test_starts_of_the_pole_bring_no_closing_more():
    asker = Asker()
    until_ms = asker.now_ms + 4 * HOUR_MS
    while asker.now_ms < until_ms:
        asker.step(True)
        if asker.closed:
            asker.closed = False
            asker.boot()
    assert asker.worst_hour() < 60
    assert asker.contactor.closings == len(asker.closings_ms)


def test_the_first_closings_are_free_and_each_further_rest_is_longer():
    asker = Asker()
    rests = []
    for _ in range(30):
        opened_ms = asker.now_ms
        while not asker.closed:
            asker.step(True)
        rests.append((asker.now_ms - opened_ms) // 1_000)
        asker.step(False)
    assert rests[:6] == [0] * 6
    assert rests[6:9] == [10, 20, 30]
    assert rests == sorted(rests) or min(rests[-5:]) >= 100
    assert max(rests) <= 120


def test_closings_are_forgotten_with_time():
    asker = Asker()
    for _ in range(8):
        asker.step(True)
        asker.step(False)
        while asker.contactor.rests(asker.now_ms):
            asker.step(False)
    for _ in range(HOUR_MS // STEP_MS):
        asker.step(False)
    for _ in range(5):
        asker.step(True)
        assert asker.closed
        asker.step(False)


def test_a_closing_that_cannot_be_stored_does_not_happen():
    asker = Asker()

    def fail(key, value):
        raise OSError(5)

    put, asker.journal.put = asker.journal.put, fail
    asker.step(True)
    assert not asker.closed and not asker.contactor.closed
    asker.journal.put = put
    asker.step(True)
    assert asker.closed


def test_a_contactor_that_is_closed_stays_closed_while_it_is_armed():
    asker = Asker()
    for _ in range(8 * HOUR_MS // STEP_MS):
        asker.step(True)
        assert asker.closed
    assert asker.contactor.closings == 1
