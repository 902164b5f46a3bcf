"""A Modbus RTU master that never blocks: one request at a time on one UART.

A Modbus answer does not say which request it answers. Three rules keep old answers out:

    A frame is found, not assumed. Its unit, function and byte count are known. The received bytes
    are searched for them, and the CRC decides. All other bytes are skipped and counted.
    Bytes that come before a request is sent never answer it.
    After a request without an answer, the next one asks for another number of registers (see
    `variant`). The byte count of a late answer then does not fit.

Sources: MODBUS over Serial Line V1.02 (frame, CRC), MODBUS Application Protocol V1.1b3
(functions, exceptions).
"""

from struct import pack_into

from joulestream.compat import const
from joulestream.native import crc16
from joulestream.units import Timer

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

# A response is: unit, function, byte count; the registers, big-endian; the CRC, low byte first.
_HEADER_SIZE = const(3)
_CRC_SIZE = const(2)
_REQUEST_SIZE = const(8)
# The longest frame on a serial line (Serial Line V1.02, section 2.3).
_MAX_FRAME = const(256)
# An exception response is: unit, function with this bit set, code, CRC (Application Protocol,
# section 7).
_EXCEPTION_BIT = const(0x80)
_EXCEPTION_SIZE = const(5)
# One byte on the line: start bit, eight data bits, parity or a second stop bit, stop bit.
_BITS_PER_BYTE = const(11)
_MS_PER_S = const(1_000)
# So many requests in a row differ from one another while no answer comes, at the most.
VARIANTS = const(12)
# Where a meter takes fewer variants, the last of them is followed by a rest of so many answers'
# time: as long as 12 variants take. 1 + 2 + ... + 12.
_REST_ANSWERS = const(78)
# While answers come, the shortest variants take turns. No reading has three requests, so a
# request differs from its like in the two readings before it.
CLEAN_VARIANTS = const(3)


def line_ms(registers: int, baud: int) -> int:
    """Return how long a request and its answer of `registers` registers are on the line, in ms."""
    size = _REQUEST_SIZE + _HEADER_SIZE + 2 * registers + _CRC_SIZE
    return -(-size * _BITS_PER_BYTE * _MS_PER_S // baud)


class ModbusMaster:
    """Reads registers of one unit.

    Args:
        uart: `write(data)` and `readinto(buffer)`, neither of which blocks.
        unit: the meter's address on the line, 1 to 247.
        baud: the speed of the line, in bit/s.
        turnaround_ms: the longest time from the end of a request to the start of its answer.
        pause_ms: the least time from one request to the next.
        variants: how many requests the meter can tell apart, CLEAN_VARIANTS to VARIANTS.

    Attributes:
        busy: whether a request waits for its answer.
        heard_ms: the tick at which bytes last came, damaged or not; None before that.
        bad_answers: how many requests got bytes and no good answer, or an exception.
        skipped_bytes: how many received bytes belonged to no answer.
        variant: below CLEAN_VARIANTS while answers come, else below `variants`. It changes after
            each request. A caller asks for a different number of registers in each variant.
    """

    def __init__(
        self,
        uart: "Any",
        unit: int,
        baud: int,
        turnaround_ms: int,
        pause_ms: int,
        variants: int = VARIANTS,
    ) -> None:
        self._uart = uart
        self._unit = unit
        self._baud = baud
        self._turnaround_ms = turnaround_ms
        self._pause_ms = pause_ms
        self._variants = variants
        self._request = bytearray(_REQUEST_SIZE)
        self._header = bytearray(_HEADER_SIZE)
        self._exception = bytearray(2)
        self._response = bytearray(_MAX_FRAME)
        self._view = memoryview(self._response)
        self._size = 0
        self._expected = 0
        self._answer_ms = 0
        self._lost = 0  # requests in a row without an answer
        self._asked_ms = 0
        self._answer = Timer()  # runs while the answer may come
        self._rest = Timer()  # runs while no request may be sent
        self.busy = False
        self.heard_ms: int | None = None
        self.bad_answers = 0
        self.skipped_bytes = 0
        self.variant = 0

    def may_ask(self, now_ms: int) -> bool:
        """Return whether the next request may be sent at the tick `now_ms`."""
        return not self.busy and self._rest.is_over(now_ms)

    def ask(self, function: int, address: int, registers: int, now_ms: int) -> None:
        """Request `registers` registers of 16 bits from the 0-based `address` on."""
        self._drain(now_ms)
        request = self._request
        pack_into(">BBHH", request, 0, self._unit, function, address, registers)
        pack_into("<H", request, 6, crc16(request, 6, 0))
        self._uart.write(request)
        header = self._header
        header[0] = self._exception[0] = self._unit
        header[1] = function
        header[2] = 2 * registers
        self._exception[1] = function | _EXCEPTION_BIT
        self._size = 0
        self._expected = _HEADER_SIZE + 2 * registers + _CRC_SIZE
        self._answer_ms = line_ms(registers, self._baud) + self._turnaround_ms
        self._asked_ms = now_ms
        self._answer.start(now_ms, self._answer_ms)
        self.busy = True

    def poll(self, now_ms: int) -> "memoryview | None":
        """Return the registers' bytes once the answer is whole, else None.

        The bytes are valid until the next call. Bytes that come while no request waits are
        dropped: they answer an older one.
        """
        if not self.busy:
            self._drain(now_ms)
            return None
        while self._receive(now_ms):
            at = self._find(self._header, self._expected)
            if at >= 0:
                self._answered()
                return self._view[at + _HEADER_SIZE : at + self._expected - _CRC_SIZE]
            if self._find(self._exception, _EXCEPTION_SIZE) >= 0:
                self.skipped_bytes -= _EXCEPTION_SIZE
                self._fail()
                return None
        if self._answer.is_over(now_ms):
            self._fail()
        return None

    def _receive(self, now_ms: int) -> bool:
        """Append the bytes that have come to those before; return whether any came."""
        room = _MAX_FRAME - self._size
        if room < self._expected:
            # All but the end was searched already.
            self._drop(max(self._size - self._expected, 0))
        count = self._uart.readinto(self._view[self._size :])
        if count:
            self.heard_ms = now_ms
            self._size += count
        return bool(count)

    def _drop(self, count: int) -> None:
        """Drop the first `count` bytes of those that came."""
        self.skipped_bytes += count
        self._size -= count
        self._view[: self._size] = self._response[count : count + self._size]

    def _find(self, start: bytearray, size: int) -> int:
        """Return where a whole frame of `size` bytes begins with `start`; -1 if nowhere."""
        response = self._response
        at = response.find(start, 0, self._size)
        while at >= 0 and at + size <= self._size:
            end = at + size - _CRC_SIZE
            crc = response[end] | response[end + 1] << 8
            if crc16(response, size - _CRC_SIZE, at) == crc:
                return at
            at = response.find(start, at + 1, self._size)
        return -1

    def _answered(self) -> None:
        self.skipped_bytes += self._size - self._expected
        self._lost = 0
        self._end(self._pause_ms, CLEAN_VARIANTS)

    def _fail(self) -> None:
        self.skipped_bytes += self._size
        if self._size:
            self.bad_answers += 1
        self._lost = min(self._lost + 1, VARIANTS)
        # Each lost answer makes the next request wait longer. So fewer than VARIANTS requests are
        # under way at a time, however late their answers come.
        answers = self._lost
        if self._variants < VARIANTS and not self._lost % self._variants:
            answers = _REST_ANSWERS
        self._end(max(answers * self._answer_ms, self._pause_ms), self._variants)

    def _end(self, wait_ms: int, variants: int) -> None:
        self.busy = False
        self._rest.start(self._asked_ms, wait_ms)
        self.variant = (self.variant + 1) % variants

    def _drain(self, now_ms: int) -> None:
        """Drop the bytes that have come."""
        count = self._uart.readinto(self._response)
        while count:
            self.heard_ms = now_ms
            self.skipped_bytes += count
            count = self._uart.readinto(self._response)
