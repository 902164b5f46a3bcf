"""Pseudo-terminals that stand for the firmwares' UARTs."""

import os
import pty
import select
import termios
import tty

from joulestream.host_tools import progress


class Port:
    """One UART: the firmware opens `path`, the bench holds the other end."""

    def __init__(self) -> None:
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        settings = termios.tcgetattr(self._slave)
        settings[6][termios.VMIN] = 0
        settings[6][termios.VTIME] = 0
        termios.tcsetattr(self._slave, termios.TCSANOW, settings)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)

    def fileno(self) -> int:
        """Return the bench's end, for select."""
        return self._master

    def write(self, data: bytes) -> None:
        """Send `data` to the firmware."""
        while data:
            try:
                data = data[os.write(self._master, data) :]
            except BlockingIOError:
                select.select([], [self._master], [])

    def read(self) -> bytes:
        """Return what the firmware sent and has arrived by now."""
        try:
            return os.read(self._master, 65536)
        except BlockingIOError:
            return b""

    def read_exactly(self, size: int) -> bytes:
        """Return the next `size` bytes that the firmware sent, which are on their way.

        Raises:
            TimeoutError: some got lost: none came at `progress.ASLEEP_LOOKS` looks.
        """
        data = b""
        looks = 0
        while len(data) < size:
            if not select.select([self._master], [], [], progress.LOOK_S)[0]:
                looks += 1
                if looks >= progress.ASLEEP_LOOKS:
                    raise TimeoutError(f"{size - len(data)} bytes got lost in {self.path}")
                continue
            looks = 0
            data += self.read()
        return data

    def close(self) -> None:
        """Hang up."""
        os.close(self._master)
        os.close(self._slave)
