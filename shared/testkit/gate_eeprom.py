"""The EEPROM that names a gate, as a device on I2C. Runs on CPython and on MicroPython.

Its address is the one that docs/charging.md gives; the bytes are those of parts/gate_identity.py.
"""

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.fields import Buffer

ADDRESS = const(0x56)
_SIZE = const(256)


class GateEeprom:
    """The chip: `write` and `read` are transfers of its master; see testkit.fram.Mb85rc.

    Args:
        data: what it holds from address 0 on.

    Attributes:
        memory: its bytes.
        powered: False: the chip acknowledges nothing.
    """

    def __init__(self, data: bytes) -> None:
        self.memory = bytearray(data + b"\xff" * (_SIZE - len(data)))
        self.powered = True
        self._at = 0

    def write(self, address: int, data: "Buffer") -> bool:
        """Take the address that the master sends; the chip is write-protected."""
        if not self.powered or address != ADDRESS:
            return False
        if len(data):
            self._at = data[0]
        return True

    def read(self, address: int, size: int) -> "bytes | None":
        """Return the bytes that the master reads from `address`, None without acknowledge."""
        if not self.powered or address != ADDRESS:
            return None
        read = bytes(self.memory[(self._at + index) % _SIZE] for index in range(size))
        self._at = (self._at + size) % _SIZE
        return read
