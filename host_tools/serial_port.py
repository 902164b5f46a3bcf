"""A serial port of this computer, or a pseudo-terminal, set up for a firmware or a host tool."""

import fcntl
import os
import select
import termios
import time
import tty
from typing import Any

from joulestream.host_tools.errors import CommandError

_INPUT, _OUTPUT, _CONTROL = 0, 1, 2
_INPUT_SPEED, _OUTPUT_SPEED, _CHARACTERS = 4, 5, 6
# Data bits, parity and stop bits: the flags that they need.
LINES = {
    "8N1": 0,
    "8E1": termios.PARENB,
    "8O1": termios.PARENB | termios.PARODD,
    "8N2": termios.CSTOPB,
}
_PLAIN = "8N1"
_READ_SIZE = 4_096
# The major numbers of Linux's pseudo-terminals (kernel, devices.txt).
_PSEUDO_TERMINALS = range(136, 144)


class SerialPort:
    """Holds the port at `path` for one firmware, which opens it by its path, or for a host tool.

    The terminal is raw without flow control. VMIN and VTIME are 0, so that reads never block. The
    settings last while this object keeps the port open. Other programs that lock their ports, as
    pyserial does, are kept out.
    """

    def __init__(self, path: str, baud: int, line: str = _PLAIN) -> None:
        """Open and set up the port.

        Args:
            path: its device file.
            baud: its speed in bit/s.
            line: its data bits, parity and stop bits, a key of LINES.

        Raises:
            CommandError: there is no such port, it is no terminal, another program uses it, or
                it does not know this speed.
        """
        self.path = path
        self._speed(baud)
        try:
            # Without O_NONBLOCK, opening waits for a modem's carrier.
            self._descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        except FileNotFoundError:
            raise CommandError(f"{path}: no such port; is the adapter plugged in?") from None
        except OSError as error:
            raise CommandError(f"{path}: the port cannot be opened: {error.strerror}") from None
        except ValueError:
            raise CommandError(f"{path!r} is no name of a port; name its device file") from None
        try:
            self._lock()
            self.configure(baud, line)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the port back."""
        os.close(self._descriptor)

    def __enter__(self) -> "SerialPort":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def send(self, data: bytes, most_s: float) -> None:
        """Send `data`; wait for room for up to `most_s` in all, and drop the rest then.

        Raises OSError when the port is gone.
        """
        end_s = time.monotonic() + most_s
        while data:
            left_s = end_s - time.monotonic()
            if left_s <= 0 or not select.select([], [self._descriptor], [], left_s)[1]:
                return
            data = data[self.write(data) :]

    def write(self, data: Any) -> int:
        """Send as much of `data` as there is room for; return the number of bytes.

        Raises OSError when the port is gone.
        """
        try:
            return os.write(self._descriptor, bytes(data))
        except BlockingIOError:
            return 0

    def readinto(self, buffer: Any) -> int:
        """Move the bytes that have come into `buffer`; return their number.

        Raises OSError when the port is gone.
        """
        data = self.read(0.0, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def read(self, most_s: float, size: int = _READ_SIZE) -> bytes:
        """Return the bytes that have come; wait for the first of them for up to `most_s`.

        Raises OSError when the port is gone.
        """
        if not select.select([self._descriptor], [], [], most_s)[0]:
            return b""
        try:
            return os.read(self._descriptor, size)
        except BlockingIOError:
            return b""

    def _lock(self) -> None:
        if not os.isatty(self._descriptor):
            raise CommandError(f"{self.path} is no serial port; name the device of one")
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(
                f"{self.path} is in use by another program; end that one first"
            ) from None

    def _is_pseudo(self) -> bool:
        """Return whether this is a pseudo-terminal, which has no parity and no stop bits."""
        return os.major(os.fstat(self._descriptor).st_rdev) in _PSEUDO_TERMINALS

    def _speed(self, baud: int) -> int:
        """Return the system's number of a speed. Raises CommandError."""
        speed: int | None = getattr(termios, f"B{baud}", None)
        if speed is None:
            raise CommandError(f"{self.path}: {baud} baud is no speed of a serial port")
        return speed

    def configure(self, baud: int, line: str) -> None:
        """Set speed, parity and stop bits, and drop the bytes that came before.

        Raises CommandError if the port refuses them.
        """
        speed = self._speed(baud)
        tty.setraw(self._descriptor)
        settings = termios.tcgetattr(self._descriptor)
        settings[_INPUT] &= ~(termios.IXON | termios.IXOFF)
        flags = termios.CSTOPB | termios.PARENB | termios.PARODD | termios.CRTSCTS
        # CLOCAL: the firmware's own opening must not wait for a modem's carrier either.
        control = settings[_CONTROL] & ~flags | termios.CLOCAL | termios.CREAD
        settings[_CONTROL] = control if self._is_pseudo() else control | LINES[line]
        settings[_INPUT_SPEED] = settings[_OUTPUT_SPEED] = speed
        settings[_CHARACTERS][termios.VMIN] = 0
        settings[_CHARACTERS][termios.VTIME] = 0
        try:
            termios.tcsetattr(self._descriptor, termios.TCSANOW, settings)
        except termios.error as error:
            raise CommandError(f"{self.path}: the port refuses its settings: {error}") from None
        # Bytes that came earlier belong to nobody.
        termios.tcflush(self._descriptor, termios.TCIOFLUSH)
