"""The link over CAN: ISO 15765-2 messages with a CRC-32 each, over one kind of controller.

CAN checks each frame, but not the way between controller and board, and a message has many frames.
So a message is the payload with a CRC-32 behind it. docs/protocol.md, section 2.2, is normative.
"""

from binascii import crc32
from struct import pack_into

from joulestream.compat import const
from joulestream.device.config import REQUIRED, one_of, whole
from joulestream.errors import MalformedError
from joulestream.framing import CRC_SIZE, MAX_PAYLOAD
from joulestream.link.isotp import MAX_MESSAGE, IsoTp

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from joulestream.boards.contract import Board
    from joulestream.device.config import Config

# controller: module. The module has a class `Controller`, called as `Controller(config, board,
# send_id, receive_id)`, with `receive(take, now_ms)`, `transmit(frame, size)`, `abort()`, `room`,
# `fault` and `overruns`. mcp2515.py describes them.
CONTROLLERS = {
    "mcp2515": "joulestream.link.mcp2515",
    "slcan": "joulestream.link.slcan",
}

# Priority 6, parameter group 0xDA00, target, source: normal fixed addressing of ISO 15765-2.
_IDENTIFIER = const(0x18DA0000)

BIT_RATES = (125_000, 250_000, 500_000, 1_000_000)
CRYSTALS_MHZ = (8, 16)


def one_of_numbers(choices: "tuple[int, ...]") -> "Callable[[Any], int]":
    """Return a check for one of the numbers `choices`."""

    def check(value: "Any") -> int:
        if isinstance(value, bool) or value not in choices:
            raise ValueError("must be one of %s" % ", ".join(str(choice) for choice in choices))
        number: int = value
        return number

    return check


TABLE = (
    ("controller", one_of(*sorted(CONTROLLERS)), REQUIRED),
    ("own_address", whole(0, 255), REQUIRED),
    ("peer_address", whole(0, 255), REQUIRED),
    ("bit_rate", one_of_numbers(BIT_RATES), 500_000),
    ("crystal_mhz", one_of_numbers(CRYSTALS_MHZ), 16),
)


def identifier(target: int, source: int) -> int:
    """Return the 29-bit identifier of frames from the address `source` to `target`."""
    return _IDENTIFIER | target << 8 | source


class Link:
    """Messages between the addresses of the configuration, over its controller."""

    def __init__(self, config: "Config", board: "Board") -> None:
        own, peer = config.own_address, config.peer_address
        if own == peer:
            raise ValueError("'link.own_address' and 'link.peer_address' must not be the same")
        module = __import__(CONTROLLERS[config.controller], None, None, ("Controller",))
        self._now_ms = board.now_ms
        self._controller: Any = module.Controller(
            config, board, identifier(peer, own), identifier(own, peer)
        )
        self._deliver: Callable[[memoryview], None] = _ignore
        self._isotp = IsoTp(
            self._transmit, self._controller.abort, self._take, self._controller.room
        )
        # A bound method takes memory each time it is made.
        self._take_frame = self._isotp.receive
        self._message = bytearray(MAX_MESSAGE)
        self._view = memoryview(self._message)
        self._crc = bytearray(CRC_SIZE)
        self._bad = 0
        self.bytes_sent = 0

    @property
    def dropped(self) -> int:
        """Messages that came in part, too long, with a bad CRC or without a meaning."""
        return self._bad + self._isotp.broken + self._isotp.refused

    @property
    def unsent(self) -> int:
        """Messages that found no room, or that the other side did not take in time."""
        return self._isotp.unsent

    @property
    def fault(self) -> "str | None":
        """One sentence that says what is wrong with controller or bus, or None."""
        fault: str | None = self._controller.fault
        return fault

    @property
    def overruns(self) -> int:
        """Frames that found the controller full."""
        overruns: int = self._controller.overruns
        return overruns

    def attach(self, deliver: "Callable[[memoryview], None]") -> None:
        """Let `poll` call `deliver(payload)` from now on."""
        self._deliver = deliver

    def poll(self) -> None:
        """Take the frames that have come, deliver whole payloads, send what has its time."""
        now_ms = self._now_ms()
        self._controller.receive(self._take_frame, now_ms)
        self._isotp.step(now_ms)

    def flush(self, outbox: "list[bytes]") -> None:
        """Queue every payload of `outbox` or drop it, then clear the list."""
        for payload in outbox:
            size = len(payload)
            if size > MAX_PAYLOAD:
                raise ValueError("a payload of %d bytes does not fit a message" % size)
            self._message[:size] = payload
            pack_into(">I", self._message, size, crc32(payload))
            self._isotp.send(self._view[: size + CRC_SIZE])
        outbox.clear()
        self._isotp.step(self._now_ms())

    def _transmit(self, frame: bytearray, size: int) -> bool:
        if not self._controller.transmit(frame, size):
            return False
        self.bytes_sent += size
        return True

    def _take(self, message: memoryview) -> None:
        """Deliver the payload of a whole message, if its CRC is right."""
        size = len(message) - CRC_SIZE
        if size < 1:
            self._bad += 1
            return
        payload = message[:size]
        pack_into(">I", self._crc, 0, crc32(payload))
        for at in range(CRC_SIZE):
            if self._crc[at] != message[size + at]:
                self._bad += 1
                return
        try:
            self._deliver(payload)
        except MalformedError:
            self._bad += 1


def _ignore(payload: memoryview) -> None:
    """Stand in until a receiver is attached."""
