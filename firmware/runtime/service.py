"""The service: answers a host on a line of its own, while the firmware runs.

docs/service.md describes the protocol. A role's file `service.py` has the table of its requests,
one function each. The service works in small bites beside the loop: a step takes in a request,
or checks its signature, or does its work, or signs and sends its answer. So no step holds more
than one Ed25519 operation, and each answer is one frame. Both buffers are made at the start.

A fault of the service ends the request and nothing else: the loop has its own supervisor.
"""

import json

from joulestream.channel import KEY_SIZE, SIGNATURE_SIZE
from joulestream.compat import const
from joulestream.fields import read_fields, write_fields
from joulestream.framing import MAX_PAYLOAD
from joulestream.messages import NONCE_SIZE
from joulestream.service import (
    ANSWER,
    ANSWER_HEAD,
    BAD_REQUEST,
    BUSY,
    FAILED,
    HELLO,
    NOT_ALLOWED,
    OK,
    REQUEST_HEAD,
    REQUESTS,
    SERVICE_VERSION,
    SIGNED_HEAD,
    SIGNED_SERVICE_ANSWER,
    SIGNED_SERVICE_REQUEST,
    STALE,
    STATUS,
    UNKNOWN_REQUEST,
    Hello,
    Welcome,
    signed_head,
)
from joulestream.signing import verify
from joulestream.units import Timer

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from joulestream.runtime.supervisor import Supervisor
    from joulestream.signing import Signer

    Handler = Callable[["Service", "Any", memoryview, memoryview], int]

# What the next step does with the request that waits.
_NONE = const(0)
_CHECK = const(1)
_WORK = const(2)
_SEND = const(3)

# A signature takes up to 30 ms of a chip. After a bad one the line rests, and a WELCOME is signed
# so seldom, that a stranger cannot keep the chip busy.
_REST_MS = const(1_000)
_GREETING_MS = const(200)
# A status takes 4 KB of garbage: one more so soon would keep the collector busy.
_STATUS_MS = const(200)
# A part of a status: the number of fields, the next field, and JSON.
_PART_HEAD = const(2)
_PART_SIZE = const(384)
_LONGEST_TEXT = const(160)


class Refused(Exception):
    """A request is not done: the answer's result, and the reason (errors.py) of REFUSED."""

    def __init__(self, result: int, reason: int = 0) -> None:
        super().__init__(result)
        self.result = result
        self.reason = reason


class Service:
    """Answers one request after the other.

    Args:
        link: a Link (joulestream.link) on the service's UART.
        role: service.POLE or service.VEHICLE.
        signer: the device's key.
        config: the device's configuration. Its `service_keys` are the public keys that may ask.
            Without any, everybody may ask for the status, and nobody for anything else.
        random: `random(size)` returns fresh random bytes.
        handlers: by the request's number, a function `handler(service, loop, body, out)` that
            writes the answer's body into `out` and returns its size. It raises Refused.
        clock: the ToldClock of the pole, None at a vehicle.

    Attributes:
        config, clock: as given.
        status: the supervisor's status function, while a request is worked on.
        schedule: rows of a price schedule that has not come to its end yet.
        faults: how many requests ended with an exception.
        dropped: requests that came while another one waited, or the line rested.
    """

    def __init__(
        self,
        link: "Any",
        role: int,
        signer: "Signer",
        config: "Any",
        random: "Callable[[int], bytes]",
        handlers: "Mapping[int, Handler]",
        clock: "Any" = None,
    ) -> None:
        self._link = link
        self._role = role
        self._signer = signer
        self.config = config
        self._keys: list[bytes] = config.service_keys
        self._random = random
        self._handlers = handlers
        self.clock = clock
        self.schedule: list[Any] = []
        self.faults = 0
        self.dropped = 0
        self.status: Callable[[], dict[str, Any]] = dict
        self.now_ms = 0
        self._request = bytearray(SIGNED_HEAD + MAX_PAYLOAD)
        self._answer = bytearray(SIGNED_HEAD + MAX_PAYLOAD)
        self._request_view = memoryview(self._request)
        self._answer_view = memoryview(self._answer)
        self._size = 0  # of the request that waits
        self._phase: int = _NONE
        self._outbox: list[Any] = []
        self._hello = Hello(version=0, nonce=bytes(NONCE_SIZE), key=bytes(KEY_SIZE))
        self._nonce = bytes(NONCE_SIZE)
        self._is_allowed = False
        self._sequence = 0
        self._rest = Timer()
        self._greeting_pause = Timer()
        self._status_pause = Timer()
        self._shown: dict[str, Any] | None = None  # a status that is read part by part
        link.attach(self._take)

    def step(self, supervisor: "Supervisor", now_ms: int) -> None:
        """Take in a request, or do the next bite of the one that waits."""
        self.now_ms = now_ms
        if self.clock is not None:
            self.clock.tick(now_ms)
        try:
            self._link.poll()
            phase = self._phase
            if phase == _CHECK:
                self._check()
            elif phase == _WORK:
                self._work(supervisor)
            elif phase == _SEND:
                self._send()
            self._link.flush(self._outbox)
        except Exception:
            # A line or a heap that fails must not end the loop, which may charge a vehicle.
            self.faults += 1
            self._phase = _NONE
            self._outbox.clear()

    def _take(self, payload: memoryview) -> None:
        """Keep a request until its turn comes. The host sends the next one after the answer."""
        if self._phase != _NONE or not self._rest.is_over(self.now_ms):
            self.dropped += 1
            return
        self._size = len(payload)
        self._request_view[SIGNED_HEAD : SIGNED_HEAD + self._size] = payload
        if self._size < REQUEST_HEAD or payload[0] & ANSWER:
            self.dropped += 1
            return
        self._phase = _CHECK

    def _check(self) -> None:
        """Find out whether the request may be done."""
        result = self._fault()
        if result == OK:
            self._phase = _WORK
        else:
            self._prepare(result)

    def _fault(self) -> int:
        """Return why the request must not be done, or OK."""
        number = self._request[SIGNED_HEAD]
        if number != HELLO and number not in self._handlers:
            return UNKNOWN_REQUEST
        body_size = REQUESTS[number][1]
        tail_size = 0 if number == HELLO else SIGNATURE_SIZE
        least = REQUEST_HEAD + tail_size
        if self._size < least or (body_size is not None and self._size != least + body_size):
            return BAD_REQUEST
        if number == HELLO:
            return OK
        if not self._keys:
            return OK if number == STATUS else NOT_ALLOWED
        if not self._is_allowed:
            return NOT_ALLOWED
        sequence = self._request_sequence()
        if sequence <= self._sequence:
            return STALE
        head = signed_head(SIGNED_SERVICE_REQUEST, self._nonce, self._signer.public_key)
        self._request_view[:SIGNED_HEAD] = head
        end = SIGNED_HEAD + self._size
        text = self._request_view[: end - SIGNATURE_SIZE]
        signature = self._request_view[end - SIGNATURE_SIZE : end]
        if not verify(self._hello.key, text, signature):
            self._rest.start(self.now_ms, _REST_MS)
            return NOT_ALLOWED
        self._sequence = sequence
        return OK

    def _request_sequence(self) -> int:
        return int.from_bytes(self._request_view[SIGNED_HEAD + 1 : SIGNED_HEAD + 5], "big")

    def _work(self, supervisor: "Supervisor") -> None:
        """Do the request; write the answer's body."""
        number = self._request[SIGNED_HEAD]
        end = SIGNED_HEAD + self._size - (0 if number == HELLO else SIGNATURE_SIZE)
        body = self._request_view[SIGNED_HEAD + REQUEST_HEAD : end]
        out = self._answer_view[SIGNED_HEAD + ANSWER_HEAD :]
        self.status = supervisor.status
        try:
            if number == HELLO:
                size = self._greet(body)
            else:
                size = self._handlers[number](self, supervisor.loop, body, out)
        except Refused as refused:
            self._prepare(refused.result, refused.reason)
        except Exception:
            self.faults += 1
            self._prepare(FAILED)
        else:
            self._prepare(OK, 0, size)

    def _greet(self, body: memoryview) -> int:
        """Answer a HELLO: from now on only requests over the new nonce count."""
        hello = self._hello
        if body[0] != SERVICE_VERSION:
            raise Refused(BAD_REQUEST)
        if not self._greeting_pause.is_over(self.now_ms):
            raise Refused(BUSY)
        read_fields(Hello.LAYOUT, self._hello, body, 0)
        self._greeting_pause.start(self.now_ms, _GREETING_MS)
        self._is_allowed = hello.key in self._keys
        self._sequence = 0
        self.schedule = []
        self._shown = None
        # Nobody's requests are signed where no key is configured.
        self._nonce = self._random(NONCE_SIZE) if self._keys else bytes(NONCE_SIZE)
        welcome = Welcome(
            version=SERVICE_VERSION,
            role=self._role,
            is_allowed=int(self._is_allowed),
            nonce=self._nonce,
            key=self._signer.public_key,
        )
        start = SIGNED_HEAD + ANSWER_HEAD
        return write_fields(Welcome.LAYOUT, welcome, self._answer, start) - start

    def _prepare(self, result: int, reason: int = 0, size: int = 0) -> None:
        """Write the answer's head, before a body of `size` bytes; the next step sends it."""
        answer = self._answer
        request = self._request
        answer[SIGNED_HEAD] = request[SIGNED_HEAD] | ANSWER
        for at in range(1, REQUEST_HEAD):
            answer[SIGNED_HEAD + at] = request[SIGNED_HEAD + at]
        answer[SIGNED_HEAD + REQUEST_HEAD] = result
        answer[SIGNED_HEAD + REQUEST_HEAD + 1] = reason
        self._size = SIGNED_HEAD + ANSWER_HEAD + size
        self._phase = _SEND

    def _send(self) -> None:
        """Sign the answer where its row says so, and send it."""
        self._phase = _NONE
        number = self._request[SIGNED_HEAD]
        end = self._size
        if self._answer[SIGNED_HEAD + REQUEST_HEAD] == OK and REQUESTS[number][2]:
            nonce = self._hello.nonce if number == HELLO else self._nonce
            head = signed_head(SIGNED_SERVICE_ANSWER, nonce, self._hello.key)
            self._answer_view[:SIGNED_HEAD] = head
            text = self._answer_view[:end]
            self._signer.sign_into(text, self._answer_view[end : end + SIGNATURE_SIZE])
            end += SIGNATURE_SIZE
        self._outbox.append(self._answer_view[SIGNED_HEAD:end])

    def show_status(self, first: int, out: memoryview) -> int:
        """Write the fields of the status from number `first` on, as far as they fit.

        The parts of one status show one moment: it is kept until its last part is read, or a new
        one begins.
        """
        if first == 0:
            if not self._status_pause.is_over(self.now_ms):
                raise Refused(BUSY)
            self._status_pause.start(self.now_ms, _STATUS_MS)
            self._shown = self.status()
        shown = self._shown
        if shown is None or first >= len(shown):
            raise Refused(STALE)
        size = _PART_HEAD
        at = 0
        for name in shown:
            if at >= first:
                text = (b"," if size > _PART_HEAD else b"{") + _field(name, shown[name])
                if size + len(text) >= _PART_SIZE:
                    break
                out[size : size + len(text)] = text
                size += len(text)
            at += 1
        out[size : size + 1] = b"}"
        out[0] = len(shown)
        out[1] = at
        if at >= len(shown):
            self._shown = None
        return size + 1


def status(service: Service, loop: "Any", body: memoryview, out: memoryview) -> int:
    """Answer STATUS, the request that every role has."""
    return service.show_status(body[0], out)


def _field(name: str, value: "Any") -> bytes:
    """Return a field of the status as a part of a JSON object."""
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        value = value[:_LONGEST_TEXT]
    return ("%s:%s" % (json.dumps(name), json.dumps(value))).encode()
