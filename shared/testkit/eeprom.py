"""An I2C EEPROM with 256 bytes, of the kind 24AA02, as a device on I2C.

Runs on CPython and on MicroPython. Source: Microchip 24AA02 datasheet: a page of 8 bytes, in
which the address wraps; no acknowledge while a write runs; WP high refuses writes.
"""

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.fields import Buffer

_SIZE = const(256)
_PAGE = const(8)
_BUSY = const(40)


class Eeprom:
    """The chip: `write` and `read` are transfers of its master; see testkit.fram.Mb85rc.

    Attributes:
        data: its bytes; all ones when it is new.
        powered: False: the chip acknowledges nothing.
        protected: the level of WP.
    """

    def __init__(self, address: int) -> None:
        self.address = address
        self.data = bytearray(b"\xff" * _SIZE)
        self.powered = True
        self.protected = False
        self._at = 0
        self._busy = 0

    def _acknowledges(self, address: int) -> bool:
        if not self.powered or address != self.address:
            return False
        if self._busy:
            self._busy -= 1
            return False
        return True

    def write(self, address: int, data: "Buffer") -> bool:
        """Take the bytes that the master sends to `address`; return whether it acknowledges."""
        if not self._acknowledges(address):
            return False
        for index, byte in enumerate(data):
            if index == 0:
                self._at = byte
                continue
            if not self.protected:
                self.data[self._at] = byte
                self._busy = _BUSY
            self._at = self._at // _PAGE * _PAGE + (self._at + 1) % _PAGE
        return True

    def read(self, address: int, size: int) -> "bytes | None":
        """Return the bytes that the master reads from `address`, None without acknowledge."""
        if not self._acknowledges(address):
            return None
        read = bytearray(size)
        for index in range(size):
            read[index] = self.data[self._at]
            self._at = (self._at + 1) % _SIZE
        return bytes(read)
