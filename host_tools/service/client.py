"""The host's side of the service protocol, without input or output.

Every question is a generator. It yields a request's payload and is sent the payload of its answer,
or None if none came. It yields PAUSE to wait a moment, and is sent None then. A caller that has a
line drives it (line.py), and so does a test that has a clock of its own.
"""

import os
from collections.abc import Callable, Generator
from typing import TypeVar

from joulestream.errors import MalformedError, reason_name
from joulestream.host_tools.errors import CommandError
from joulestream.messages import NONCE_SIZE
from joulestream.service import (
    ANSWER,
    ANSWER_HEAD,
    BUSY,
    HELLO,
    NO_KEY,
    NOT_ALLOWED,
    OK,
    REFUSED,
    REQUEST_HEAD,
    REQUESTS,
    SEQUENCE_SIZE,
    SERVICE_VERSION,
    SIGNED_SERVICE_ANSWER,
    SIGNED_SERVICE_REQUEST,
    STALE,
    Hello,
    Welcome,
    signed_head,
)
from joulestream.signing import SIGNATURE_SIZE, Signer, verify

T = TypeVar("T")
Exchange = Generator[bytes, "bytes | None", T]

PAUSE = b""
# By their numbers in joulestream.service.
RESULT_NAMES = (
    "OK",
    "UNKNOWN_REQUEST",
    "BAD_REQUEST",
    "NOT_ALLOWED",
    "STALE",
    "BUSY",
    "ABSENT",
    "REFUSED",
    "FAILED",
)
ROLE_NAMES = ("pole", "vehicle")
# While an invoice waits, a pole answers BUSY to a write. That lasts for a packet at most.
_TRIES = 5
_MOST_PAUSES = 100
_MOST_GREETINGS = 3


class ServiceError(CommandError):
    """A device cannot be asked: one sentence."""


class NoAnswer(ServiceError):
    """No answer came, however often the host asked."""


class RequestRefused(ServiceError):
    """The device refused a request. `result` tells why (joulestream.service)."""

    def __init__(self, text: str, result: int) -> None:
        super().__init__(text)
        self.result = result


def is_answer(request: bytes, payload: bytes) -> bool:
    """Return whether a payload that came answers this request, and no earlier one."""
    return (
        len(payload) >= ANSWER_HEAD
        and payload[0] == request[0] | ANSWER
        and payload[1:REQUEST_HEAD] == request[1:REQUEST_HEAD]
    )


class Client:
    """Asks one device.

    Args:
        signer: the host's key, one of the device's `service_keys`. None: the host has none, and
            can only ask a device without `service_keys` for its status.
        device_key: the device must have this key; None: any.
        random: returns fresh random bytes.

    Attributes:
        welcome: the device's answer to the last HELLO.
    """

    def __init__(
        self,
        signer: Signer | None = None,
        device_key: bytes | None = None,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._signer = signer
        self._device_key = device_key
        self._random = random
        self._sequence = 0
        self._key = signer.public_key if signer else NO_KEY
        self.welcome: Welcome | None = None

    @property
    def role(self) -> str:
        """The device's role, "pole" or "vehicle"."""
        assert self.welcome is not None
        return ROLE_NAMES[self.welcome.role]

    def greet(self) -> Exchange[Welcome]:
        """Begin: learn the device's nonce and key. Raises ServiceError."""
        hello = Hello(version=SERVICE_VERSION, nonce=self._random(NONCE_SIZE), key=self._key)
        self._sequence = 0
        body = yield from self._exchange(HELLO, hello.to_bytes(), hello)
        try:
            welcome = Welcome.from_bytes(body)
        except MalformedError:
            raise ServiceError("the device's WELCOME has another length; update it") from None
        if welcome.version != SERVICE_VERSION or welcome.role >= len(ROLE_NAMES):
            raise ServiceError(
                f"the device speaks version {welcome.version} of the service protocol, and this "
                f"program version {SERVICE_VERSION}; update the older one"
            )
        if self._device_key is not None and welcome.key != self._device_key:
            raise ServiceError(
                f"the device has the key {welcome.key.hex()} and not the one that was asked for; "
                "check the port"
            )
        self.welcome = welcome
        return welcome

    def ask(self, number: int, body: bytes = b"") -> Exchange[bytes]:
        """Ask for `number`; return the answer's body. Raises ServiceError."""
        if self.welcome is None:
            yield from self.greet()
        return (yield from self._exchange(number, body))

    def _exchange(self, number: int, body: bytes, hello: Hello | None = None) -> Exchange[bytes]:
        silent = pauses = greetings = 0
        while silent < _TRIES:
            self._sequence += 1
            request = self._request(number, body)
            answer = yield request
            if answer is None:
                silent += 1
                continue
            result, reason = answer[REQUEST_HEAD], answer[REQUEST_HEAD + 1]
            if result == OK:
                return self._opened(number, answer, hello)
            if hello is None and greetings < _MOST_GREETINGS and self._is_forgotten(result):
                # The device has started anew, or greeted another host.
                greetings += 1
                yield from self.greet()
                continue
            if result == BUSY and pauses < _MOST_PAUSES:
                pauses += 1
                yield PAUSE
                continue
            raise self._refusal(number, result, reason)
        raise NoAnswer(
            "no answer from a device; is its firmware running, with this port as its service UART?"
        )

    def _is_forgotten(self, result: int) -> bool:
        """Return whether a result says that the device does not know this host any more."""
        if result == STALE:
            return True
        return result == NOT_ALLOWED and self.welcome is not None and self.welcome.is_allowed > 0

    def _request(self, number: int, body: bytes) -> bytes:
        payload = bytes((number,)) + self._sequence.to_bytes(SEQUENCE_SIZE, "big") + body
        if number == HELLO:
            return payload
        if self._signer is None:
            return payload + bytes(SIGNATURE_SIZE)
        assert self.welcome is not None
        head = signed_head(SIGNED_SERVICE_REQUEST, self.welcome.nonce, self.welcome.key)
        return payload + self._signer.sign(head + payload)

    def _opened(self, number: int, answer: bytes, hello: Hello | None) -> bytes:
        """Return the body of an answer, its signature checked where its row has one."""
        if not REQUESTS[number][2]:
            return answer[ANSWER_HEAD:]
        text, signature = answer[:-SIGNATURE_SIZE], answer[-SIGNATURE_SIZE:]
        body = text[ANSWER_HEAD:]
        if hello is not None:
            nonce, key = hello.nonce, body[-len(NO_KEY) :]
        else:
            assert self.welcome is not None
            nonce, key = self.welcome.nonce, self.welcome.key
        head = signed_head(SIGNED_SERVICE_ANSWER, nonce, self._key)
        if (
            len(answer) < ANSWER_HEAD + SIGNATURE_SIZE
            or len(key) != len(NO_KEY)
            or not verify(key, head + text, signature)
        ):
            raise ServiceError(
                "the answer is not signed by the device's key; look for a fault, or for another "
                "device, on the line"
            )
        return body

    def _refusal(self, number: int, result: int, reason: int) -> RequestRefused:
        name = REQUESTS[number][0]
        word = RESULT_NAMES[result] if result < len(RESULT_NAMES) else f"RESULT_{result}"
        if result == REFUSED:
            word = reason_name(reason)
        text = f"the device refuses '{name}': {word}"
        if result == NOT_ALLOWED:
            text += (
                "; add this host's public key to 'service_keys' in its configuration"
                if (self._signer)
                else "; name the key of a host that it allows with --key"
            )
        return RequestRefused(text, result)
