"""Fuzz target: messages in CAN frames, compared with a plain reassembly that keeps whole lists.

An input is acts of the other side and of the owner: frames of any kind, messages to send, time that
passes. The messages that come out must be those of the plain reassembly. Afterwards a fresh other
side must get a message through in each direction.
"""

from collections.abc import Callable
from typing import Any

from joulestream.host_tools.fuzz.choices import Choices, fail_unless
from joulestream.link.isotp import FRAME_SIZE, MAX_MESSAGE, PAUSE_MS, TIMEOUT_MS, IsoTp

_ROOMS = (2, 8)
_LENGTHS = (0, 1, 7, 8, 9, 13, 14, 20, 62, 63, 118, 119, 563, 564, 565, 4_095)
_PROBE = bytes(range(100))
# Long enough for a queue to run dry: two messages of 81 frames, 127 ms apart.
_MOST_ROUNDS = 600
_QUIET_ROUND_MS = 50
_ROUND_MS = 5


class _End:
    """An IsoTp with the frames that it sent and the messages that it delivered."""

    def __init__(self, room: int) -> None:
        self.frames: list[bytes] = []
        self.came: list[bytes] = []
        self.isotp = IsoTp(self._transmit, lambda: None, self._deliver, room)

    def _transmit(self, frame: bytearray, size: int) -> bool:
        fail_unless(0 < size <= FRAME_SIZE, "a frame has no byte or too many")
        self.frames.append(bytes(frame[:size]))
        return True

    def _deliver(self, message: memoryview) -> None:
        fail_unless(0 < len(message) <= MAX_MESSAGE, "a message has no byte or too many")
        self.came.append(bytes(message))

    def take(self) -> list[bytes]:
        frames, self.frames = self.frames, []
        return frames


class _Plain:
    """The reassembly as the standard describes it, with lists and without flow control."""

    def __init__(self) -> None:
        self.came: list[bytes] = []
        self._length = 0
        self._parts: list[bytes] = []
        self._last_ms = 0

    def receive(self, frame: bytes, now_ms: int) -> None:
        if not frame:
            return
        kind, low = frame[0] >> 4, frame[0] & 0x0F
        if kind == 0 and 0 < low < len(frame):
            self._length = 0
            self.came.append(frame[1 : 1 + low])
        elif kind == 1 and len(frame) == FRAME_SIZE:
            length = low << 8 | frame[1]
            if not 0 < length < FRAME_SIZE:
                self._length = length if 0 < length <= MAX_MESSAGE else 0
                self._parts = [frame[2:]]
                self._last_ms = now_ms
        elif kind == 2 and self._length:
            self._follow(frame, low, now_ms)

    def _follow(self, frame: bytes, number: int, now_ms: int) -> None:
        left = self._length - len(b"".join(self._parts))
        part = frame[1 : 1 + min(left, 7)]
        if number != len(self._parts) % 16 or len(part) < min(left, 7):
            self._length = 0
            return
        self._parts.append(part)
        self._last_ms = now_ms
        if len(part) == left:
            self._length = 0
            self.came.append(b"".join(self._parts))

    def step(self, now_ms: int) -> None:
        if now_ms - self._last_ms >= TIMEOUT_MS:
            self._length = 0

    def next_frame(self, size: int) -> bytes:
        """Return the consecutive frame that continues the message."""
        return bytes((0x20 | len(self._parts) % 16,)) + bytes(range(size))


class _Play:
    """One end under test, the plain reassembly beside it, and the time."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        self.end = _End(choices.one_of(_ROOMS))
        self.plain = _Plain()
        self.now_ms = choices.uint(2)

    def hear(self, data: bytes) -> None:
        before = len(self.end.frames)
        self.end.isotp.receive(data, len(data), self.now_ms)
        self.plain.receive(data, self.now_ms)
        answers = self.end.frames[before:]
        fail_unless(len(answers) <= 1, "one frame has more than one answer")

    def act(self) -> None:
        choices = self._choices
        acts: tuple[Callable[[], Any], ...] = (
            lambda: self.hear(choices.bytes(choices.below(FRAME_SIZE + 1))),
            self._begin,
            lambda: self.hear(self.plain.next_frame(7)),
            lambda: self.hear(self.plain.next_frame(choices.below(8))),
            lambda: self.hear(
                bytes((0x30 | choices.below(4), choices.below(5), choices.below(256)))
            ),
            lambda: self.end.isotp.send(bytes(choices.below(MAX_MESSAGE) + 1)),
            lambda: self.step(choices.below(256) * 4),
            lambda: self.step(1),
        )
        choices.one_of(acts)()

    def _begin(self) -> None:
        length = self._choices.one_of(_LENGTHS)
        self.hear(bytes((0x10 | length >> 8, length & 0xFF)) + b"abcdef")

    def step(self, ms: int) -> None:
        self.now_ms += ms
        self.end.isotp.step(self.now_ms)
        self.plain.step(self.now_ms)


def check(data: bytes) -> None:
    """Check one input."""
    choices = Choices(data)
    play = _Play(choices)
    while choices:
        play.act()
        fail_unless(play.end.came == play.plain.came, "the messages are not those that were sent")
    _check_recovery(play)


def _check_recovery(play: _Play) -> None:
    """Check that both directions work, once what is left has timed out."""
    for _ in range(_MOST_ROUNDS):
        if play.end.isotp.is_quiet:
            break
        play.step(_QUIET_ROUND_MS)
    fail_unless(play.end.isotp.is_quiet, "a message never ends")
    play.step(PAUSE_MS)
    ends = (play.end, _End(8))
    for end in ends:
        end.take()
        end.came.clear()
        end.isotp.send(_PROBE)
    for _ in range(_MOST_ROUNDS):
        for sender, receiver in (ends, ends[::-1]):
            for frame in sender.take():
                receiver.isotp.receive(frame, len(frame), play.now_ms)
        play.now_ms += _ROUND_MS
        for end in ends:
            end.isotp.step(play.now_ms)
        if all(end.came for end in ends):
            break
    fail_unless([end.came for end in ends] == [[_PROBE]] * 2, "a good message got lost")
