"""Writes the part of the fuzz corpus that is made by a program: corpus/made.

    python -m joulestream.host_tools.fuzz.make_corpus [--check]

--check writes nothing. It fails if a file differs from this script's output, or if a file of
corpus/found is not in order. Frames and payloads come from the vectors of docs/protocol.md.
Histories are made of the decisions that each target takes (see there), one byte each.
"""

import argparse
import json
import sys
from itertools import product
from pathlib import Path
from typing import Any

from joulestream.framing import MAX_FRAME, MAX_PAYLOAD, encode
from joulestream.host_tools.fuzz import corpus
from joulestream.messages import (
    ACCEPT,
    EITHER,
    HELLO,
    INVOICE,
    MESSAGES,
    OFFER,
    PAYEE,
    PAYER,
    RECEIPT,
    RECEIPT_ACK,
    STOP,
    TARIFF,
    TARIFF_ACCEPT,
    UPDATE,
)
from joulestream.service import REQUESTS

ROOT = Path(__file__).resolve().parents[2]
_NUMBERS = list(MESSAGES)
# The senders in whose messages each liar can lie, as charging.py numbers the liars.
_TOLD_BY = ((PAYEE, EITHER), (PAYER, EITHER), (PAYEE, PAYER, EITHER))
_LIARS = len(_TOLD_BY)


def frames(vectors: dict[str, Any]) -> list[bytes]:
    """Return streams of a UART: good frames, and frames with one fault of each kind."""
    good = [bytes.fromhex(case["frame"]) for case in vectors["frames"]]
    streams = [frame for frame in good if len(frame) < 300 or len(frame) >= MAX_FRAME - 3]
    last = good[5]
    streams += [good[0] + last, b"\0\0" + last, b"\x05ab\0" + last, b"\xff" * 600 + b"\0" + last]
    streams += [last[:4] + bytes((last[4] ^ 1,)) + last[5:], last[:-3] + b"\0" + last]
    streams += [b"\x03\1\1\0", b"\x05\1\1\1\1\0", b"\x01" * MAX_FRAME + b"\0" + last]
    full = _frame(b"x" * 250)
    streams += [full, full[:-1] + b"\x01\0"]
    return [plan + stream for stream in streams for plan in (b"\0", b"\2\2\xf0")]


def _frame(payload: bytes) -> bytes:
    out = bytearray(MAX_FRAME)
    return bytes(out[: encode(payload[:MAX_PAYLOAD], out)])


def payloads(vectors: dict[str, Any]) -> list[bytes]:
    """Return each message, with one byte too few and too many, and of another version."""
    inputs = [b"\x00", b"\xff\x00", bytes((HELLO,)), bytes((OFFER, 1))]
    for case in vectors["messages"]:
        payload = bytes.fromhex(case["payload"])
        inputs += [payload, payload[:-1], payload + b"\0", payload[:1] + b"\xff" + payload[2:]]
    inputs += [bytes((at,)) + b"\xff" * 100 for at in range(len(_NUMBERS))]
    return [data for data in inputs if data]


def sessions() -> list[bytes]:
    """Return sessions between two ends: each ends after one more message, with a fault or not."""
    inputs = []
    steps = (
        (PAYER, HELLO),
        (PAYEE, OFFER),
        (PAYER, ACCEPT),
        (PAYEE, INVOICE),
        (PAYER, UPDATE),
        (PAYEE, TARIFF),
        (PAYER, TARIFF_ACCEPT),
        (PAYEE, INVOICE),
        (PAYER, UPDATE),
        (PAYER, STOP),
        (PAYEE, RECEIPT),
        (PAYER, RECEIPT_ACK),
    )
    history = b"\1"
    faults = (
        b"\0\7\5",  # the pole's timeout
        b"\1\7\4",  # the vehicle sends again
        b"\1\6\0",  # a frame to the vehicle is lost
        b"\0\4\1\0\4\0",  # a frame to the pole comes twice
        b"\0\x09\0\x12",  # the pole's owner stops
        bytes((1, 8, _NUMBERS.index(OFFER), 7)),  # an OFFER that no end sent
    )
    for end, number in steps:
        # 2: the sequence that is next for an invoice, 1: the one that is due for an update
        fill = 2 if number == INVOICE else 1
        history += bytes((end, 0, _NUMBERS.index(number), fill))
        inputs += [history + fault for fault in faults]
        history += bytes((1 - end, 3))
        inputs.append(history)
    return inputs


def chargings() -> list[bytes]:
    """Return histories of payee and payer: each liar lies once in each message, or a fault comes.

    The order of the bytes is the order of the decisions in charging.py.
    """
    run = b"\0\x3f"
    inputs = []
    for liar, number in product(range(_LIARS), range(len(_NUMBERS))):
        figures = bytes((liar, 1, 0, 0, 0, 0, 0, 1))
        keeps = b"\0" if liar == 0 else b""
        if MESSAGES[_NUMBERS[number]][1] not in _TOLD_BY[liar]:
            continue
        # One of the first two fields is one more, or another is at its limit; signed where there
        # is a key. The first field of many messages names the session.
        lost_or_doubled = (b"\x05", b"\x07") if liar == _LIARS - 1 else ()
        for lie in (b"\x02\1\0\3\0", b"\x02\1\1\3\0", b"\x02\1\2\4\3", *lost_or_doubled):
            inputs.append(figures + keeps + run + bytes((4, number, 15)) + lie + run)
        inputs.append(figures + keeps + run * 2 + bytes((7, number, 1, 2, 2, 9)) + run)
    # A pole that keeps to its lies: on each field of the offer, and on the energy.
    for more, field in product(range(5), (4, 11, 12, 13)):
        figures = bytes((0, 1, 0, 0, 0, 0, 0, 1, 1, more))
        lie = bytes((0, 1, field, 6, 3, field))
        inputs.append(figures + bytes((4, 1, 15)) + lie + run * 4)
    dearer = bytes((0, 2, 4, 5, 6, 5))  # twice the price, and twice the prepayment
    inputs.append(bytes((0, 1, 0, 0, 0, 0, 0, 1, 1, 0, 4, 1, 15)) + dearer + run * 4)
    for budget, capacity in product((0, 1), (0, 1)):
        for liar in range(_LIARS):
            figures = bytes((liar, 1, 2, budget, capacity, 2, 0, 1, 0))
            inputs.append(figures + run * 2 + b"\x0c\1" + run * 2 + b"\x0c\1" + run)
    worlds = (b"\0\0\1\0\0\0\0\2\1\1\0", b"\1\1\2\0\0\2\2\1", b"\2\0\2\2\1\0\0\1\0\0")
    for world in worlds:
        for act in (b"\x0c\0", b"\x0c\1", b"\x0d\0\0", b"\x0d\1\2", b"\x0e\3\3", b"\x0f\0"):
            inputs.append(world + run * 2 + act + run)
    return inputs


def journals() -> list[bytes]:
    """Return histories of a journal with cuts, failures, and damage in every part of a block."""
    inputs = []
    puts = b"\1\1\x08\1" + b"\1\2\x08\2" + b"\2\3\x27\0"
    ring = b"\3\1\x3f" + bytes(64)
    row = b"\4" + bytes((0, 0, 1, 0, 2, 0, 3, 0))  # four keys, side by side
    for first, second in product(range(4), range(4)):
        damage = bytes((2, 3, 0, 0, first, 1, 3, 0, 9, second, 2))
        inputs.append(b"\2\0\1" + puts[:4] + row + damage)
    for blocks in (0, 3):
        for kind, at in product((0, 1), range(0, 12, 2)):
            trouble = bytes((6, at, 0x80))
            history = bytes((blocks, kind, 12)) + puts + trouble + puts + ring + b"\5" + puts
            inputs.append(history + row)
        for at in (*range(0, 60, 3), *range(60, 256, 24)):
            history = bytes((blocks, 0, 7)) + puts + ring + puts + row
            inputs.append(history + bytes((1, 0, 1, at, 3)))
            inputs.append(history + bytes((2, 3, 0, at, at % 5, 3, 0, 2, at, 9, 3)))
    # An attacker reads the flash, then puts a value full of records, and the power goes.
    for number, start, torn in product(range(8), range(5), (0x60, 0xFF)):
        read = b"\x08\1" if start > 1 else b""
        attack = bytes((6, 0, torn, 8)) + (b"\0" if not read else b"")
        attack += bytes((start, number, number % 3, 0, 0, 0, 1))
        acts = bytes((2 + bool(read) + 2,))
        inputs.append(b"\2\0" + acts + puts[:8] + read + attack)
    # A key takes the place of another, and the power goes.
    for cut, torn, new in product(range(3), (0, 0x80, 0xFF), range(5)):
        acts = b"\x05" + puts + bytes((6, cut, torn, 9, new, 1 + new % 3)) + b"newvalue" + b"\5"
        inputs.append(b"\2\0" + acts)
    # A stray block: in the place of each block, of each kind, with each sequence.
    few = b"\2\0\2" + puts[:8] + b"\0\0"
    for at, kind in product(range(8), range(2, 5)):
        for base, more in product(range(3), range(0, 16, 3)):
            size = b"\1" if kind == 2 else b""
            inputs.append(few + bytes((at, kind)) + size + bytes((base, more, 8, 1, 1)))
        inputs.append(few + bytes((at, 1)))
    # Any content: blocks with heads, pointers and records of chosen fields.
    nothing = b"\0\0\0\0\0\0\0\0"
    for first, second in product(range(8), range(8)):
        block = bytes(
            (8, first, *range(first * 4), second, 1, second, 3, 1, first, 0, 4, 1, 2, 3, 4)
        )
        inputs.append(nothing + block * 5)
    return inputs


def isotps() -> list[bytes]:
    """Return histories of CAN frames: whole messages, each fault in them, own messages beside.

    The bytes are the decisions of isotp.py: an act, then its figures.
    """
    inputs = []
    start = b"\0\0\0"
    for length in range(16):
        begin = bytes((1, length))
        inputs += [start + begin + b"\2" * count for count in (0, 1, 2, 8, 80)]
        for fault in (
            b"\6\x7d",  # the timeout
            b"\3\5",  # a short frame
            b"\0\4\x2fabc",  # a wrong number
            b"\0\2\1x",  # a single frame
            begin,
            b"\4\0\0\0",  # a flow control that nobody waits for
        ):
            inputs.append(start + begin + b"\2\2" + fault + b"\2" * 4)
    for size in (3, 30, 200):
        own = b"\5" + size.to_bytes(2, "big") + b"\7"
        for status, block, gap in product(range(4), (0, 1, 4), (0, 5, 0xF1, 0x80)):
            flow = bytes((4, status, block, gap))
            inputs.append(start + own + (flow + b"\7\7\6\2") * 6)
        inputs.append(b"\1\0\0" + own + b"\1\x0a\2\2" + own + b"\4\0\0\0\7\2\2\2")
    return inputs


def services() -> list[bytes]:
    """Return acts on a service line: each request, honest, of a stranger, bent, and once more.

    The bytes are the decisions of service.py: keys, then an act with its figures.
    """
    inputs = []
    for number in range(len(REQUESTS)):
        body = bytes((1,)) + bytes(12)
        request = bytes((3, number)) + body
        inputs.append(b"\1" + request)
        inputs.append(b"\0" + request)
        inputs.append(b"\1\2\1" + request)
        inputs.append(b"\1" + request[:2] + bytes(437) + b"\5\0\5\0")
        for at in (0, 3, 9, 40, 90):
            inputs.append(b"\1" + bytes((6, number)) + body[:3] + bytes((at, 1)))
        inputs.append(b"\1" + bytes((1, number, 80)) + bytes(80) + b"\7\x80\4" + request)
    inputs += [b"\1\0\x20" + b"\xff" * 32, b"\1\0\3\0\0\0\7\xff\7"]
    return inputs


def make() -> dict[str, str]:
    """Return the text of each target's file."""
    vectors = json.loads(
        (ROOT / "tests" / "vectors" / "protocol.json").read_text(encoding="utf-8")
    )
    inputs = {
        "framing": frames(vectors),
        "isotp": isotps(),
        "messages": payloads(vectors),
        "session": sessions(),
        "charging": chargings(),
        "journal": journals(),
        "service": services(),
    }
    return {target: corpus.text(found) for target, found in inputs.items()}


def main() -> int:
    """Write or check the files; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare only, write nothing")
    check = parser.parse_args().check
    for target, text in make().items():
        path = corpus.path("made", target)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            print(f"{path.name} is out of date: run {Path(__file__).name}", file=sys.stderr)
            return 1
        found = corpus.path("found", target)
        kept = found.read_text(encoding="utf-8") if found.is_file() else ""
        if kept != corpus.text([bytes.fromhex(line) for line in kept.splitlines()]):
            print(f"{found} is not in order: run gather.py", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
