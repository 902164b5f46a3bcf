"""Fuzz target: two sessions on a bad wire, with anything sent, injected or repeated at any time.

An input says what happens; whatever it is, each end walks the table of docs/protocol.md, acts on
nothing twice, raises nothing else than it documents, and comes to rest.
"""

from joulestream import messages
from joulestream.errors import (
    BAD_FIELD,
    LINK_TIMEOUT,
    PAYMENT_TIMEOUT,
    UNEXPECTED_MESSAGE,
    UNKNOWN_VERSION,
    LocalError,
    MalformedError,
    PeerError,
)
from joulestream.fields import UINT
from joulestream.host_tools.fuzz.choices import Broken, Choices, require
from joulestream.messages import (
    EITHER,
    HELLO,
    INVOICE,
    MESSAGES,
    PAYEE,
    PAYER,
    STOP,
    UPDATE,
    VERSION,
    make,
)
from joulestream.session import CLOSED, IDLE, TRANSITIONS, ProtocolSession
from joulestream.units import ticks_add

_NUMBERS = tuple(MESSAGES)
_RETRY_MS = 250
_TIMEOUT_MS = 2_000
# Steps of time: none, short ones, around each limit, and far beyond.
_STEPS_MS = (0, 1, 20, _RETRY_MS - 1, _RETRY_MS, 900, _TIMEOUT_MS, _TIMEOUT_MS + 1, 100_000)
_PEER_REASONS = (BAD_FIELD, UNEXPECTED_MESSAGE, UNKNOWN_VERSION)
_STANDING = (
    "state",
    "sequence",
    "payer_nonce",
    "payee_nonce",
    "channel_id",
    "payer_key",
    "payee_key",
    "offer_hash",
)
# The most frames that wait on the wire; more would only be slow.
_MOST_FLYING = 12


class _End:
    """One session, its owner, and the wire towards it."""

    def __init__(self, role, now_ms):
        self.role = role
        self.session = ProtocolSession(role, _RETRY_MS, _TIMEOUT_MS)
        self.flying = []  # payloads on their way to this end
        self.sent = {}  # number: the payload of it that was sent last
        self.updates = set()  # sequences of the invoices that were paid since the last was sent
        self.now_ms = now_ms

    def standing(self):
        return [getattr(self.session, name) for name in _STANDING]

    def send(self, message):
        """Send a message, which the table allows or not."""
        session = self.session
        number = message.number
        before = self.standing()
        target = TRANSITIONS[session.state].get(number)
        allowed = target is not None and MESSAGES[number][1] in (self.role, EITHER)
        try:
            session.send(message, self.now_ms)
        except LocalError:
            require(not allowed, "a message that the table allows is not sent")
            require(self.standing() == before, "a message that was not sent changed the session")
            return
        require(allowed, "a message is sent that the table does not allow")
        require(session.state == target, "sending leads to another state than the table says")
        self._note_sent(number)
        if number in (HELLO, INVOICE):
            self.updates.clear()

    def stop(self, reason):
        """Stop in whatever state the session is, as an owner does."""
        before = self.session.state
        target = TRANSITIONS[before].get(STOP, before)
        self.session.stop(reason, self.now_ms)
        require(self.session.state == target, "stopping leads elsewhere than the table says")
        require(self.session.outbox[-1] == bytes((STOP, reason)), "no STOP is sent")
        self._note_sent(STOP)

    def _note_sent(self, number):
        payload = bytes(self.session.outbox[-1])
        require(payload[0] == number, "another message is sent than was asked for")
        self.sent[number] = payload

    def receive(self, payload):
        """Take a payload; act as an owner does when the other side breaks the protocol."""
        session = self.session
        before, stale = self.standing(), session.stale
        try:
            message = session.receive(memoryview(payload), self.now_ms)
        except (MalformedError, PeerError) as error:
            require(self.standing() == before, "a message that was refused changed the session")
            if isinstance(error, MalformedError):
                _require_malformed(payload)
            else:
                require(error.reason in _PEER_REASONS, "refused with a reason of somebody else")
                self.stop(error.reason)
            return
        if message is None:
            require(self.standing() == before, "a late message changed the session")
            require(session.stale == stale + 1, "a late message is not counted")
        else:
            self._check_taken(message, payload, before[0], before[1])

    def _check_taken(self, message, payload, state, sequence):
        session = self.session
        number = message.number
        require(messages.encode(message) == payload, "a message is taken that was not sent")
        require(MESSAGES[number][1] in (1 - self.role, EITHER), "an own message is taken")
        require(number in TRANSITIONS[state], "a message is taken that the table does not list")
        require(session.state == TRANSITIONS[state][number], "the table says another state")
        if number == INVOICE:
            require(message.sequence == sequence + 1, "an invoice is taken out of its turn")
        elif number == UPDATE:
            require(message.sequence == sequence, "an update is taken for another invoice")
            require(sequence not in self.updates, "an invoice is paid twice")
            self.updates.add(sequence)
        before = self.standing()
        again = session.receive(memoryview(payload), self.now_ms)
        require(again is None and self.standing() == before, "a repetition is acted on")

    def poll(self):
        """Let time act; leave the session on a timeout, as owners do."""
        session = self.session
        state, queued = session.state, len(session.outbox)
        timeout = session.poll(self.now_ms)
        require(session.state == state, "time alone changed the state")
        for payload in session.outbox[queued:]:
            number = payload[0]
            require(state not in (IDLE, CLOSED), "a session at rest sends")
            require(bytes(payload) == self.sent.get(number), "other bytes are sent again")
            require(MESSAGES[number][2] is not None, "a message without an answer is sent again")
        require(len(session.outbox) - queued <= len(MESSAGES), "a request is sent again twice")
        require(timeout in (0, LINK_TIMEOUT, PAYMENT_TIMEOUT), "an unknown timeout")
        if timeout:
            require(state not in (IDLE, CLOSED), "a session at rest times out")
            require(timeout == LINK_TIMEOUT or self.role == PAYEE, "a vehicle awaits a payment")
            session.abort()
            require(session.state == CLOSED, "an end that left is not closed")

    def take_outbox(self):
        """Return the frames to send; all of them are this end's to send."""
        payloads = [bytes(payload) for payload in self.session.outbox]
        self.session.outbox.clear()
        for payload in payloads:
            message = messages.decode(payload)
            require(MESSAGES[message.number][1] in (self.role, EITHER), "not this end's to send")
        return payloads


def check(data):
    """Check one input."""
    choices = Choices(data)
    now_ms = choices.one_of((0, 1_000, (1 << 30) - 500))
    ends = (_End(PAYEE, now_ms), _End(PAYER, now_ms))
    while choices:
        end = ends[choices.below(2)]
        _happen(choices, end, choices.below(10))
        for one, other in (ends, ends[::-1]):
            other.flying = (other.flying + one.take_outbox())[-_MOST_FLYING:]
    _come_to_rest(ends)


def _happen(choices, end, what):
    """Let one thing happen at one end."""
    if what < 3:
        end.send(_message(choices, end))
    elif what < 6 and end.flying:
        at = choices.below(len(end.flying)) if what == 5 else 0
        payload = end.flying[at]
        if not (what == 4 and choices.below(2)):  # else it comes once more
            del end.flying[at]
        end.receive(payload)
    elif what == 6 and end.flying:
        del end.flying[choices.below(len(end.flying))]
    elif what == 7:
        step_ms = choices.one_of(_STEPS_MS)
        end.now_ms = ticks_add(end.now_ms, step_ms)
        end.poll()
    elif what == 8:
        end.receive(bytes(messages.encode(_message(choices, end))))
    elif what == 9:
        kind = choices.below(4)
        if kind == 0:
            end.stop(choices.below(256))
        elif kind == 1:
            end.session.abort()
        else:
            end.receive(choices.bytes(1 + choices.below(90)))


def _message(choices, end):
    """Return any message; its sequence is near the next one."""
    number = choices.one_of(_NUMBERS)
    fill = choices.below(256)
    values = {}
    for name, size, kind in MESSAGES[number][3].LAYOUT:
        values[name] = fill if kind == UINT else bytes((fill,)) * size
    if "version" in values:
        values["version"] = VERSION
    if "sequence" in values:
        values["sequence"] = max(end.session.sequence + fill % 4 - 1, 0)
    return make(number, **values)


def _require_malformed(payload):
    try:
        messages.decode(payload)
    except MalformedError:
        return
    raise Broken("a message is refused as malformed")


def _come_to_rest(ends):
    """Over a good wire, with nobody sending anything new, both ends fall silent."""
    for end in ends:
        end.flying.clear()
    for _ in range(4 * _TIMEOUT_MS // _RETRY_MS):
        for one, other in (ends, ends[::-1]):
            one.now_ms = ticks_add(one.now_ms, _RETRY_MS)
            one.poll()
            other.flying += one.take_outbox()
        for end in ends:
            flying, end.flying = end.flying, []
            for payload in flying:
                end.receive(payload)
    for end in ends:
        require(end.session.state in (IDLE, CLOSED), "an end is left waiting for ever")
        require(not end.flying and not end.session.outbox, "two ends never fall silent")
