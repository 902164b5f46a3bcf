"""The line of MicroPython's REPL as a UART: USB on most boards.

While it is open, the byte 3 is data and no longer the key Ctrl-C. But no frame of the service has
a 3 as its second byte: there the number of a request stands, which is 0x40 or more. So a 3 there
is the key after all. mpremote begins with CR and Ctrl-C, and a person presses Ctrl-C twice.

Read in MicroPython's sources: rp2 `write` waits for up to 500 ms while the host does not read, so
a byte is written only when the poll says that it finds room. esp32's USB always says so, and waits
for 200 ms once; then it drops bytes until the host reads again.
"""

import select
import sys

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.fields import Buffer

_CTRL_C = const(3)
# So many bytes in a step: each one takes two calls.
_MOST = const(64)


class ReplLine:
    """Reads and writes the REPL's line, byte by byte, and waits for nothing."""

    def __init__(self) -> None:
        import micropython

        self._set_key = micropython.kbd_intr
        self._set_key(-1)
        self.port: Any = sys.stdin
        self._out: Any = sys.stdout.buffer
        self._in: Any = sys.stdin.buffer
        self._came = select.poll()
        self._came.register(sys.stdin, select.POLLIN)
        self._room = select.poll()
        self._room.register(sys.stdout, select.POLLOUT)
        self._at = 0  # of the next byte in its frame

    def readinto(self, buffer: "bytearray | memoryview") -> int:
        """Move bytes that have come into `buffer`; return their number.

        Raises KeyboardInterrupt, which ends the firmware with its outputs safe.
        """
        count = 0
        most = min(len(buffer), _MOST)
        while count < most and self._came.poll(0):
            byte = self._in.read(1)[0]
            if byte == 0:
                self._at = 0
            else:
                self._at += 1
                if self._at == 2 and byte == _CTRL_C:
                    self._set_key(_CTRL_C)
                    raise KeyboardInterrupt
            buffer[count] = byte
            count += 1
        return count

    def write(self, data: "Buffer") -> int:
        """Send as much of `data` as finds room; return the number of bytes."""
        view = memoryview(data)
        count = 0
        most = min(len(view), _MOST)
        while count < most and self._room.poll(0):
            if not self._out.write(view[count : count + 1]):
                break
            count += 1
        return count
