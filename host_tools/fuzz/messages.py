"""Fuzz target: decoding and encoding of messages.

An input is used twice. First it is a payload: it must be refused, or be a message with exactly
this encoding. Then its bytes choose a message and its fields, which must be read back as written.
The expected fields are read from the payload by the sizes in the table of messages.
"""

from typing import Any

from joulestream.channel import Certificate
from joulestream.errors import UNKNOWN_VERSION, LocalError, MalformedError, PeerError
from joulestream.fields import UINT
from joulestream.host_tools.fuzz.choices import Choices, InvariantBroken, fail_unless
from joulestream.messages import (
    HELLO,
    MESSAGES,
    OFFER,
    VERSION,
    Message,
    decode,
    encode,
    make,
)

_NUMBERS = tuple(MESSAGES)


def check(data: bytes) -> None:
    """Check one input."""
    _check_payload(data)
    _check_message(Choices(data))


def _check_payload(payload: bytes) -> None:
    """Check that a payload is refused, or is the only encoding of its message."""
    if not payload:  # no frame has an empty payload
        return
    message = _decoded(payload)
    if message is None:
        return
    fail_unless(encode(message) == payload, "the encoding of a message is not its payload")
    at = 1
    for name, size, kind in MESSAGES[message.number][3].LAYOUT:
        value = payload[at : at + size]
        expected: int | bytes = int.from_bytes(value, "big") if kind == UINT else value
        fail_unless(getattr(message, name) == expected, "%s is read wrongly" % name)
        at += size
    fail_unless(at == len(payload), "a payload with bytes too many or too few is taken")
    reused = _decoded(payload, {message.number: make(message.number)})
    fail_unless(reused and encode(reused) == payload, "a message that is filled in again differs")
    fail_unless(encode(message) == payload, "a message changes when another one is decoded")
    certificate = getattr(message, "certificate", None)
    if certificate is not None:
        again = Certificate.from_bytes(certificate).to_bytes()
        fail_unless(again == certificate, "the encoding of a certificate is not its bytes")


def _decoded(payload: bytes, reused: dict[int, Message] | None = None) -> Message | None:
    """Return the message of a payload, or None if it is refused as docs/protocol.md says."""
    number = payload[0]
    versioned = number in (HELLO, OFFER) and len(payload) > 1
    try:
        message = decode(memoryview(payload), reused)
    except MalformedError:
        return None
    except PeerError as error:
        fail_unless(versioned and error.reason == UNKNOWN_VERSION, "refused for no reason")
        fail_unless(payload[1] != VERSION, "the version known here is refused")
        return None
    fail_unless(not versioned or payload[1] == VERSION, "another version is taken")
    return message


def _check_message(choices: Choices) -> None:
    """Check that fields that fit are read back as written, and that others are not encoded."""
    number = choices.one_of(_NUMBERS)
    fits = True
    values: dict[str, Any] = {}
    for name, size, kind in MESSAGES[number][3].LAYOUT:
        if name == "version":
            values[name] = VERSION
            continue
        # One value in 256 has a byte too many.
        more = choices.below(256) == 255
        if kind == UINT:
            values[name] = choices.uint(size + more)
            fits &= values[name] < 1 << 8 * size
        else:
            values[name] = choices.bytes(size + more)
            fits &= not more
    message = make(number, **values)
    try:
        payload = encode(message)
    except LocalError:
        fail_unless(not fits, "a message whose fields fit is refused")
        return
    fail_unless(fits, "a message whose fields do not fit is written")
    found = decode(payload)
    for name in values:
        fail_unless(getattr(found, name) == values[name], "%s is not read as written" % name)
    for other in (payload[:-1], payload + b"\0"):
        if other:
            try:
                decode(other)
            except MalformedError:
                continue
            raise InvariantBroken("a message one byte too long or too short is taken")
