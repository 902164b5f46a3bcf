"""The pole's time: no outside value locks the pole, and no certificate is taken after its end.

All histories of up to four events are played on the real clock. The journal is a dictionary here;
the whole pole meets the same events in test_lying_vehicle.py, the simulator and the liars.
"""

from itertools import product

from joulestream.boards.contract import CLOCK_NETWORK, CLOCK_NONE, CLOCK_RTC
from joulestream.errors import (
    BAD_TIME,
    CERTIFICATE_EXPIRED,
    CERTIFICATE_OLD,
    TIME_UNKNOWN,
)
from joulestream.pole.clock import PoleClock, mark_birth
from joulestream.runtime import BUILT_S
from joulestream.testkit.certificates import DAY_S, NOW_S

YEAR_S = 365 * DAY_S
ERA_S = 2_085_978_496  # 2036-02-07, to which NTP's first era wraps
VALID_S = 5 * DAY_S
HONEST, LIAR, OTHER = b"h" * 32, b"l" * 32, b"o" * 32
MINUTE_MS = 60_000


class Memory:
    """A journal without flash."""

    def __init__(self):
        self.values = {}
        self.writes = 0

    def get(self, key):
        return self.values.get(key)

    def put(self, key, value):
        self.values[key] = value
        self.writes += 1


class Shown:
    """The fields of a certificate that time is about."""

    def __init__(self, issuer_key, issued_at_s, valid_s=VALID_S):
        self.issuer_key = issuer_key
        self.issued_at_s = issued_at_s
        self.expires_at_s = issued_at_s + valid_s


class Pole:
    """A pole's clock, its board's clock, and the true time."""

    def __init__(self, quality=CLOCK_NETWORK):
        self.journal = Memory()
        self.true_s = NOW_S
        self.now_ms = 1_000
        self.boot(0, quality)

    def read(self):
        return self.true_s + self.off_s, self.quality

    def boot(self, off_s=0, quality=CLOCK_NETWORK):
        """Start the pole anew with a board's clock that is wrong by `off_s` seconds."""
        self.off_s, self.quality = off_s, quality
        self.clock = PoleClock(self.journal, self.read, (HONEST, LIAR, OTHER), self.now_ms)

    def wait(self, ms):
        """Let time pass while the pole runs."""
        self.true_s += ms // 1_000
        self.now_ms = (self.now_ms + ms) % (1 << 30)
        self.clock.tick(self.now_ms)

    def visit(self, shown, told_s=None, paid=False):
        """Let a vehicle show a certificate; return the reason to refuse it, or 0."""
        self.clock.offer_s(self.now_ms)
        if told_s is not None:
            self.clock.tell(shown.issuer_key, told_s, self.now_ms)
        reason = self.clock.reason(shown, self.now_ms)
        if not reason:
            self.clock.begin(shown, self.now_ms)
            if paid:
                self.clock.keep_floor(shown)
        return reason


def at_era(pole):
    pole.boot(ERA_S - pole.true_s)
    pole.visit(Shown(HONEST, pole.true_s))
    pole.wait(MINUTE_MS)


def at_build_date(pole):
    pole.boot(BUILT_S - pole.true_s, CLOCK_NONE)
    pole.visit(Shown(HONEST, pole.true_s))
    pole.wait(MINUTE_MS)


def in_1970(pole):
    pole.boot(-pole.true_s, CLOCK_RTC)
    pole.visit(Shown(HONEST, pole.true_s))


def with_a_clock(pole):
    pole.boot()


def corrected(pole):
    """The network corrects the clock of the running pole."""
    pole.off_s, pole.quality = 0, CLOCK_NETWORK


def a_liar_tells_2036(pole):
    pole.visit(Shown(LIAR, ERA_S), ERA_S)


def a_liar_tells_the_past(pole):
    pole.visit(Shown(LIAR, BUILT_S), BUILT_S)


def another_issuer_disagrees(pole):
    pole.visit(Shown(OTHER, pole.true_s + YEAR_S), pole.true_s + YEAR_S, paid=True)


def an_expired_one_is_shown(pole):
    pole.visit(Shown(HONEST, pole.true_s - VALID_S - 60))


def an_honest_visit(pole):
    pole.visit(Shown(HONEST, pole.true_s), paid=True)


def a_year_in_a_drawer(pole):
    pole.true_s += YEAR_S
    pole.boot()


EVENTS = (
    at_era,
    at_build_date,
    in_1970,
    with_a_clock,
    corrected,
    a_liar_tells_2036,
    a_liar_tells_the_past,
    another_issuer_disagrees,
    an_expired_one_is_shown,
    an_honest_visit,
    a_year_in_a_drawer,
)


def check_no_expired_one(pole, history):
    """An honest issuer's certificate that is over is refused, with and without its TIME."""
    for age_s in (VALID_S, VALID_S + 60, VALID_S + YEAR_S):
        over = Shown(HONEST, pole.true_s - age_s)
        for told_s in (None, pole.true_s):
            assert pole.visit(over, told_s), history


def check_no_lock_out(pole, history):
    """With the right clock, or with the issuer's TIME, a fresh certificate is taken."""
    fresh = Shown(HONEST, pole.true_s)
    assert not pole.visit(fresh, pole.true_s), history
    pole.boot(0, CLOCK_RTC)
    assert not pole.visit(fresh), history
    pole.boot(0, CLOCK_NONE)
    assert pole.visit(fresh) == TIME_UNKNOWN, history
    assert not pole.visit(fresh, pole.true_s), history


def test_all_histories_of_up_to_four_events():
    played = 0
    for length in range(5):
        for history in product(EVENTS, repeat=length):
            pole = Pole()
            for event in history:
                event(pole)
            pole.wait(MINUTE_MS)
            check_no_expired_one(pole, history)
            check_no_lock_out(pole, history)
            played += 1
    assert played == sum(len(EVENTS) ** length for length in range(5))


def test_all_histories_of_up_to_three_events_of_a_pole_that_never_knew_the_time():
    """The journal is new, and its birth is learnt later, or by an issuer's word."""
    for length in range(4):
        for history in product(EVENTS, repeat=length):
            pole = Pole(CLOCK_NONE)
            for event in history:
                event(pole)
            pole.wait(MINUTE_MS)
            check_no_expired_one(pole, history)
            check_no_lock_out(pole, history)


def test_a_clock_that_is_corrected_seconds_later_refuses_nothing_then():
    for off_s, quality, reason in (
        (BUILT_S - NOW_S, CLOCK_NONE, TIME_UNKNOWN),
        (-NOW_S, CLOCK_RTC, TIME_UNKNOWN),
        (ERA_S - NOW_S, CLOCK_NETWORK, CERTIFICATE_EXPIRED),
    ):
        pole = Pole()
        fresh = Shown(HONEST, NOW_S)
        pole.boot(off_s, quality)
        assert pole.visit(fresh) == reason
        # It is corrected after the OFFER, before the ACCEPT.
        pole.clock.offer_s(pole.now_ms)
        pole.wait(5_000)
        corrected(pole)
        assert not pole.clock.reason(fresh, pole.now_ms)
        assert not pole.visit(fresh)


def test_a_slow_clock_refuses_nothing():
    pole = Pole()
    for slow_s in (1, 5, 3_600):
        pole.boot(-slow_s)
        assert not pole.visit(Shown(HONEST, pole.true_s), paid=True)


def session(pole):
    """Open a session with a certificate that is valid for one more hour."""
    shown = Shown(HONEST, pole.true_s, 3_600)
    assert not pole.visit(shown)
    return shown


def session_ends(pole, shown, minutes):
    """Return after how many minutes the session's certificate is over, or None."""
    for minute in range(minutes):
        if pole.clock.time_s(pole.now_ms) >= shown.expires_at_s:
            return minute
        pole.wait(MINUTE_MS)
    return None


def test_a_clock_that_jumps_in_a_session_and_comes_back_stops_nothing():
    for off_s, quality in (
        (ERA_S - NOW_S, CLOCK_NETWORK),
        (BUILT_S - NOW_S, CLOCK_RTC),
        (BUILT_S - NOW_S, CLOCK_NONE),
        (-NOW_S, CLOCK_RTC),
    ):
        pole = Pole()
        shown = session(pole)
        for _ in range(4):  # forth and back, faster than two comparisons
            pole.off_s, pole.quality = off_s, quality
            assert session_ends(pole, shown, 5) is None
            assert pole.clock.price_s <= pole.true_s
            corrected(pole)
            assert session_ends(pole, shown, 5) is None
        assert session_ends(pole, shown, 30) == 20


def test_a_correction_that_lasts_ends_a_session_of_a_slow_clock():
    pole = Pole()
    pole.boot(-2 * DAY_S)
    shown = Shown(HONEST, pole.true_s - DAY_S, 3_600)  # over for 23 hours
    assert not pole.visit(shown)
    corrected(pole)
    assert 5 <= session_ends(pole, shown, 60) <= 11


def test_a_session_by_an_issuers_word_is_judged_by_it_to_its_end():
    pole = Pole()
    pole.boot(ERA_S - NOW_S)
    shown = Shown(HONEST, NOW_S, 3_600)
    assert not pole.visit(shown, NOW_S)
    assert session_ends(pole, shown, 120) == 60


def test_the_first_word_of_an_issuer_counts_and_a_new_offer_forgets_it():
    pole = Pole(CLOCK_NONE)
    over = Shown(HONEST, NOW_S, 60)
    pole.clock.offer_s(pole.now_ms)
    assert not pole.clock.tell(HONEST, NOW_S + 60, pole.now_ms)
    assert not pole.clock.tell(HONEST, NOW_S, pole.now_ms)
    assert pole.clock.reason(over, pole.now_ms) == CERTIFICATE_EXPIRED
    assert pole.visit(over) == TIME_UNKNOWN
    for impossible_s in (0, BUILT_S - 1, 1 << 33, (1 << 64) - 1):
        assert pole.clock.tell(HONEST, impossible_s, pole.now_ms) == BAD_TIME


def test_a_floor_outlives_the_clock_and_judges_its_issuer_alone():
    pole = Pole()
    assert not pole.visit(Shown(HONEST, NOW_S + VALID_S), paid=True)
    pole.boot(-DAY_S)
    assert pole.visit(Shown(HONEST, NOW_S)) == CERTIFICATE_EXPIRED
    assert not pole.visit(Shown(OTHER, NOW_S))


def test_a_new_journal_takes_no_certificate_from_before_its_birth():
    """The ledger paid 50 on the channel, and the old certificate says 0."""
    before = Shown(HONEST, NOW_S)
    pole = Pole()
    assert not pole.visit(before, paid=True)
    pole.wait(60 * MINUTE_MS)
    for quality in (CLOCK_NETWORK, CLOCK_NONE):
        pole.journal = Memory()
        pole.boot(0, quality)
        born_s = pole.true_s
        pole.wait(MINUTE_MS)
        told_s = None if quality else pole.true_s
        assert pole.visit(before, told_s) == CERTIFICATE_OLD
        pole.boot(0, quality)
        assert pole.visit(before, told_s) == CERTIFICATE_OLD
        assert not pole.visit(Shown(HONEST, born_s), told_s)


def test_a_host_that_restores_an_image_marks_it():
    """Also when the pole has no clock, so that an issuer told it when its journal was born."""
    for quality in (CLOCK_NETWORK, CLOCK_NONE):
        pole = Pole(quality)
        told_s = None if quality else pole.true_s
        assert not pole.visit(Shown(HONEST, pole.true_s), told_s, paid=True)
        copy = dict(pole.journal.values)
        pole.wait(60 * MINUTE_MS)
        pole.journal.values = copy
        mark_birth(pole.journal, pole.true_s)
        pole.boot(0, quality)
        told_s = None if quality else pole.true_s
        assert pole.visit(Shown(HONEST, pole.true_s - 1), told_s) == CERTIFICATE_OLD
        assert not pole.visit(Shown(HONEST, pole.true_s), told_s)


def test_a_birth_that_a_wrong_clock_noted_is_mended():
    pole = Pole()
    pole.journal = Memory()
    pole.boot(ERA_S - NOW_S)
    corrected(pole)
    assert not pole.visit(Shown(HONEST, pole.true_s))
    pole.boot()
    assert not pole.visit(Shown(HONEST, pole.true_s))


def test_a_clock_that_is_corrected_after_the_first_start_corrects_the_birth():
    """For instance a clock that shows local time until the network tells the right one."""
    for off_s in (8 * 3_600, 300, -8 * 3_600):
        pole = Pole()
        old = Shown(HONEST, pole.true_s - 61)
        pole.journal = Memory()
        pole.boot(off_s)
        pole.visit(Shown(HONEST, pole.true_s))
        pole.wait(5_000)
        corrected(pole)
        assert not pole.visit(Shown(HONEST, pole.true_s)), off_s
        writes = pole.journal.writes
        for _ in range(100):
            pole.wait(MINUTE_MS)
            assert pole.visit(old) == CERTIFICATE_OLD, off_s
        assert pole.journal.writes == writes
        pole.boot()
        assert pole.visit(old) == CERTIFICATE_OLD, off_s


def test_ticks_that_run_wrong_for_weeks_move_no_birth():
    pole = Pole()
    pole.journal = Memory()
    pole.boot()
    writes = pole.journal.writes
    for _ in range(20 * 24):
        pole.wait(60 * MINUTE_MS)
        pole.true_s += 1  # 278 millionths
        assert not pole.visit(Shown(HONEST, pole.true_s))
    assert pole.journal.writes == writes


def test_a_liar_moves_the_birth_for_itself_alone():
    """A vehicle with an old certificate of the honest issuer, and a friend that issues."""
    pole = Pole(CLOCK_NONE)
    pole.wait(60 * MINUTE_MS)
    pole.visit(Shown(LIAR, BUILT_S), BUILT_S)
    assert pole.visit(Shown(HONEST, NOW_S - 1), pole.true_s) == CERTIFICATE_OLD
    pole.visit(Shown(LIAR, ERA_S), ERA_S)
    assert not pole.visit(Shown(HONEST, NOW_S), pole.true_s)


def test_words_about_the_time_write_next_to_nothing():
    """Also of an issuer that tells ever earlier times to a pole in the first start of its life."""
    for is_new in (False, True):
        pole = Pole(CLOCK_NONE)
        if is_new:
            pole.journal = Memory()
            pole.boot(0, CLOCK_NONE)
        for number in range(1_000):
            pole.visit(Shown(LIAR, ERA_S), ERA_S - 80 * number)
            pole.visit(Shown(HONEST, NOW_S), NOW_S)
        assert pole.journal.writes <= 4
