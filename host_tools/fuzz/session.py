"""Fuzz target: two protocol sessions on a bad wire.

An input is a list of acts: an end sends a message, gets one, loses one, lets time pass or stops.
After each act the end must be in the state that the table of docs/protocol.md says, must not act
on a message twice, and must raise only documented errors. At the end both must come to rest.
"""

from typing import Any

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
from joulestream.host_tools.fuzz.choices import Choices, InvariantBroken, fail_unless
from joulestream.messages import (
    EITHER,
    HELLO,
    INVOICE,
    MESSAGES,
    NONCE_SIZE,
    PAYEE,
    PAYER,
    STOP,
    TAGGED,
    UPDATE,
    VERSION,
    Message,
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
_STATE_FIELDS = (
    "state",
    "sequence",
    "tag",
    "payer_nonce",
    "payee_nonce",
    "channel_id",
    "payer_key",
    "payee_key",
    "offer_hash",
)
# The most frames that wait on the wire; more would only be slow.
_MAX_FLYING = 12


class _End:
    """One session, its owner, and the wire towards it.

    Attributes:
        flying: payloads on their way to this end.
        sent: number of a message: the payload that was sent last.
        updates: sequences of the updates that came since the last HELLO or INVOICE was sent.
        now_ms: the tick of this end.
    """

    def __init__(self, role: int, now_ms: int) -> None:
        self.role = role
        self.session = ProtocolSession(role, _RETRY_MS, _TIMEOUT_MS)
        self.flying: list[bytes] = []
        self.sent: dict[int, bytes] = {}
        self.updates: set[int] = set()
        self.now_ms = now_ms

    def snapshot(self) -> list[Any]:
        """Return all fields that a refused message must not change."""
        return [getattr(self.session, name) for name in _STATE_FIELDS]

    def send(self, message: Message) -> None:
        """Send a message; it must leave if and only if the table allows it."""
        session = self.session
        number = message.number
        before = self.snapshot()
        target = TRANSITIONS[session.state].get(number)
        allowed = target is not None and MESSAGES[number][1] in (self.role, EITHER)
        try:
            session.send(message, self.now_ms)
        except LocalError:
            fail_unless(not allowed, "a message that the table allows is not sent")
            fail_unless(
                self.snapshot() == before, "a message that was not sent changed the session"
            )
            return
        fail_unless(allowed, "a message is sent that the table does not allow")
        fail_unless(session.state == target, "sending leads to another state than the table says")
        self._note_sent(number)
        if number in (HELLO, INVOICE):
            self.updates.clear()

    def stop(self, reason: int) -> None:
        """Stop in any state, as an owner does."""
        before = self.session.state
        target = TRANSITIONS[before].get(STOP, before)
        self.session.stop(reason, self.now_ms)
        fail_unless(self.session.state == target, "stopping leads elsewhere than the table says")
        sent = self.session.outbox[-1]
        fail_unless(sent[:2] == bytes((STOP, reason)), "no STOP is sent")
        self._note_sent(STOP)

    def _note_sent(self, number: int) -> None:
        payload = bytes(self.session.outbox[-1])
        fail_unless(payload[0] == number, "another message is sent")
        self.sent[number] = payload

    def receive(self, payload: bytes) -> None:
        """Receive a payload; stop, as an owner does, if the other side breaks the protocol."""
        session = self.session
        before, stale = self.snapshot(), session.stale
        try:
            message = session.receive(memoryview(payload), self.now_ms)
        except (MalformedError, PeerError) as error:
            fail_unless(
                self.snapshot() == before, "a message that was refused changed the session"
            )
            if isinstance(error, MalformedError):
                _check_malformed(payload)
            else:
                fail_unless(
                    error.reason in _PEER_REASONS,
                    "a message is refused for a reason that no peer causes",
                )
                if payload[0] in TAGGED:
                    tag = int.from_bytes(payload[1:5], "big")
                    fail_unless(tag == session.tag, "a message of another session is refused")
                self.stop(error.reason)
            return
        if message is None:
            fail_unless(self.snapshot() == before, "a late message changed the session")
            if payload[0] == HELLO and payload[1] != VERSION:
                refusal = bytes((STOP, UNKNOWN_VERSION)) + payload[2 : 2 + NONCE_SIZE]
                fail_unless(session.outbox[-1] == refusal, "a HELLO is refused otherwise")
                return
            fail_unless(session.stale == stale + 1, "a late message is not counted")
        else:
            self._check_taken(message, payload, before[0], before[1])

    def _check_taken(self, message: Any, payload: bytes, state: int, sequence: int) -> None:
        session = self.session
        number = message.number
        fail_unless(messages.encode(message) == payload, "a message is taken that was not sent")
        fail_unless(MESSAGES[number][1] in (1 - self.role, EITHER), "an own message is taken")
        fail_unless(
            number in TRANSITIONS[state], "a message is taken that the table does not list"
        )
        fail_unless(session.state == TRANSITIONS[state][number], "the table says another state")
        if number == INVOICE:
            fail_unless(message.sequence == sequence + 1, "an invoice is taken out of its turn")
        elif number == UPDATE:
            fail_unless(message.sequence == sequence, "an update is taken for another invoice")
            fail_unless(sequence not in self.updates, "an invoice is paid twice")
            self.updates.add(sequence)
        before = self.snapshot()
        again = session.receive(memoryview(payload), self.now_ms)
        fail_unless(again is None and self.snapshot() == before, "a repetition is acted on")

    def poll(self) -> None:
        """Poll the session; leave it on a timeout, as an owner does."""
        session = self.session
        state, queued = session.state, len(session.outbox)
        timeout = session.poll(self.now_ms)
        fail_unless(session.state == state, "time alone changed the state")
        for payload in session.outbox[queued:]:
            number = payload[0]
            fail_unless(state not in (IDLE, CLOSED), "a session at rest sends")
            fail_unless(bytes(payload) == self.sent.get(number), "other bytes are sent again")
            fail_unless(
                MESSAGES[number][2] is not None, "a message without an answer is sent again"
            )
        fail_unless(len(session.outbox) - queued <= len(MESSAGES), "a request is sent again twice")
        fail_unless(timeout in (0, LINK_TIMEOUT, PAYMENT_TIMEOUT), "an unknown timeout")
        if timeout:
            fail_unless(state not in (IDLE, CLOSED), "a session at rest times out")
            fail_unless(
                timeout == LINK_TIMEOUT or self.role == PAYEE, "a vehicle awaits a payment"
            )
            session.abort()
            fail_unless(session.state == CLOSED, "an end that left is not closed")

    def take_outbox(self) -> list[bytes]:
        """Return the payloads to send, and check that this end may send each of them."""
        payloads = [bytes(payload) for payload in self.session.outbox]
        self.session.outbox.clear()
        for payload in payloads:
            message = messages.decode(payload)
            fail_unless(
                MESSAGES[message.number][1] in (self.role, EITHER),
                "an end sends a message of the other end",
            )
        return payloads


def check(data: bytes) -> None:
    """Check one input."""
    choices = Choices(data)
    now_ms = choices.one_of((0, 1_000, (1 << 30) - 500))
    ends = (_End(PAYEE, now_ms), _End(PAYER, now_ms))
    while choices:
        end = ends[choices.below(2)]
        _act(choices, end, choices.below(10))
        for one, other in (ends, ends[::-1]):
            other.flying = (other.flying + one.take_outbox())[-_MAX_FLYING:]
    _come_to_rest(ends)


def _act(choices: Choices, end: _End, act: int) -> None:
    """Do one act at one end: send, receive, lose, wait, inject, stop, leave or receive noise."""
    if act < 3:
        end.send(_message(choices, end))
    elif act < 6 and end.flying:
        at = choices.below(len(end.flying)) if act == 5 else 0
        payload = end.flying[at]
        if not (act == 4 and choices.below(2)):  # else the payload comes once more
            del end.flying[at]
        end.receive(payload)
    elif act == 6 and end.flying:
        del end.flying[choices.below(len(end.flying))]
    elif act == 7:
        step_ms = choices.one_of(_STEPS_MS)
        end.now_ms = ticks_add(end.now_ms, step_ms)
        end.poll()
    elif act == 8:
        end.receive(bytes(messages.encode(_message(choices, end))))
    elif act == 9:
        kind = choices.below(4)
        if kind == 0:
            end.stop(choices.below(256))
        elif kind == 1:
            end.session.abort()
        else:
            end.receive(choices.bytes(1 + choices.below(90)))


def _message(choices: Choices, end: _End) -> Message:
    """Return any message. All its fields have one value; its sequence is near the next one.

    One message in eight names another session.
    """
    number = choices.one_of(_NUMBERS)
    fill = choices.below(256)
    values: dict[str, Any] = {}
    for name, size, kind in MESSAGES[number][3].LAYOUT:
        values[name] = fill if kind == UINT else bytes((fill,)) * size
    if "version" in values:
        values["version"] = VERSION
    if "sequence" in values:
        values["sequence"] = max(end.session.sequence + fill % 4 - 1, 0)
    if number in TAGGED:
        values["session"] = end.session.tag + (fill % 8 == 7)
    return make(number, **values)


def _check_malformed(payload: bytes) -> None:
    try:
        messages.decode(payload)
    except MalformedError:
        return
    raise InvariantBroken("a message is refused as malformed")


def _come_to_rest(ends: tuple[_End, _End]) -> None:
    """Check that both ends fall silent on a good wire when their owners send nothing new."""
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
        fail_unless(end.session.state in (IDLE, CLOSED), "an end is left waiting for ever")
        fail_unless(not end.flying and not end.session.outbox, "two ends never fall silent")
