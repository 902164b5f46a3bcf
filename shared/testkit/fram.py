"""Fujitsu's FRAM at the level of its registers: MB85RS over SPI and MB85RC over I2C.

Runs on CPython and on MicroPython. Sources: datasheets of MB85RS64V, MB85RS256B and MB85RS2MT
(DS501-00015 and its like; op-codes, status register, identification) and of MB85RC256V
(DS501-00017; device address word, identification). Left out: the pins WP and HOLD.
"""

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.fields import Buffer

# Op-codes of the MB85RS.
WREN = const(0x06)
WRDI = const(0x04)
RDSR = const(0x05)
WRSR = const(0x01)
READ = const(0x03)
WRITE = const(0x02)
RDID = const(0x9F)
FSTRD = const(0x0B)
SLEEP = const(0xB9)

# The status register: protection of itself, protected blocks, the write enable latch.
WPEN = const(0x80)
BP1 = const(0x08)
BP0 = const(0x04)
WEL = const(0x02)
_WRITABLE = const(0xFC)

# A line that nobody drives, with a pull-up.
_OPEN = const(0xFF)
_THREE_BYTES_FROM = const(1 << 17)

# The density code of the identification, and its last byte: bytes of memory.
SPI_PARTS = {
    8_192: b"\x04\x7f\x03\x02",  # MB85RS64V
    32_768: b"\x04\x7f\x05\x09",  # MB85RS256B
    262_144: b"\x04\x7f\x28\x03",  # MB85RS2MT
}
I2C_PARTS = {
    8_192: b"\x00\xa3\x58",  # MB85RC64TA
    32_768: b"\x00\xa5\x10",  # MB85RC256V
    131_072: b"\x00\xa7\x58",  # MB85RC1MT
}
_RESERVED = const(0x7C)
_ADDRESS = const(0x50)


class Mb85rs:
    """The chip on SPI. `select(level)` moves its CS pin, `exchange(byte)` clocks eight bits.

    Args:
        size: the bytes of its memory, a key of SPI_PARTS.
        data: the memory, where a board has no room for a whole bytearray.

    Attributes:
        data: its memory.
        status: its status register.
        identification: the bytes that it answers to RDID.
        powered: False: the chip drives nothing, and every byte reads as 0xFF.
        stuck: cells of these addresses keep their value: a worn or broken part.
        writes: how many bytes were written.
    """

    def __init__(self, size: int = 32_768, data: "Any" = None) -> None:
        self.data = bytearray(size) if data is None else data
        self.status = 0
        self.powered = True
        self.stuck: set[int] = set()
        self.writes = 0
        self.identification = SPI_PARTS[size]
        self._address_size = 3 if size >= _THREE_BYTES_FROM else 2
        self._selected = False
        self._asleep = False
        self._command: int | None = None
        self._count = 0
        self._address = 0

    def power_cut(self) -> None:
        """Lose the supply and get it again: the latch is clear, the memory holds."""
        self.status &= ~WEL
        self._selected = self._asleep = False
        self._command = None

    def select(self, level: bool) -> None:
        """Set the level of CS. A falling edge begins a command, a rising one ends it."""
        if self._selected == (not level):
            return
        self._selected = not level
        if self._selected:
            # The falling edge wakes the chip; the first command after it may come too early on
            # real hardware (tREC, 400 us).
            self._asleep = False
            self._command = None
            self._count = 0
            return
        if self._command in (WRITE, WRSR) and self._count > 1:
            self.status &= ~WEL
        if self._command == WREN:
            self.status |= WEL
        elif self._command == WRDI:
            self.status &= ~WEL
        elif self._command == SLEEP:
            self._asleep = True

    def exchange(self, byte: int) -> int:
        """Clock `byte` in; return the byte that comes out meanwhile."""
        if not self.powered or not self._selected or self._asleep:
            return _OPEN
        self._count += 1
        if self._command is None:
            self._command = byte
            self._address = 0
            return _OPEN
        position = self._count - 2  # of this byte behind the op-code
        command = self._command
        if command == RDID:
            return self.identification[position] if position < len(self.identification) else _OPEN
        if command == RDSR:
            return self.status
        if command == WRSR:
            if position == 0 and self.status & WEL:
                self.status = self.status & ~_WRITABLE | byte & _WRITABLE
            return _OPEN
        if command in (READ, WRITE, FSTRD):
            return self._access(command, position, byte)
        return _OPEN

    def _access(self, command: int, position: int, byte: int) -> int:
        """Take a byte of the address, or move one of the memory."""
        if position < self._address_size:
            self._address = (self._address << 8 | byte) % len(self.data)
            return _OPEN
        if command == FSTRD and position == self._address_size:
            return _OPEN  # the dummy byte of a fast read
        at = self._address
        self._address = (at + 1) % len(self.data)
        if command != WRITE:
            return self.data[at]
        if self.status & WEL and not self._is_protected(at) and at not in self.stuck:
            self.data[at] = byte
            self.writes += 1
        return _OPEN

    def _is_protected(self, address: int) -> bool:
        """Return whether BP1 and BP0 protect `address`: nothing, an upper quarter, half, all."""
        size = len(self.data)
        first = (size, size * 3 // 4, size // 2, 0)[(self.status & (BP1 | BP0)) >> 2]
        return address >= first


class Mb85rc:
    """The chip on I2C, by whole transfers: from a start condition to the next one, or to a stop.

    Args:
        size: the bytes of its memory, a key of I2C_PARTS.
        data: the memory, where a board has no room for a whole bytearray.

    Attributes:
        data: its memory.
        identification: its device id.
        powered: False: the chip acknowledges nothing.
        stuck: cells of these addresses keep their value: a worn or broken part.
    """

    def __init__(self, size: int = 32_768, data: "Any" = None) -> None:
        self.data = bytearray(size) if data is None else data
        self.powered = True
        self.stuck: set[int] = set()
        self.identification = I2C_PARTS[size]
        self._first = _ADDRESS
        # A chip of 1 Mbit has two addresses.
        self._last = _ADDRESS + (size - 1 >> 16)
        self._at = 0
        self._identifying = False

    def write(self, address: int, data: "Buffer") -> bool:
        """Take the bytes that the master sends to `address`; return whether it acknowledges."""
        if not self.powered:
            return False
        if address == _RESERVED:
            # The byte is this chip's address word; others keep silent.
            self._identifying = len(data) == 1 and self._first <= data[0] >> 1 <= self._last
            return self._identifying
        self._identifying = False
        if not self._first <= address <= self._last:
            return False
        if len(data) >= 2:
            self._at = ((address - self._first) << 16 | data[0] << 8 | data[1]) % len(self.data)
            for byte in data[2:]:
                if self._at not in self.stuck:
                    self.data[self._at] = byte
                self._at = (self._at + 1) % len(self.data)
        return True

    def read(self, address: int, size: int) -> "bytes | None":
        """Return the bytes that the master reads from `address`, None without acknowledge."""
        if not self.powered:
            return None
        if address == _RESERVED:
            if not self._identifying:
                return None
            return bytes(self.identification[at % len(self.identification)] for at in range(size))
        if not self._first <= address <= self._last:
            return None
        read = bytearray(size)
        for index in range(size):
            read[index] = self.data[self._at]
            self._at = (self._at + 1) % len(self.data)
        return bytes(read)
