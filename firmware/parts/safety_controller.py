"""The board's side of the protocol with a safety controller, such as that of firmware/gate.

The controller closes the coil only while the board permits a current, for 500 ms at most, and
while its own inputs are all well. Its answers tell its state, and why the coil is open.
docs/gate.md has the messages. A board file opens the UART (115,200 bit/s, 8N1) and calls `step` in
each of its steps:

    self._gate = SafetyController(uart)
    self._gate.step(now_ms, limit_ma)          the current that is wanted now, 0 for none
    return self._gate.identification           as Board.gate()
    return self._gate.hold_ms                  as Board.gate_ms()

Not run on hardware. The tests run it against the controller's C code.
"""

from joulestream.compat import const
from joulestream.framing import MAX_FRAME, Decoder, encode
from joulestream.units import Timer

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

_VERSION = const(1)
_PERMIT = const(0x01)
_ASK = b"\x02"
_STATUS = const(0x81)
_IDENTITY = const(0x82)
_PERMIT_SIZE = const(9)
_STATUS_SIZE = const(20)
_IDENTITY_SIZE = const(18)
_COUNTER_MASK = const(0xFFFF)
# A permission goes out so often while a current is wanted. The last one before an erase of 400 ms
# holds until after it: the controller takes no permission for more than 500 ms.
_PERMIT_MS = const(40)
_HOLD_MS = const(500)
# Without a wish the answers are only shown.
_IDLE_MS = const(200)
_ASK_MS = const(500)
# An answer comes within 6 ms; ten in a row are missing.
_SILENT_MS = const(500)
_TOO_HIGH_MA = const(0xFFFFFFFF)
_NO_AGE = const(0xFFFF)
_NO_TEMPERATURE = const(-0x8000)

# By the number in STATUS; firmware/gate/gate.h has the meanings.
STATES = ("open", "closed", "resting", "testing", "fault", "tripped", "locked")
REASONS = (
    "ok",
    "not_asked",
    "no_permission",
    "above_rating",
    "heartbeat_slow",
    "heartbeat_fast",
    "pilot",
    "residual_current",
    "test_due",
    "test_failed",
    "temperature",
    "emergency",
    "current",
    "welded",
    "stuck_open",
    "rest",
    "late_step",
    "damaged",
    "many_faults",
)
SILENT = "silent"
TESTS = ("none", "running", "passed", "failed")


class SafetyController:
    """The safety controller on `uart`, which has `write` and `readinto` as a board's UARTs do.

    Attributes:
        identification: the controller's name for people; None until it answered, and while it is
            silent. A controller that speaks another version of the protocol stays None.
        hold_ms: the time after which it opens without a heartbeat; None without identification.
        rated_ma: the most current that it permits; 0 without identification.
        state: a word of STATES, or SILENT.
        reason: a word of REASONS: why the coil is open; or SILENT.
        opened_by: the reason of the last opening.
        test: a word of TESTS: the result of the residual-current device's test.
        test_age_min: minutes since that test was passed, or None.
        coil: whether the coil is driven.
        contacts: whether the main contacts are closed.
        temperature_ddeg: tenths of a degree Celsius, or None without a sensor.
        current_ma: the measured current, or None without a sensor.
        bad_frames: frames that came damaged.
    """

    def __init__(self, uart: "Any") -> None:
        self._uart = uart
        self._received = bytearray(64)
        self._frame = bytearray(MAX_FRAME)
        self._view = memoryview(self._frame)
        self._permit = bytearray(_PERMIT_SIZE)
        self._permit[0] = _PERMIT
        self._decoder = Decoder(self._take)
        self._counter = 0
        self._limit_ma = 0
        self._next_permit = Timer()
        self._next_ask = Timer()
        self._silence = Timer()
        self._has_answered = False
        self._forget()

    def _forget(self) -> None:
        self.identification: str | None = None
        self.hold_ms: int | None = None
        self.rated_ma = 0
        self.state = self.reason = self.opened_by = SILENT
        self.test = TESTS[0]
        self.test_age_min: int | None = None
        self.coil = self.contacts = False
        self.temperature_ddeg: int | None = None
        self.current_ma: int | None = None

    @property
    def bad_frames(self) -> int:
        """The number of frames that came damaged."""
        return self._decoder.bad_cobs + self._decoder.bad_crc + self._decoder.oversized

    def step(self, now_ms: int, limit_ma: int) -> None:
        """Read what came; permit `limit_ma` for the next 500 ms when that is due. Never blocks.

        A first and a lower limit go out at once. 0 withdraws the permission.
        """
        self._read()
        if self._has_answered:
            self._has_answered = False
            self._silence.start(now_ms, _SILENT_MS)
        elif self._silence.is_over(now_ms):
            self._forget()
        if self.identification is None and self._next_ask.is_over(now_ms):
            self._next_ask.start(now_ms, _ASK_MS)
            self._send(_ASK)
        is_news = limit_ma < self._limit_ma or (limit_ma and not self._limit_ma)
        if is_news or self._next_permit.is_over(now_ms):
            self._next_permit.start(now_ms, _PERMIT_MS if limit_ma else _IDLE_MS)
            self._limit_ma = limit_ma
            self._send_permit(limit_ma)

    def _send_permit(self, limit_ma: int) -> None:
        self._counter = (self._counter + 1) & _COUNTER_MASK
        message = self._permit
        message[1:3] = self._counter.to_bytes(2, "big")
        message[3:7] = limit_ma.to_bytes(4, "big")
        message[7:9] = (_HOLD_MS if limit_ma else 0).to_bytes(2, "big")
        self._send(message)

    def _send(self, message: "bytes | bytearray") -> None:
        # A frame that the UART takes in part is dropped by the controller; the next one counts.
        self._uart.write(self._view[: encode(message, self._frame)])

    def _read(self) -> None:
        size = self._uart.readinto(self._received)
        while size:
            self._decoder.feed(self._received, size)
            size = self._uart.readinto(self._received) if size == len(self._received) else 0

    def _take(self, message: memoryview) -> None:
        size = len(message)
        if size == _STATUS_SIZE and message[0] == _STATUS:
            self._take_status(message)
        elif size == _IDENTITY_SIZE and message[0] == _IDENTITY and message[1] == _VERSION:
            self._take_identity(message)

    def _take_status(self, message: memoryview) -> None:
        # An answer to an older PERMIT, which waited in a buffer, tells nothing of the present.
        if _number(message, 1, 2) != self._counter:
            return
        self._has_answered = True
        self.state = _word(STATES, message[3])
        self.reason = _word(REASONS, message[4])
        self.opened_by = _word(REASONS, message[5])
        self.coil = bool(message[6] & 1)
        self.contacts = bool(message[6] & 2)
        self.test = _word(TESTS, message[7])
        age_min = _number(message, 8, 2)
        self.test_age_min = None if age_min == _NO_AGE else age_min
        ddeg = _number(message, 10, 2)
        if ddeg & 0x8000:
            ddeg -= 0x10000
        self.temperature_ddeg = None if ddeg == _NO_TEMPERATURE else ddeg
        current_ma = _number(message, 12, 4)
        self.current_ma = None if current_ma == _TOO_HIGH_MA else current_ma

    def _take_identity(self, message: memoryview) -> None:
        self._has_answered = True
        rated_ma = _number(message, 2, 4)
        serial = "".join(chr(byte) if 32 < byte < 127 else "?" for byte in message[10:18])
        self.rated_ma = rated_ma
        self.hold_ms = _number(message, 7, 2)
        self.identification = "safety controller, %d A, %d phase%s, %s" % (
            rated_ma // 1_000,
            message[6],
            "" if message[6] == 1 else "s",
            serial,
        )


def _number(message: memoryview, at: int, size: int) -> int:
    return int.from_bytes(message[at : at + size], "big")


def _word(words: "tuple[str, ...]", number: int) -> str:
    """Return the word of a number; a later version may have more of them."""
    return words[number] if number < len(words) else "reason_%d" % number
