"""Two UARTs on one pair of wires (RS-485), byte by byte in virtual time.

Bytes that both sides send at once come out wrong at both of them.
"""

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

_BITS_PER_BYTE = const(10)


class HalfDuplexUart:
    """One side's UART. `write` buffers, `readinto` returns what the pair brought."""

    def __init__(self, room: int) -> None:
        self._room = room
        self.out = bytearray()
        self.came = bytearray()

    def write(self, data: "Any") -> int:
        """Take as much of `data` as there is room for; return the number of bytes."""
        taken = min(len(data), self._room - len(self.out))
        self.out.extend(bytes(data[:taken]))
        return taken

    def readinto(self, buffer: bytearray) -> int:
        """Move the bytes that came into `buffer`; return their number."""
        size = min(len(buffer), len(self.came))
        buffer[:size] = self.came[:size]
        self.came = self.came[size:]
        return size


class Pair:
    """The wires, with a UART at each end.

    Args:
        baud: the speed.
        echo: whether each side hears itself.
        room: the bytes that a UART buffers to send.

    Attributes:
        ends: both UARTs.
        collisions: bytes that both sides sent at once.
        bytes: bytes that went over the wires.
    """

    def __init__(self, baud: int = 115_200, echo: bool = False, room: int = 1_024) -> None:
        self._baud = baud
        self._echo = echo
        self._bits = 0
        self.ends = (HalfDuplexUart(room), HalfDuplexUart(room))
        self.collisions = 0
        self.bytes = 0

    def advance(self, ms: int) -> None:
        """Let `ms` pass."""
        self._bits += ms * self._baud
        first, second = self.ends
        while self._bits >= _BITS_PER_BYTE * 1_000:
            self._bits -= _BITS_PER_BYTE * 1_000
            if first.out and second.out:
                both = (first.out[0] ^ second.out[0]) or 0x55
                self.collisions += 1
                sent = (both, both)
            else:
                sent = (first.out[0] if first.out else -1, second.out[0] if second.out else -1)
            for end, other, byte in ((first, second, sent[0]), (second, first, sent[1])):
                if end.out:
                    self.bytes += 1
                    end.out = end.out[1:]
                    other.came.append(byte)
                    if self._echo:
                        end.came.append(byte)
