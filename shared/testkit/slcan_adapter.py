"""A CAN adapter that speaks slcan on its serial side, as a node on a CanBus.

It answers as Lawicel's CANUSB does (CAN232 manual, V3): a carriage return for an order, a bell for
a bad one, `Z` for a frame with 29 bits. It has a queue of frames in each direction.
"""

from joulestream.testkit.can_bus import PASSIVE, WARNING, Frame, Node

_BIT_RATES = {"4": 125_000, "5": 250_000, "6": 500_000, "8": 1_000_000}
_QUEUE = 32
_RX_FULL, _TX_FULL, _WARNING, _OVERRUN, _PASSIVE, _ERROR = 0x01, 0x02, 0x04, 0x08, 0x20, 0x80
# kind of line: digits of the identifier, whether it is extended, whether it is a remote frame
_KINDS = {
    "t": (3, False, False),
    "T": (8, True, False),
    "r": (3, False, True),
    "R": (8, True, True),
}


class SlcanAdapter(Node):
    """The adapter. `feed(data)` takes bytes from the host; `take()` returns bytes for it."""

    def __init__(self) -> None:
        super().__init__(0)
        self._speed = 0
        self._line = ""
        self._to_host = bytearray()
        self._queue: list[Frame] = []
        self._flags = 0

    def feed(self, data: bytes) -> None:
        """Take bytes that the host sent."""
        for char in data.decode("latin-1"):
            if char == "\r":
                self._order(self._line)
                self._line = ""
            else:
                self._line += char

    def take(self, most: int = 1 << 20) -> bytes:
        """Return the bytes for the host, `most` at once, and forget them."""
        data = bytes(self._to_host[:most])
        del self._to_host[:most]
        return data

    def _order(self, line: str) -> None:
        answer = self._answer(line)
        self._to_host += b"\a" if answer is None else answer.encode() + b"\r"

    def _answer(self, line: str) -> str | None:
        """Do an order; return its answer, or None if it is a bad one."""
        kind, rest = line[:1], line[1:]
        if kind == "":
            return ""
        if kind == "S" and rest in _BIT_RATES and not self.bit_rate:
            self._speed = _BIT_RATES[rest]
            return ""
        if kind in "OL" and self._speed and not self.bit_rate:
            self.bit_rate = self._speed
            self.silent = kind == "L"
            return ""
        if kind == "C" and self.bit_rate:
            self.bit_rate = 0
            self.tec = self.rec = 0
            self.bus_off = False
            self._queue.clear()
            return ""
        if kind == "V":
            return "V1013"
        if kind == "N":
            return "NA123"
        if kind == "F" and self.bit_rate:
            return f"F{self._take_flags():02X}"
        if kind in _KINDS and self.bit_rate and not self.silent:
            return self._queue_frame(kind, rest)
        return None

    def _queue_frame(self, kind: str, rest: str) -> str | None:
        digits, extended, remote = _KINDS[kind]
        try:
            identifier = int(rest[:digits], 16)
            size = int(rest[digits], 16)
            data = bytes(size) if remote else bytes.fromhex(rest[digits + 1 :])
        except (ValueError, IndexError):
            return None
        if len(data) != size or size > 8 or identifier >= 1 << (29 if extended else 11):
            return None
        if len(self._queue) == _QUEUE:
            self._flags |= _TX_FULL
            return None
        self._queue.append(Frame(identifier, data, extended, remote))
        return "Z" if extended else "z"

    def _take_flags(self) -> int:
        flags, self._flags = self._flags, 0
        if self.tec >= WARNING or self.rec >= WARNING:
            flags |= _WARNING
        if self.tec >= PASSIVE or self.rec >= PASSIVE or self.bus_off:
            flags |= _PASSIVE
        return flags

    def pending(self) -> Frame | None:
        """Return the oldest frame of the host."""
        return self._queue[0] if self._queue else None

    def sent(self) -> None:
        """Drop the frame that was sent."""
        self._queue.pop(0)

    def erred(self, transmitting: bool) -> None:
        """Note an error on the bus for the flags."""
        self._flags |= _ERROR

    def received(self, frame: Frame) -> None:
        """Tell the host of `frame`."""
        kind = (
            ("T" if frame.extended else "t")
            if not frame.remote
            else ("R" if frame.extended else "r")
        )
        line = f"{kind}{frame.identifier:0{8 if frame.extended else 3}X}{len(frame.data)}"
        if len(self._to_host) > _QUEUE * 30:
            self._flags |= _RX_FULL | _OVERRUN
            return
        self._to_host += line.encode()
        if not frame.remote:
            self._to_host += frame.data.hex().upper().encode()
        self._to_host += b"\r"
