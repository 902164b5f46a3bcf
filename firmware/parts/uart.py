"""A UART of MicroPython's `machine` that never blocks, on its esp32 and rp2 ports alike.

Read in MicroPython's sources, ports/esp32/machine_uart.c and ports/rp2/machine_uart.c:

- esp32 `write` waits until the driver's buffer has taken everything, however long that takes;
- rp2 `write` waits for each character that finds no room, for as long as one takes to be sent;
- rp2 `readinto` waits for the next character, so a whole incoming frame holds it up;
- both return None instead of 0.

So this class counts the bytes that it gave to the port since the port last had nothing to send,
and gives no more than surely fit. It reads only the bytes that `any()` counts.
"""

from joulestream.compat import const
from joulestream.framing import MAX_FRAME
from joulestream.runtime.fault import PartFault

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.fields import Buffer

# The esp32 driver keeps a header of each piece in the same buffer, and takes pieces of half of it
# at most (ESP-IDF, uart_tx_all and its ring buffer of the kind that does not split items).
_OVERHEAD = const(48)
# Room for two frames, so that the answer to one message never waits for another.
LINK_TX = 2 * (2 * MAX_FRAME + 4 * _OVERHEAD)
# A meter's requests have 8 bytes, and one waits at a time.
METER_TX = const(512)


class MachineUart:
    """`port` is a machine.UART with a `txbuf` of `tx_size` bytes and a `timeout` of 0.

    Both methods raise PartFault, which tells `name`.
    """

    def __init__(self, name: str, port: "Any", tx_size: int) -> None:
        self.name = name
        self.port = port
        self._most = tx_size // 2
        self._waiting = 0

    def write(self, data: "Buffer") -> int:
        """Give as much of `data` to the port as surely fits; return the number of bytes."""
        try:
            if self._waiting and self.port.txdone():
                self._waiting = 0
            size = len(data)
            room = self._most - self._waiting - _OVERHEAD
            if room <= 0 or not size:
                return 0
            if size > room:
                data = memoryview(data)[:room]
            # None: the port took nothing.
            taken: int = self.port.write(data) or 0
        except OSError:
            raise self._fault()
        self._waiting += taken + _OVERHEAD
        return taken

    def readinto(self, buffer: "bytearray | memoryview") -> int:
        """Move the bytes that have come into `buffer`; return their number."""
        try:
            count = self.port.any()
            if not count:
                return 0
            if count > len(buffer):
                count = len(buffer)
            return self.port.readinto(buffer, count) or 0
        except OSError:
            raise self._fault()

    def _fault(self) -> PartFault:
        return PartFault("the UART '%s' fails; reset the board" % self.name)
