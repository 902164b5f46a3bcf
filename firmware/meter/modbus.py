"""A Modbus RTU master that never blocks: one request at a time on one UART.

Sources: MODBUS over Serial Line V1.02 (frame, CRC), MODBUS Application Protocol V1.1b3
(functions, exceptions).
"""

from struct import pack_into

from joulestream.compat import const
from joulestream.units import ticks_diff

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

# A response is: unit, function, byte count; the registers, big-endian; the CRC, low byte first.
_HEADER_SIZE = const(3)
_CRC_SIZE = const(2)
# The longest frame on a serial line (Serial Line V1.02, section 2.3).
_MAX_FRAME = const(256)
# An exception response repeats the function with this bit set (Application Protocol, section 7).
_EXCEPTION_BIT = const(0x80)
# The CRC's polynomial 0x8005, with its bits in reverse order (Serial Line V1.02, section 6.2.2).
_CRC_POLYNOMIAL = const(0xA001)
_CRC_START = const(0xFFFF)


def _crc_table() -> "tuple[int, ...]":
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ _CRC_POLYNOMIAL if crc & 1 else crc >> 1
        table.append(crc)
    return tuple(table)


_CRC_TABLE = _crc_table()


def crc16(data: "bytes | bytearray", size: int) -> int:
    """Return the Modbus CRC of the first `size` bytes of `data`."""
    crc = _CRC_START
    for at in range(size):
        crc = (crc >> 8) ^ _CRC_TABLE[(crc ^ data[at]) & 0xFF]
    return crc


class ModbusMaster:
    """Reads registers of one unit.

    Args:
        uart: `write(data)` and `readinto(buffer)`, neither of which blocks.
        unit: the meter's address on the line, 1 to 247.
        timeout_ms: how long an answer may take.

    Attributes:
        busy: whether a request waits for its answer.
        heard_ms: the tick at which bytes last came, damaged or not; None before that.
        bad_answers: how many answers were cut short, or had a wrong CRC, an exception code or
            another unit's number.
    """

    def __init__(self, uart: "Any", unit: int, timeout_ms: int) -> None:
        self._uart = uart
        self._unit = unit
        self._timeout_ms = timeout_ms
        self._request = bytearray(8)
        self._response = bytearray(_MAX_FRAME)
        self._view = memoryview(self._response)
        self._chunk = bytearray(_MAX_FRAME)
        self._size = 0
        self._expected = 0
        self._sent_ms = 0
        self.busy = False
        self.heard_ms: int | None = None
        self.bad_answers = 0

    def ask(self, function: int, address: int, registers: int, now_ms: int) -> None:
        """Request `registers` registers of 16 bits from the 0-based `address` on."""
        # Bytes that still arrive from an earlier request would answer the new one.
        self._uart.readinto(self._chunk)
        request = self._request
        pack_into(">BBHH", request, 0, self._unit, function, address, registers)
        pack_into("<H", request, 6, crc16(request, 6))
        self._uart.write(request)
        self._size = 0
        self._expected = _HEADER_SIZE + 2 * registers + _CRC_SIZE
        self._sent_ms = now_ms
        self.busy = True

    def poll(self, now_ms: int) -> "memoryview | None":
        """Return the registers' bytes once the answer is whole, else None.

        The bytes are valid until the next `ask`.
        """
        if not self.busy:
            return None
        count = self._uart.readinto(self._chunk)
        if count:
            self.heard_ms = now_ms
            room = min(count, _MAX_FRAME - self._size)
            self._response[self._size : self._size + room] = self._chunk[:room]
            self._size += room
        response = self._response
        if self._size >= 2 and response[1] & _EXCEPTION_BIT:
            self._refuse()
        elif self._size >= self._expected:
            return self._registers()
        elif ticks_diff(now_ms, self._sent_ms) >= self._timeout_ms:
            self.busy = False
            if self._size:
                self.bad_answers += 1
        return None

    def _registers(self) -> "memoryview | None":
        """Return the registers' bytes of a response that is long enough, if it is good."""
        response = self._response
        size = self._expected
        crc = response[size - 2] | response[size - 1] << 8
        good = (
            self._size == size
            and response[0] == self._unit
            and response[1] == self._request[1]
            and response[2] == size - _HEADER_SIZE - _CRC_SIZE
            and crc16(response, size - _CRC_SIZE) == crc
        )
        if not good:
            self._refuse()
            return None
        self.busy = False
        return self._view[_HEADER_SIZE : size - _CRC_SIZE]

    def _refuse(self) -> None:
        self.busy = False
        self.bad_answers += 1
