"""A serial port of this computer, or a pseudo-terminal, set up for a firmware."""

import fcntl
import os
import termios
import tty

from joulestream.host_tools.errors import CommandError

_INPUT, _OUTPUT, _CONTROL = 0, 1, 2
_INPUT_SPEED, _OUTPUT_SPEED, _CHARACTERS = 4, 5, 6


class SerialPort:
    """Holds the port at `path` for one firmware, which opens it by its path.

    The terminal is raw with 8 data bits, no parity, one stop bit and no flow control. VMIN and
    VTIME are 0, so that the firmware's reads never block. The settings last while this object
    keeps the port open. Other programs that lock their ports, as pyserial does, are kept out.
    """

    def __init__(self, path: str, baud: int) -> None:
        """Open and set up the port.

        Args:
            path: its device file.
            baud: its speed in bit/s.

        Raises:
            CommandError: there is no such port, it is no terminal, another program uses it, or
                it does not know this speed.
        """
        self.path = path
        speed = getattr(termios, f"B{baud}", None)
        if speed is None:
            raise CommandError(f"{path}: {baud} baud is no speed of a serial port")
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
            self._set_mode(speed)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the port back."""
        os.close(self._descriptor)

    def _lock(self) -> None:
        if not os.isatty(self._descriptor):
            raise CommandError(f"{self.path} is no serial port; name the device of one")
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(
                f"{self.path} is in use by another program; end that one first"
            ) from None

    def _set_mode(self, speed: int) -> None:
        tty.setraw(self._descriptor)
        settings = termios.tcgetattr(self._descriptor)
        settings[_INPUT] &= ~(termios.IXON | termios.IXOFF)
        flags = termios.CSTOPB | termios.PARENB | termios.CRTSCTS
        # CLOCAL: the firmware's own opening must not wait for a modem's carrier either.
        settings[_CONTROL] = settings[_CONTROL] & ~flags | termios.CLOCAL | termios.CREAD
        settings[_INPUT_SPEED] = settings[_OUTPUT_SPEED] = speed
        settings[_CHARACTERS][termios.VMIN] = 0
        settings[_CHARACTERS][termios.VTIME] = 0
        try:
            termios.tcsetattr(self._descriptor, termios.TCSANOW, settings)
        except termios.error as error:
            raise CommandError(f"{self.path}: the port refuses its settings: {error}") from None
        # Bytes that came earlier belong to nobody.
        termios.tcflush(self._descriptor, termios.TCIOFLUSH)
