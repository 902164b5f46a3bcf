"""Calls of the native functions with random and hostile arguments, for both runtimes.

    micropython tests/native_calls.py SEED COUNT

Prints one line for each call: the result or the refusal, and the CRC of the buffers after it.
"""

import sys
from binascii import crc32

from joulestream import native
from joulestream.testkit.random import Random

LARGEST = 0xFFFFFFFFFFFFFFFF
PAYLOAD = 560
FRAME = 568
MEMORY = 569
# Integers around the bounds of small integers, ticks and fields.
EDGES = (0, 1, 255, 256, (1 << 29) - 1, 1 << 29, (1 << 30) - 1)
BIG_EDGES = (1 << 30, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, (1 << 48) - 1, 1 << 48)
LARGE_EDGES = ((1 << 62) - 1, 1 << 62, (1 << 63) - 1, 1 << 63, LARGEST, LARGEST + 1, 1 << 70)


class Values:
    """Anything with attributes."""

    def __repr__(self):
        return str([(name, shown(getattr(self, name))) for name in sorted(self.__dict__)])


def data(random, size):
    """Return bytes with many zeros, or many alike, or of any kind."""
    kind = random.below(4)
    if kind == 0:
        return bytearray(size)
    if kind == 1:
        return bytearray(b"\xff" * size)
    out = bytearray(random.bytes(size))
    if kind == 2:
        for at in range(size):
            if random.below(40) == 0:
                out[at] = 0
    return out


def size(random, most):
    """Return a size, often one at a bound of COBS or of a buffer."""
    if random.below(2):
        return min(most, (0, 1, 4, 253, 254, 255, 507, 508, 509, PAYLOAD, most)[random.below(11)])
    return random.below(most + 1)


def integer(random):
    """Return an integer of any size and sign."""
    edges = (EDGES, BIG_EDGES, LARGE_EDGES)[random.below(3)]
    value = edges[random.below(len(edges))] + random.below(3) - 1
    return value if random.below(4) else -value


def tick(random):
    """Return a tick, most often a small integer of a 32-bit board."""
    if random.below(8) == 0:
        return integer(random)
    return random.below(1 << 30) - random.below(2) * random.below(1 << 30)


def wrong(random):
    """Return an object that no function takes, or a size that is out of bounds."""
    return (None, "text", 1.5, -1, 10_000, b"", (), [])[random.below(8)]


def layout(random, fields):
    """Return a layout; rarely one that is not sound."""
    rows = []
    for number in range(fields):
        kind = random.below(2)
        width = (1, 4, 6, 8)[random.below(4)] if kind == 0 else random.below(40)
        if random.below(200) == 0:
            width = (2, 3, -1, 7)[random.below(4)]
        rows.append(("field_%d" % number, width, kind))
    return tuple(rows)


def call_crc16(random):
    """Return the function and its arguments."""
    text = data(random, size(random, 300))
    start = random.below(len(text) + 2)
    return native.crc16, [text, random.below(len(text) + 2), start]


def call_encode(random):
    """Return the function and its arguments; the payload may lie in the output."""
    out = bytearray(FRAME + random.below(3) - 1)
    payload = data(random, size(random, PAYLOAD + 1))
    if random.below(4) == 0 and len(payload) <= len(out):
        at = random.below(len(out) - len(payload) + 1)
        out[at : at + len(payload)] = payload
        payload = memoryview(out)[at : at + len(payload)]
    return native.frame_encode, [payload, out]


def call_feed(random):
    """Return the function and its arguments: good frames, damaged ones, and noise."""
    memory = bytearray(MEMORY)
    kind = random.below(4)
    if kind == 0:
        memory = data(random, MEMORY)
    received = data(random, size(random, 700))
    if kind > 1:
        out = bytearray(FRAME)
        length = native.frame_encode(data(random, size(random, PAYLOAD)), out)
        received = bytearray(random.below(3)) + out[:length] + received
        if kind == 3:
            received[random.below(length)] ^= 1 << random.below(8)
    start = random.below(4)
    return native.frame_feed, [memory, received, len(received), min(start, len(received))]


def call_ticks_diff(random):
    """Return the function and its arguments."""
    return native.ticks_diff, [tick(random), tick(random)]


def call_ticks_add(random):
    """Return the function and its arguments."""
    return native.ticks_add, [tick(random), tick(random)]


def call_small_int(random):
    """Return the function and its argument."""
    return native.small_int, [integer(random)]


def call_write(random):
    """Return the function and its arguments."""
    rows = layout(random, random.below(6))
    source = Values()
    for name, width, kind in rows:
        width = max(width, 0)
        if kind == 0:
            largest = (1 << 8 * width) - 1
            value = (integer(random), largest, random.below(256))[random.below(3)]
        else:
            value = data(random, width if random.below(20) else width + 1)
        if random.below(60) == 0:
            value = wrong(random)
        setattr(source, name, value)
    room = sum(max(row[1], 0) for row in rows) + random.below(4)
    return native.write_fields, [rows, source, bytearray(room), random.below(4), LARGEST]


def call_read(random):
    """Return the function and its arguments."""
    rows = layout(random, random.below(6))
    text = data(random, sum(max(row[1], 0) for row in rows) + random.below(3))
    return native.read_fields, [rows, Values(), text, random.below(3)]


def call_record(random):
    """Return the function and its arguments; the value may lie in the output."""
    key, value = data(random, random.below(40)), data(random, size(random, 200))
    out = bytearray(random.below(3) + 10 + len(key) + len(value))
    if random.below(3) == 0:
        at = random.below(len(out) - len(value) + 1)
        out[at : at + len(value)] = value
        value = memoryview(out)[at : at + len(value)]
    numbers = random.below(0x10003), random.below(0x10003)
    return native.journal_record, [out, numbers[0], numbers[1], key, value, abs(integer(random))]


CALLS = (
    call_crc16,
    call_encode,
    call_feed,
    call_ticks_diff,
    call_ticks_add,
    call_small_int,
    call_write,
    call_read,
    call_record,
)


def shown(value):
    """Return a buffer's CRC, or another value as text."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "%08x" % crc32(value)
    return "" if isinstance(value, (str, float)) else repr(value)


def line(random):
    """Make one call; return its outcome as text."""
    make = CALLS[random.below(len(CALLS))]
    function, arguments = make(random)
    if random.below(12) == 0:
        # `largest`, the fifth argument of write_fields, is a constant of its one caller.
        arguments[random.below(min(len(arguments), 4))] = wrong(random)
    try:
        done = repr(function(*arguments))
    except (TypeError, ValueError) as error:
        done = "%s: %s" % (type(error).__name__, error)
    except AttributeError:
        done = "AttributeError"
    return "%s %s %s" % (make.__name__, done, " ".join(shown(value) for value in arguments))


def transcript(seed, count):
    """Yield a line for each of `count` calls."""
    random = Random(seed)
    for _ in range(count):
        yield line(random)


if __name__ == "__main__":
    for text in transcript(int(sys.argv[1]), int(sys.argv[2])):
        print(text)
