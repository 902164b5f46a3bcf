"""The real-time clock DS3231 at the level of its registers, as a device on I2C.

Runs on CPython and on MicroPython. Its time stands still. Source: Maxim DS3231 datasheet, fig. 1.
"""

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.fields import Buffer

ADDRESS = const(0x68)
STATUS = const(0x0F)
STOPPED = const(0x80)
_REGISTERS = const(19)


class Ds3231Registers:
    """The chip: `write` and `read` are transfers of its master; see testkit.fram.Mb85rc.

    Attributes:
        registers: its registers. At power-up the flag of a stopped oscillator is set.
        powered: False: the chip acknowledges nothing.
    """

    def __init__(self) -> None:
        self.registers = bytearray(_REGISTERS)
        self.registers[3] = self.registers[4] = self.registers[5] = 1
        self.registers[STATUS] = STOPPED
        self.powered = True
        self._at = 0

    def write(self, address: int, data: "Buffer") -> bool:
        """Take the bytes that the master sends to `address`; return whether it acknowledges."""
        if not self.powered or address != ADDRESS:
            return False
        for index, byte in enumerate(data):
            if index == 0:
                self._at = byte % _REGISTERS
                continue
            if self._at == STATUS:
                # The flag can be cleared, and not be set.
                byte &= self.registers[STATUS] | ~STOPPED & 0xFF
            self.registers[self._at] = byte
            self._at = (self._at + 1) % _REGISTERS
        return True

    def read(self, address: int, size: int) -> "bytes | None":
        """Return the bytes that the master reads from `address`, None without acknowledge."""
        if not self.powered or address != ADDRESS:
            return None
        read = bytearray(size)
        for index in range(size):
            read[index] = self.registers[self._at]
            self._at = (self._at + 1) % _REGISTERS
        return bytes(read)
