"""A host at the far end of a service line, for tests on both runtimes. A test can let it lie."""

from joulestream.compat import const
from joulestream.link.uart import Link
from joulestream.messages import NONCE_SIZE
from joulestream.runtime.service import Service
from joulestream.runtime.supervisor import Supervisor
from joulestream.service import (
    ANSWER_HEAD,
    HELLO,
    OK,
    REQUEST_HEAD,
    REQUESTS,
    SERVICE_VERSION,
    SIGNED_SERVICE_ANSWER,
    SIGNED_SERVICE_REQUEST,
    Hello,
    Welcome,
    signed_head,
)
from joulestream.signing import SIGNATURE_SIZE, verify
from joulestream.testkit.board import MemoryBoard

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.signing import Signer

# A request takes a step for each of: taking it in, its check, its work, its answer.
_STEPS = const(8)
# A device takes no second HELLO sooner.
_GREETING_MS = const(200)


class ServiceHost:
    """Asks a device step by step.

    Args:
        uart: the host's end of the cable.
        service: the device's service.
        loop: the device's loop.
        board: the device's board.
        signer: the host's key.

    Attributes:
        now_ms: the tick of the device's service.
        welcome: the answer to the last HELLO.
        sequence: the sequence of the last request.
    """

    def __init__(
        self, uart: "Any", service: Service, loop: "Any", board: "Any", signer: "Signer"
    ) -> None:
        self._link = Link(None, MemoryBoard({"service": uart}), "service")  # type: ignore[arg-type]
        self._link.attach(self._take)
        self._came: list[bytes] = []
        self.service = service
        self.signer = signer
        self.supervisor = Supervisor(lambda: loop, board)
        self.now_ms: int = board.now_ms()
        self.sequence = 0
        self.welcome: Any = None
        self._hellos = 0

    def _take(self, payload: memoryview) -> None:
        self._came.append(bytes(payload))

    def step(self) -> None:
        """Let the device's service do one step."""
        self.now_ms += 5
        self.service.step(self.supervisor, self.now_ms)

    def send(self, payload: bytes) -> None:
        """Send a payload in a frame."""
        self._link.flush([payload])

    def exchange(self, payload: bytes) -> "bytes | None":
        """Send a payload; return the first payload that comes back, or None."""
        self._came.clear()
        self.send(payload)
        for _ in range(_STEPS):
            self.step()
            self._link.poll()
            if self._came:
                return self._came.pop(0)
        return None

    def hello(self, version: int = SERVICE_VERSION) -> bytes:
        """Greet; keep the device's nonce and key. Return the answer."""
        self._hellos += 1
        self.sequence = 0
        self.now_ms += _GREETING_MS
        nonce = bytes((self._hellos,)) * NONCE_SIZE
        hello = Hello(version=version, nonce=nonce, key=self.signer.public_key)
        answer = self.exchange(bytes((HELLO, 0, 0, 0, 0)) + hello.to_bytes())
        assert answer is not None
        if answer[REQUEST_HEAD] == OK:
            body = answer[ANSWER_HEAD:-SIGNATURE_SIZE]
            self.welcome = Welcome.from_bytes(body)
            self._check(answer, nonce)
        return answer

    def request(self, number: int, body: bytes = b"") -> bytes:
        """Return the next request, signed."""
        self.sequence += 1
        payload = bytes((number,)) + self.sequence.to_bytes(4, "big") + body
        head = signed_head(SIGNED_SERVICE_REQUEST, self.welcome.nonce, self.welcome.key)
        return payload + self.signer.sign(head + payload)

    def ask(self, number: int, body: bytes = b"") -> "tuple[int, bytes]":
        """Ask; return result and body of the answer. The answer's signature is checked."""
        answer = self.exchange(self.request(number, body))
        assert answer is not None
        assert int.from_bytes(answer[1:REQUEST_HEAD], "big") == self.sequence
        if answer[REQUEST_HEAD] == OK and REQUESTS[number][2]:
            self._check(answer, self.welcome.nonce)
            return OK, answer[ANSWER_HEAD:-SIGNATURE_SIZE]
        return answer[REQUEST_HEAD], answer[ANSWER_HEAD:]

    def _check(self, answer: bytes, nonce: bytes) -> None:
        head = signed_head(SIGNED_SERVICE_ANSWER, nonce, self.signer.public_key)
        text = head + answer[:-SIGNATURE_SIZE]
        assert verify(self.welcome.key, text, answer[-SIGNATURE_SIZE:])
