"""Fuzz target: payloads and messages, against integers read plainly from the table's sizes.

An input is a payload; the same bytes also choose a message and its fields.
"""

from joulestream.channel import Certificate
from joulestream.errors import UNKNOWN_VERSION, LocalError, MalformedError, PeerError
from joulestream.fields import UINT
from joulestream.host_tools.fuzz.choices import Broken, Choices, require
from joulestream.messages import (
    HELLO,
    MESSAGES,
    OFFER,
    VERSION,
    decode,
    encode,
    make,
)

_NUMBERS = tuple(MESSAGES)


def check(data):
    """Check one input."""
    _check_payload(data)
    _check_message(Choices(data))


def _check_payload(payload):
    """Bytes are refused, or are a message that is spelt in this one way."""
    if not payload:  # which no frame carries
        return
    message = _decoded(payload)
    if message is None:
        return
    require(encode(message) == payload, "a payload is not what its message is written as")
    at = 1
    for name, size, kind in MESSAGES[message.number][3].LAYOUT:
        value = payload[at : at + size]
        expected = int.from_bytes(value, "big") if kind == UINT else value
        require(getattr(message, name) == expected, "%s is read wrongly" % name)
        at += size
    require(at == len(payload), "a payload with bytes too many or too few is taken")
    for kept in (_decoded(payload, {message.number: make(message.number)}), message):
        require(encode(kept) == payload, "a message that is filled in again differs")
    certificate = getattr(message, "certificate", None)
    if certificate is not None:
        again = Certificate.from_bytes(certificate).to_bytes()
        require(again == certificate, "a certificate is not what it was read from")


def _decoded(payload, reused=None):
    """Return the message, or None where it is refused as the documents say."""
    number = payload[0]
    versioned = number in (HELLO, OFFER) and len(payload) > 1
    try:
        message = decode(memoryview(payload), reused)
    except MalformedError:
        return None
    except PeerError as error:
        require(versioned and error.reason == UNKNOWN_VERSION, "refused for no reason")
        require(payload[1] != VERSION, "the version known here is refused")
        return None
    require(not versioned or payload[1] == VERSION, "another version is taken")
    return message


def _check_message(choices):
    """Any fields that fit are read back as written; others are refused before they are sent."""
    number = choices.one_of(_NUMBERS)
    fits = True
    values = {}
    for name, size, kind in MESSAGES[number][3].LAYOUT:
        if name == "version":
            values[name] = VERSION
            continue
        # One byte more than there is room for, now and then.
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
        require(not fits, "a message whose fields fit is refused")
        return
    require(fits, "a message whose fields do not fit is written")
    found = decode(payload)
    for name in values:
        require(getattr(found, name) == values[name], "%s is not read as written" % name)
    for other in (payload[:-1], payload + b"\0"):
        if other:
            try:
                decode(other)
            except MalformedError:
                continue
            raise Broken("a message one byte too long or too short is taken")
