"""One session between a payee and a payer: one transition table for both roles.

No I/O, after h11: payloads and times go in, messages and payloads to send come out. Sending and
receiving walk the same table, so the two ends cannot disagree about whose turn it is.

A request is sent again until its answer comes. A request that comes again is answered again with
the same bytes. So a lost or doubled frame changes nothing. Nor does a late one: each message names
its session, and one of another session is dropped in every state.
"""

from hashlib import sha256

from joulestream import messages
from joulestream.channel import (
    SIGNED_OFFER,
    SIGNED_PROOF,
    SIGNED_RECEIPT,
    SIGNED_TARIFF,
    signed_bytes,
)
from joulestream.compat import const
from joulestream.errors import (
    BAD_FIELD,
    BAD_SIGNATURE,
    LINK_TIMEOUT,
    PAYMENT_TIMEOUT,
    UNEXPECTED_MESSAGE,
    UNKNOWN_VERSION,
    LocalError,
    PeerError,
)
from joulestream.messages import (
    ACCEPT,
    EITHER,
    HELLO,
    INVOICE,
    MESSAGES,
    NONCE_SIZE,
    OFFER,
    PAYEE,
    RECEIPT,
    RECEIPT_ACK,
    RENEW,
    RENEW_REQUEST,
    RENEWED,
    REQUEST_OF,
    STOP,
    TAGGED,
    TARIFF,
    TARIFF_ACCEPT,
    TIME,
    TIME_TAKEN,
    UPDATE,
    Invoice,
    Stop,
    Update,
    signed_body,
)
from joulestream.session_tag import SEQUENCES_AHEAD, Greetings, name_session, session_tag
from joulestream.signing import verify
from joulestream.units import Timer, ticks_add, ticks_diff

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.fields import Buffer
    from joulestream.messages import Message
    from joulestream.signing import Signer

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

# Messages that may still be on their way when a side stops: both sides complete that packet.
_IN_FLIGHT = (INVOICE, UPDATE, TARIFF, TARIFF_ACCEPT, RENEW_REQUEST, RENEW, RENEWED)


def _all_to(state: int, numbers: "tuple[int, ...]") -> "dict[int, int]":
    return {number: state for number in numbers}


def _row(*parts: "dict[int, int]") -> "dict[int, int]":
    # A HELLO is allowed in every state: the payer begins anew.
    row = {HELLO: GREETED}
    for part in parts:
        row.update(part)
    return row


# state: {message, in either direction: next state}
TRANSITIONS = {
    IDLE: _row(),
    GREETED: _row({OFFER: OFFERED, STOP: CLOSED}),
    OFFERED: _row({TIME: OFFERED, TIME_TAKEN: OFFERED, ACCEPT: ACCEPTED, STOP: CLOSED}),
    ACCEPTED: _row({INVOICE: OPEN, STOP: CLOSED}),
    OPEN: _row(_all_to(OPEN, _IN_FLIGHT), {STOP: STOPPING, RECEIPT: RECEIPTED}),
    STOPPING: _row(_all_to(STOPPING, _IN_FLIGHT), {STOP: STOPPING, RECEIPT: RECEIPTED}),
    RECEIPTED: _row(
        _all_to(RECEIPTED, (UPDATE, TARIFF_ACCEPT, RENEW, STOP)), {RECEIPT_ACK: CLOSED}
    ),
    CLOSED: _row(),
}

# In these states neither end waits for the other, so silence is no timeout.
QUIET_STATES = (IDLE, CLOSED)
# Two ends may leave a session at different times. A message that the table does not list in these
# states is late, so that nobody answers it.
_STATES_OF_LATE_MESSAGES = (IDLE, GREETED, CLOSED)

# message: the type of its signature
_SIGNED_TYPES = {
    ACCEPT: SIGNED_PROOF,
    OFFER: SIGNED_OFFER,
    TARIFF: SIGNED_TARIFF,
    RECEIPT: SIGNED_RECEIPT,
}


class _Request:
    """One kind of request.

    This end sends its own again while it is `waiting` for the answer. It answers the other side's
    again only when `until_next_answer` is over.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.waiting = False
        self.payload: Buffer = b""
        self.first_ms = 0
        self.retry_ms = 0
        self.until_next_answer = Timer()


class ProtocolSession:
    """The protocol state of one end. Times are wrapped ticks in ms (units.ticks_diff).

    Args:
        role: messages.PAYEE or messages.PAYER.
        retry_ms: pause before a request is sent again.
        timeout_ms: silence after which `poll` tells LINK_TIMEOUT.

    Attributes:
        state: one of IDLE to CLOSED.
        outbox: payloads to send. The link takes them out before the next message of the same
            number is sent, since that is written into the same buffer.
        sequence: sequence of the newest INVOICE; the tag before the first one.
        tag: what names the session in its messages (session_tag.py); 0 before the first HELLO.
        stale: how many messages came too late to matter.
        retransmissions: how many payloads were sent again.
    """

    def __init__(self, role: int, retry_ms: int, timeout_ms: int) -> None:
        self.role = role
        self.state = IDLE
        self.outbox: list[Buffer] = []
        self.stale = 0
        self.retransmissions = 0
        self._retry_ms = retry_ms
        self._timeout_ms = timeout_ms
        self._requests: dict[int, _Request] = {}
        for number in REQUEST_OF.values():
            self._requests[number] = _Request(number)
        # The same again, to walk along, and how many of them are waiting. A step looks at none
        # while none is.
        self._request_row = list(self._requests.values())
        self._waiting = 0
        # Every packet is one INVOICE and one UPDATE. Both objects are made once and reused.
        self._packets: dict[int, Message] = {
            INVOICE: Invoice(sequence=0, energy_mwh=0, amount_due=0),
            UPDATE: Update(sequence=0, amount=0, signature=b""),
        }
        self._buffers: dict[int, bytearray] = {}  # message: the buffer of its payloads
        self._greetings = Greetings()
        self._reset(0)

    def _reset(self, now_ms: int) -> None:
        self._news_ms = now_ms
        self._forget_requests()
        self._asked: dict[int, bytearray] = {}  # message: the last payload received
        self._answers: dict[int, Buffer] = {}  # request: the payload that answered it
        self.tag = 0
        self.sequence = 0
        self.payer_nonce = b""
        self.payee_nonce = b""
        self.channel_id = b""
        self.payer_key = b""
        self.payee_key = b""
        self.offer_hash = b""

    def abort(self) -> None:
        """Forget the session: nothing is sent again, and messages that still come are late."""
        self.state = CLOSED
        self._forget_requests()

    def is_quiet(self) -> bool:
        """Return whether no session is under way."""
        return self.state in QUIET_STATES

    def is_waiting_for(self, answer: int) -> bool:
        """Return whether this end waits for the message `answer`."""
        return self._requests[REQUEST_OF[answer]].waiting

    def signed(self, signed_type: int, body: "Buffer") -> bytes:
        """Return the bytes to sign for `body`, bound to both nonces, both keys and the channel.

        An OFFER, TARIFF or RECEIPT of one session proves nothing in another.
        """
        return signed_bytes(
            signed_type,
            self.payer_nonce
            + self.payee_nonce
            + self.payer_key
            + self.payee_key
            + self.channel_id
            + body,
        )

    def send_signed(self, message: "Any", signer: "Signer", now_ms: int) -> None:
        """Sign an OFFER, TARIFF or RECEIPT with `signer`, then send it.

        Args:
            message: the message. Its fields `session` and `signature` are filled in.
            signer: the payee's key.
            now_ms: the present tick.

        Raises LocalError as `send` does.
        """
        if message.number == OFFER:  # its own nonce and key are among the signed bytes
            self._note_offer(message)
        message.signature = signer.sign(self.signed_text(message))
        self.send(message, now_ms)

    def check_signature(self, message: "Any", public_key: bytes) -> None:
        """Raise PeerError(BAD_SIGNATURE) unless `public_key` signed this message."""
        if not verify(public_key, self.signed_text(message), message.signature):
            raise PeerError(BAD_SIGNATURE)

    def signed_text(self, message: "Any") -> bytes:
        """Return the bytes that the signature of an ACCEPT, OFFER, TARIFF or RECEIPT covers.

        They hold the field `session`, which is filled in.
        """
        name_session(message, self.tag)
        body = signed_body(message)
        if message.number == ACCEPT:  # it accepts one OFFER, whole
            body = self.offer_hash + body
        return self.signed(_SIGNED_TYPES[message.number], body)

    def send(self, message: "Message", now_ms: int) -> None:
        """Fill in the field `session` of `message` if it has one, queue it and walk the table.

        Raises LocalError when this role may not send the message, or not in this state.
        """
        number = message.number
        _, sender, answer, _ = MESSAGES[number]
        target = TRANSITIONS[self.state].get(number)
        if target is None or sender not in (self.role, EITHER):
            raise LocalError("%s cannot be sent now" % messages.message_name(number))
        name_session(message, self.tag)
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
            if not request.waiting:
                request.waiting = True
                self._waiting += 1
            request.payload = payload
            request.first_ms = now_ms
            request.retry_ms = ticks_add(now_ms, self._retry_ms)
        self.outbox.append(payload)

    def stop(self, reason: int, now_ms: int) -> None:
        """Tell the other side `reason` (errors.py), in whatever state this end is.

        Before the first HELLO there is no session to name, and the other side drops the STOP.
        """
        message = Stop(reason=reason, payer_nonce=self.payer_nonce or bytes(NONCE_SIZE))
        if STOP in TRANSITIONS[self.state]:
            self.send(message, now_ms)
        else:
            self.outbox.append(messages.encode(message))

    def receive(self, payload: "Buffer", now_ms: int) -> "Message | None":
        """Take a payload. Return its message, or None when it is late or a repetition.

        The next INVOICE or UPDATE overwrites the one that was returned. Raises MalformedError for
        bytes that are no message, and PeerError for a message that breaks the protocol; the
        session's state is then unchanged.
        """
        number = payload[0]
        if self._asked.get(number) == payload:
            self._repeat(number, now_ms)
            return None
        message: Any = self._decode(payload)
        if message is None:
            return None
        if not self._is_of_this_session(message):
            self.stale += 1
            return None
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
            self._greetings.add(message.nonce)
        elif not self._is_next(message):
            self.stale += 1
            return None
        if number != UPDATE:  # the sequence number already tells a repeated UPDATE
            self._keep_asked(number, payload)
        self._answers.pop(number, None)
        if number in self._requests:
            self._requests[number].until_next_answer.stop()
        request = REQUEST_OF.get(number)
        if request is not None and self._requests[request].waiting:
            self._requests[request].waiting = False
            self._waiting -= 1
        self._note(message, payload)
        if number != TIME:
            # A proof of time is as old as its OFFER's nonce, so an OFFER is not kept alive by it.
            self._news_ms = now_ms
        self.state = target
        if target == CLOSED:
            self._forget_requests()
        return message

    def poll(self, now_ms: int) -> int:
        """Queue every request that is due again. Return LINK_TIMEOUT or PAYMENT_TIMEOUT, or 0."""
        if self._waiting:
            timeout = self._poll_requests(now_ms)
            if timeout:
                return timeout
        if self.state not in QUIET_STATES:
            if ticks_diff(now_ms, self._news_ms) > self._timeout_ms:
                return LINK_TIMEOUT
        return 0

    def _poll_requests(self, now_ms: int) -> int:
        """Queue the requests that are due again. Return PAYMENT_TIMEOUT or 0."""
        for request in self._request_row:
            if not request.waiting:
                continue
            if request.number == INVOICE:
                if ticks_diff(now_ms, request.first_ms) > self._timeout_ms:
                    return PAYMENT_TIMEOUT
            if ticks_diff(now_ms, request.retry_ms) >= 0:
                request.retry_ms = ticks_add(now_ms, self._retry_ms)
                self.retransmissions += 1
                self.outbox.append(request.payload)
        return 0

    def _decode(self, payload: "Buffer") -> "Message | None":
        """Return the message in `payload`, or None for a HELLO of a version not known here.

        Such a HELLO gets a STOP that repeats its nonce. It changes nothing else.
        """
        try:
            return messages.decode(payload, self._packets)
        except PeerError:
            if payload[0] != HELLO or self.role != PAYEE:
                raise
            self._refuse_version(payload)
            return None

    def _refuse_version(self, hello: "Buffer") -> None:
        """Queue the STOP that answers the payload of a HELLO of another version."""
        nonce = bytes(hello[2 : 2 + NONCE_SIZE])
        self.outbox.append(messages.encode(Stop(reason=UNKNOWN_VERSION, payer_nonce=nonce)))

    def _forget_requests(self) -> None:
        self._waiting = 0
        for request in self._request_row:
            request.waiting = False

    def _answer_with_stop(self, payload: "Buffer") -> None:
        """Let a STOP answer every request that has no answer yet."""
        for request in self._asked:
            # A STOP never answers a STOP, nor the RECEIPT that answered one: two ends would answer
            # each other for ever. An OFFER is itself an answer, and gets none.
            if request in (STOP, RECEIPT) or request not in self._requests:
                continue
            if request not in self._answers:
                self._answers[request] = payload

    def _keep_asked(self, number: int, payload: "Buffer") -> None:
        """Remember a received payload. All payloads of one number have the same length."""
        kept = self._asked.get(number)
        if kept is None:
            self._asked[number] = bytearray(payload)
        else:
            kept[:] = payload

    def _repeat(self, number: int, now_ms: int) -> None:
        """Answer a request that came again with the answer that it got before, if there is one.

        An answer is given at most once in `retry_ms`: a short request must not draw a flood of
        long answers.
        """
        answer = self._answers.get(number)
        self.stale += 1
        if answer is None:
            return
        until_next = self._requests[number].until_next_answer
        if not until_next.is_over(now_ms):
            return
        until_next.start(now_ms, self._retry_ms)
        self.retransmissions += 1
        self.outbox.append(answer)

    def _is_of_this_session(self, message: "Any") -> bool:
        """Return whether the message belongs to this session, or is a HELLO that begins one."""
        number = message.number
        is_this: bool
        if number == INVOICE or number == UPDATE:
            is_this = self.tag < message.sequence <= self.sequence + SEQUENCES_AHEAD
        elif number in TAGGED:
            is_this = message.session == self.tag
        elif number == HELLO:
            is_this = not self._greetings.has(message.nonce)
        else:  # OFFER and STOP
            is_this = message.payer_nonce == self.payer_nonce
        return is_this

    def _is_next(self, message: "Any") -> bool:
        """Return whether it is this message's turn; False when an INVOICE or UPDATE is late."""
        number = message.number
        if number == INVOICE:
            expected = self.sequence + 1
        elif number == UPDATE:
            expected = self.sequence
        else:
            return True
        sequence = message.sequence
        if sequence > expected or (number == INVOICE and sequence == self.sequence):
            raise PeerError(BAD_FIELD)
        if number == UPDATE and not self._requests[INVOICE].waiting:
            return False
        is_next: bool = sequence == expected
        return is_next

    def _note(self, message: "Any", payload: "Buffer") -> None:
        """Keep the values that signatures of this session are bound to."""
        number = message.number
        if number == INVOICE:
            self.sequence = message.sequence
        elif number == HELLO:
            self.payer_nonce = message.nonce
            self.tag = self.sequence = session_tag(message.nonce)
            self.channel_id = message.channel_id
            self.payer_key = message.payer_key
        elif number == OFFER:
            self._note_offer(message)
            self.offer_hash = sha256(payload).digest()

    def _note_offer(self, offer: "Any") -> None:
        self.payee_nonce = offer.nonce
        self.payee_key = offer.payee_key
