"""Sessions over a link that loses or doubles frames log the same messages as over a good link.

Each end plays a fixed part: it answers each message with the next one. One run is disturbed at a
single frame, for each frame in turn, or at random frames. Then the messages that each end took are
compared with those of an undisturbed run.
"""

from joulestream import messages
from joulestream.errors import OWNER_STOP
from joulestream.fields import UINT
from joulestream.messages import (
    ACCEPT,
    HELLO,
    INVOICE,
    MESSAGES,
    OFFER,
    PAYEE,
    PAYER,
    RECEIPT,
    RECEIPT_ACK,
    RENEW,
    RENEW_REQUEST,
    RENEWED,
    STOP,
    TARIFF,
    TARIFF_ACCEPT,
    TIME,
    TIME_TAKEN,
    UPDATE,
    make,
)
from joulestream.session import CLOSED, STOPPING, ProtocolSession
from joulestream.testkit.random import Random
from joulestream.units import TICKS_PERIOD, ticks_add

RETRY_MS = 250
TICK_MS = 50
# Enough that a lost renewal is sent again before the end.
PACKETS = 12
# A message without an answer is sent once. It may be lost, and the session goes on without it.
UNANSWERED = (RENEW_REQUEST,)


class End:
    """One end of a session: it sends a fixed answer to each message, and logs the messages."""

    def __init__(self, role, stopper, now_ms):
        self.session = ProtocolSession(role, RETRY_MS, 60_000)
        self.log = []
        # the role that stops the session after PACKETS invoices
        self._stopper = stopper
        self._now_ms = now_ms
        if role == PAYER:
            self.send(HELLO)

    def send(self, number, **changes):
        values = {}
        for name, size, kind in MESSAGES[number][3].LAYOUT:
            values[name] = 1 if kind == UINT else bytes([number]) * size
            if name == "payer_nonce":
                values[name] = self.session.payer_nonce
        values.update(changes)
        self.session.send(make(number, **values), self._now_ms)

    def take(self, payload, now_ms):
        self._now_ms = now_ms
        message = self.session.receive(payload, now_ms)
        if message is not None:
            self.log.append((message.number, bytes(payload)))
            (self._as_pole if self.session.role == PAYEE else self._as_vehicle)(message)

    def _as_vehicle(self, message):
        number = message.number
        if number == OFFER:
            self.send(TIME)
        elif number == TIME_TAKEN:
            self.send(ACCEPT)
        elif number == INVOICE:
            self.send(UPDATE, sequence=message.sequence, amount=message.sequence)
            if self.session.sequence - self.session.tag == PACKETS and self._stopper == PAYER:
                self.send(STOP, reason=OWNER_STOP)
        elif number == TARIFF:
            self.send(TARIFF_ACCEPT, from_energy_mwh=message.from_energy_mwh)
        elif number == RENEW_REQUEST:
            self.send(RENEW)
        elif number == RECEIPT:
            self.send(RECEIPT_ACK)

    def _as_pole(self, message):
        number = message.number
        session = self.session
        if number == HELLO:
            self.send(OFFER)
        elif number == TIME:
            self.send(TIME_TAKEN)
        elif number == ACCEPT:
            self.send(INVOICE, sequence=session.tag + 1)
        elif number == UPDATE:
            if session.sequence - session.tag == PACKETS:
                if self._stopper == PAYEE:
                    self.send(STOP, reason=OWNER_STOP)
                    self.send(RECEIPT)
                elif session.state == STOPPING:
                    self.send(RECEIPT)
                return
            if session.sequence - session.tag == 1:
                self.send(TARIFF, from_energy_mwh=7)
                self.send(RENEW_REQUEST)
            self.send(INVOICE, sequence=message.sequence + 1)
        elif number == RENEW:
            self.send(RENEWED)
        elif number == STOP and not session.is_waiting_for(UPDATE):
            self.send(RECEIPT)


def play(stopper, fate, start_ms=0):
    """Run one session; return both ends.

    Args:
        stopper: the role that stops the session.
        fate: `fate(role, number)` returns how often a frame with that message arrives.
        start_ms: the tick at the start.
    """
    ends = [None, None]
    ends[PAYEE] = End(PAYEE, stopper, start_ms)
    ends[PAYER] = End(PAYER, stopper, start_ms)
    for turn in range(4000):
        now_ms = ticks_add(start_ms, turn * TICK_MS)
        for end in ends:
            assert end.session.poll(now_ms) == 0
            sent = list(end.session.outbox)
            end.session.outbox.clear()
            for payload in sent:
                for _ in range(fate(end.session.role, payload[0])):
                    ends[1 - end.session.role].take(memoryview(payload), now_ms)
        if ends[PAYEE].session.state == CLOSED and ends[PAYER].session.state == CLOSED:
            return ends
    raise AssertionError("the session did not end")


def once(role, number):
    return 1


class Nth:
    """A fate: the n-th frame of the session arrives `times` times, every other frame once."""

    def __init__(self, n, times):
        self._left = n
        self._times = times
        self.number = 0

    def __call__(self, role, number):
        self._left -= 1
        if self._left:
            return 1
        self.number = number
        return self._times


def logs(ends):
    return [sorted(end.log) for end in ends]


def without(numbers, both):
    return [[entry for entry in log if entry[0] not in numbers] for log in both]


def lacking(number, stopper):
    """Return the messages that may be missing from a log if the message `number` was lost."""
    if number == RENEW_REQUEST:
        return (RENEW_REQUEST, RENEW, RENEWED)
    if number == STOP and stopper == PAYEE:
        return (STOP,)
    return (number,) if number in UNANSWERED else ()


def test_a_good_link_delivers_every_message():
    for stopper in (PAYEE, PAYER):
        ends = play(stopper, once)
        seen = {number for end in ends for number, _ in end.log}
        assert seen == set(MESSAGES)
        assert [end.session.stale for end in ends] == [0, 0]
        assert [end.session.retransmissions for end in ends] == [0, 0]


def frames(stopper):
    count = [0]

    def counting(role, number):
        count[0] += 1
        return 1

    play(stopper, counting)
    return count[0]


def test_any_one_frame_lost():
    for stopper in (PAYEE, PAYER):
        expected = logs(play(stopper, once))
        for n in range(1, frames(stopper) + 1):
            fate = Nth(n, 0)
            found = logs(play(stopper, fate))
            missing = lacking(fate.number, stopper)
            assert without(missing, found) == without(missing, expected), (stopper, n, fate.number)


def test_any_one_frame_doubled():
    for stopper in (PAYEE, PAYER):
        expected = logs(play(stopper, once))
        for n in range(1, frames(stopper) + 1):
            for times in (2, 3):
                fate = Nth(n, times)
                assert logs(play(stopper, fate)) == expected, (stopper, n, fate.number)


def test_many_frames_lost_and_doubled():
    # The session may end before a lost message of these is sent again.
    optional = (TARIFF, TARIFF_ACCEPT, RENEW_REQUEST, RENEW, RENEWED, STOP)
    for stopper in (PAYEE, PAYER):
        expected = without(optional, logs(play(stopper, once)))
        for seed in range(1, 31):
            random = Random(seed)

            def fate(role, number, random=random):
                luck = random.below(10)
                return 0 if luck < 3 else 2 if luck > 7 else 1

            start_ms = TICKS_PERIOD - 2_000 if seed % 2 else 0
            found = logs(play(stopper, fate, start_ms))
            assert without(optional, found) == expected, (stopper, seed)


def test_every_message_was_tried():
    tried = set()
    for n in range(1, frames(PAYER) + 1):
        fate = Nth(n, 2)
        play(PAYER, fate)
        tried.add(fate.number)
    assert tried == set(MESSAGES)
    assert messages.VERSION == 1
