"""Helpers of the tests that run on CPython and on MicroPython."""

import json
from io import BytesIO

from joulestream.errors import PeerError

VECTORS = __file__.rsplit("/", 1)[0] + "/vectors/" if "/" in __file__ else "vectors/"


def load_section(name, key):
    """Return the value of `key` in the JSON file `name`, which is too large for a board's heap.

    The file is written with an indentation of 1, so that a section ends where a line is indented
    by one again.
    """
    text = bytearray()
    start = b' "%s": ' % key.encode()
    with open(VECTORS + name, "rb") as file:
        for line in file:
            if line.startswith(start):
                text += line[len(start) :].strip()
            elif text and (line[1:2] == b'"' or line[:1] != b" "):
                break
            elif text:
                text += line.strip()
    return json.load(BytesIO(memoryview(text)[: len(text) - text.endswith(b",")]))


def raised(call, *arguments, **named):
    """Return the exception that a call raises, None if it raises none."""
    try:
        call(*arguments, **named)
    except Exception as error:
        return error
    return None


def peer_reason(call, *arguments):
    """Return the reason code of the PeerError that a call raises, 0 if it raises nothing."""
    try:
        call(*arguments)
    except PeerError as error:
        return error.reason
    return 0
