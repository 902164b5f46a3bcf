"""One session between a pole and a vehicle: one transition table for both roles.

Sans-I/O, after h11: payloads and times go in, messages and payloads to send come out. Sending
and receiving walk the same table, so the two ends cannot disagree about whose turn it is.
A request is sent again until its answer comes; an answered request that comes again gets the
same answer again, so a lost or doubled frame changes nothing.
"""

from hashlib import sha256

from joulestream import messages
from joulestream.channel import signed_bytes
from joulestream.compat import const
from joulestream.errors import (
    BAD_FIELD,
    LINK_TIMEOUT,
    PAYMENT_TIMEOUT,
    UNEXPECTED_MESSAGE,
    LocalError,
    PeerError,
)
from joulestream.messages import (
    ACCEPT,
    EITHER,
    HELLO,
    INVOICE,
    MESSAGES,
    OFFER,
    RECEIPT,
    RECEIPT_ACK,
    RENEW,
    RENEW_REQUEST,
    RENEWED,
    REQUEST_OF,
    STOP,
    TARIFF,
    TARIFF_ACCEPT,
    TIME,
    UPDATE,
    Message,
)
from joulestream.units import ticks_add, ticks_diff

IDLE = const(0)
GREETED = const(1)
OFFERED = const(2)
ACCEPTED = const(3)
OPEN = const(4)
STOPPING = const(5)
RECEIPTED = const(6)
CLOSED = const(7)

STATE_NAMES = (
    "idle",
    "greeted",
    "offered",
    "accepted",
    "open",
    "stopping",
    "receipted",
    "closed",
)

# Once stopping, packets in flight are still settled; what is left of the rest is only late.
_IN_FLIGHT = (INVOICE, UPDATE, TARIFF, TARIFF_ACCEPT, RENEW_REQUEST, RENEW, RENEWED)


def _all_to(state, numbers):
    return {number: state for number in numbers}


def _row(*parts):
    row = {HELLO: GREETED}
    for part in parts:
        row.update(part)
    return row


# state: {message, whoever sends it: next state}
TRANSITIONS = {
    IDLE: _row(),
    GREETED: _row({OFFER: OFFERED, STOP: CLOSED}),
    OFFERED: _row({TIME: OFFERED, ACCEPT: ACCEPTED, STOP: CLOSED}),
    ACCEPTED: _row({INVOICE: OPEN, STOP: CLOSED}),
    OPEN: _row(_all_to(OPEN, _IN_FLIGHT), {STOP: STOPPING, RECEIPT: RECEIPTED}),
    STOPPING: _row(_all_to(STOPPING, _IN_FLIGHT), {STOP: STOPPING, RECEIPT: RECEIPTED}),
    RECEIPTED: _row(
        _all_to(RECEIPTED, (UPDATE, TARIFF_ACCEPT, RENEW, STOP)), {RECEIPT_ACK: CLOSED}
    ),
    CLOSED: _row(),
}

# Outside a session nothing is awaited, and nothing unexpected is answered with a STOP.
_QUIET_STATES = (IDLE, CLOSED)
# What comes before the offer is left over from the session before.
_STATES_OF_LATE_MESSAGES = (IDLE, GREETED, CLOSED)


class _Request:
    """A request that this end sent: sent again while it is `waiting` for its answer."""

    def __init__(self):
        self.waiting = False
        self.payload = b""
        self.first_ms = 0
        self.retry_ms = 0


class ProtocolSession:
    """The protocol state of one end. `role` is messages.PAYEE or messages.PAYER.

    `outbox` collects payloads to send; the owner takes them out before it sends another message of
    the same number, whose payload is written into the same buffer. `stale` counts messages that
    came too late to matter. Times are wrapped ticks in ms.
    """

    def __init__(self, role, retry_ms, timeout_ms):
        self.role = role
        self.state = IDLE
        self.outbox = []
        self.stale = 0
        self.retransmissions = 0
        self._retry_ms = retry_ms
        self._timeout_ms = timeout_ms
        self._requests = {}
        for request in REQUEST_OF.values():
            self._requests[request] = _Request()
        # A packet is two messages; what they need is made once.
        self._packets = {INVOICE: Message(INVOICE), UPDATE: Message(UPDATE)}
        self._buffers = {}  # message: the buffer its payloads are written into
        self._reset(0)

    def _reset(self, now_ms):
        self._news_ms = now_ms
        self._forget_requests()
        self._asked = {}  # message: payload of the last one received
        self._answers = {}  # request: payload of the answer given
        self.sequence = 0
        self.payer_nonce = b""
        self.payee_nonce = b""
        self.channel_id = b""
        self.payer_key = b""
        self.payee_key = b""
        self.offer_hash = b""

    def abort(self):
        """Forget the session: nothing is sent again, what still comes is late."""
        self.state = CLOSED
        self._forget_requests()

    def is_waiting_for(self, answer):
        """Return whether a request is out that the message `answer` answers."""
        return self._requests[REQUEST_OF[answer]].waiting

    def signed(self, signed_type, body):
        """Return the bytes to sign for `body`: bound to both nonces, both keys and the channel."""
        return signed_bytes(
            signed_type,
            self.payer_nonce
            + self.payee_nonce
            + self.payer_key
            + self.payee_key
            + self.channel_id
            + body,
        )

    def send(self, message, now_ms):
        """Queue `message` (messages.Message) and walk the table.

        Raises LocalError when it is not this role's to send, or not now.
        """
        number = message.number
        _, sender, answer, _ = MESSAGES[number]
        target = TRANSITIONS[self.state].get(number)
        if target is None or sender not in (self.role, EITHER):
            raise LocalError("%s cannot be sent now" % messages.message_name(number))
        payload = messages.encode(message, self._buffers.get(number))
        self._buffers[number] = payload
        if number == HELLO:
            self._reset(now_ms)
        self._note(message, payload)
        self.state = target
        asked = REQUEST_OF.get(number)
        if asked in self._asked:
            self._answers[asked] = payload
        if number == STOP:
            self._answer_with_stop(payload)
        if target in (RECEIPTED, CLOSED):
            self._forget_requests()
        if target != CLOSED and answer is not None and MESSAGES[answer][1] != self.role:
            request = self._requests[number]
            request.waiting = True
            request.payload = payload
            request.first_ms = now_ms
            request.retry_ms = ticks_add(now_ms, self._retry_ms)
        self.outbox.append(payload)

    def stop(self, reason, now_ms):
        """Tell the other side `reason` (errors.py), in whatever state this end is."""
        message = messages.Message(STOP, reason=reason)
        if STOP in TRANSITIONS[self.state]:
            self.send(message, now_ms)
        else:
            self.outbox.append(messages.encode(message))

    def receive(self, payload, now_ms):
        """Take a payload; return its message, or None when it is late or a repetition.

        An INVOICE or UPDATE returned is overwritten by the next one. Raises MalformedError for
        bytes that are no message, PeerError for one that breaks the protocol; the session's state
        is then unchanged.
        """
        number = payload[0]
        if self._asked.get(number) == payload:
            self._repeat(number)
            return None
        message = messages.decode(payload, self._packets)
        target = TRANSITIONS[self.state].get(number)
        sender = MESSAGES[number][1]
        if target is None or sender not in (1 - self.role, EITHER):
            if self.state in _STATES_OF_LATE_MESSAGES:
                self.stale += 1
                return None
            raise PeerError(UNEXPECTED_MESSAGE)
        if number == HELLO:
            self._reset(now_ms)
            self.outbox.clear()
        elif not self._is_next(message):
            self.stale += 1
            return None
        if number != UPDATE:  # its sequence tells a repetition, at every packet
            self._keep_asked(number, payload)
        self._answers.pop(number, None)
        request = REQUEST_OF.get(number)
        if request is not None:
            self._requests[request].waiting = False
        self._note(message, payload)
        self._news_ms = now_ms
        self.state = target
        if target == CLOSED:
            self._forget_requests()
        return message

    def poll(self, now_ms):
        """Queue what must be sent again; return LINK_TIMEOUT or PAYMENT_TIMEOUT, or 0."""
        for number in self._requests:
            request = self._requests[number]
            if not request.waiting:
                continue
            if number == INVOICE and ticks_diff(now_ms, request.first_ms) > self._timeout_ms:
                return PAYMENT_TIMEOUT
            if ticks_diff(now_ms, request.retry_ms) >= 0:
                request.retry_ms = ticks_add(now_ms, self._retry_ms)
                self.retransmissions += 1
                self.outbox.append(request.payload)
        if self.state not in _QUIET_STATES:
            if ticks_diff(now_ms, self._news_ms) > self._timeout_ms:
                return LINK_TIMEOUT
        return 0

    def _forget_requests(self):
        for number in self._requests:
            self._requests[number].waiting = False

    def _answer_with_stop(self, payload):
        """Let a STOP answer all that was asked and not answered."""
        for request in self._asked:
            # A STOP never answers a STOP, nor the RECEIPT that answered one: two ends would answer
            # each other for ever.
            if request not in (STOP, RECEIPT) and request not in self._answers:
                self._answers[request] = payload

    def _keep_asked(self, number, payload):
        """Remember a payload received, which is `number`'s and so always as long."""
        kept = self._asked.get(number)
        if kept is None:
            self._asked[number] = bytearray(payload)
        else:
            kept[:] = payload

    def _repeat(self, number):
        answer = self._answers.get(number)
        self.stale += 1
        if answer is not None:
            self.retransmissions += 1
            self.outbox.append(answer)

    def _is_next(self, message):
        """Return whether a packet message is the one whose turn it is; False when it is late."""
        if message.number == INVOICE:
            expected = self.sequence + 1
        elif message.number == UPDATE:
            expected = self.sequence
        else:
            return True
        if message.sequence > expected or (
            message.number == INVOICE and message.sequence == self.sequence
        ):
            raise PeerError(BAD_FIELD)
        if message.number == UPDATE and not self._requests[INVOICE].waiting:
            return False
        return message.sequence == expected

    def _note(self, message, payload):
        """Keep what signatures over this session are bound to."""
        number = message.number
        if number == INVOICE:
            self.sequence = message.sequence
        elif number == HELLO:
            self.payer_nonce = message.nonce
            self.channel_id = message.channel_id
            self.payer_key = message.payer_key
        elif number == OFFER:
            self.payee_nonce = message.nonce
            self.payee_key = message.payee_key
            self.offer_hash = sha256(payload).digest()
