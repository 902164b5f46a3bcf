"""A Modbus RTU master that never blocks: one request at a time on one UART.

Source: MODBUS over Serial Line V1.02, MODBUS Application Protocol V1.1b3.
"""

from struct import pack_into

from joulestream.compat import const
from joulestream.units import ticks_diff

_CRC_SIZE = const(2)
_HEADER_SIZE = const(3)  # unit, function, byte count
_MAX_RESPONSE = const(256)
_EXCEPTION_BIT = const(0x80)


def _crc_table():
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
        table.append(crc)
    return tuple(table)


_CRC_TABLE = _crc_table()


def crc16(data, size):
    """Return the Modbus CRC of the first `size` bytes of `data`; it is sent low byte first."""
    crc = 0xFFFF
    for at in range(size):
        crc = (crc >> 8) ^ _CRC_TABLE[(crc ^ data[at]) & 0xFF]
    return crc


class ModbusMaster:
    """Reads registers of one unit over `uart` (see link.Link for what a UART offers).

    `heard_ms` is when bytes last came, good or bad, or None; `bad_answers` counts answers with a
    wrong CRC, an exception code or another unit's number.
    """

    def __init__(self, uart, unit, timeout_ms):
        self._uart = uart
        self._unit = unit
        self._timeout_ms = timeout_ms
        self._request = bytearray(8)
        self._response = bytearray(_MAX_RESPONSE)
        self._view = memoryview(self._response)
        self._chunk = bytearray(_MAX_RESPONSE)
        self._size = 0
        self._expected = 0
        self._sent_ms = 0
        self.busy = False
        self.heard_ms = None
        self.bad_answers = 0

    def ask(self, function, address, registers, now_ms):
        """Send the request for `registers` registers from the 0-based `address` on."""
        self._uart.readinto(self._chunk)  # what still comes from before answers no question
        request = self._request
        pack_into(">BBHH", request, 0, self._unit, function, address, registers)
        pack_into("<H", request, 6, crc16(request, 6))
        self._uart.write(request)
        self._size = 0
        self._expected = _HEADER_SIZE + 2 * registers + _CRC_SIZE
        self._sent_ms = now_ms
        self.busy = True

    def poll(self, now_ms):
        """Return the answer's register bytes (a memoryview, valid until `ask`), or None."""
        if not self.busy:
            return None
        count = self._uart.readinto(self._chunk)
        if count:
            self.heard_ms = now_ms
            room = min(count, _MAX_RESPONSE - self._size)
            self._response[self._size : self._size + room] = self._chunk[:room]
            self._size += room
        response = self._response
        if self._size >= 2 and response[1] & _EXCEPTION_BIT:
            return self._refuse()
        if self._size >= self._expected:
            return self._answer()
        if ticks_diff(now_ms, self._sent_ms) >= self._timeout_ms:
            self.busy = False
            if self._size:
                self.bad_answers += 1
        return None

    def _answer(self):
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
            return self._refuse()
        self.busy = False
        return self._view[_HEADER_SIZE : size - _CRC_SIZE]

    def _refuse(self):
        self.busy = False
        self.bad_answers += 1
        return None
