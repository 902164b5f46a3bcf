"""The CAN controller Microchip MCP2515 on an SPI. Source of all values: DS20001801J.

Nothing here waits: a chip that does not come up is looked at again later. The board gives the SPI
(`Board.spi`), the chip select and the level of the pin INT.
"""

from joulestream.compat import const
from joulestream.units import Timer

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable

    from joulestream.boards.contract import Board
    from joulestream.device.config import Config
    from joulestream.fields import Buffer

# The SPI takes up to 10 MHz (table 13-6).
_RESET = const(0xC0)
_READ = const(0x03)
_READ_RX0 = const(0x90)
_READ_RX1 = const(0x94)
_WRITE = const(0x02)
_LOAD_TX0 = const(0x40)
_RTS = const(0x80)
_READ_STATUS = const(0xA0)
_BIT_MODIFY = const(0x05)

_CANCTRL = const(0x0F)
_RXM0 = const(0x20)
_CNF3 = const(0x28)
_CANINTE = const(0x2B)
_CANINTF = const(0x2C)
_EFLG = const(0x2D)
_TXB0CTRL = const(0x30)
_RXB0CTRL = const(0x60)
_RXF0 = const(0x00)
_RXF3 = const(0x10)

_NORMAL = const(0x00)
_CONFIGURATION = const(0x80)
_MODE_MASK = const(0xE0)
# RXB0CTRL: the filters hold, and a frame that finds RXB0 full goes to RXB1.
_ROLL_OVER = const(0x04)
_EXTENDED = const(0x08)
_REMOTE = const(0x40)
# All 29 bits of an identifier count.
_EXACT = b"\xff\xe3\xff\xff"
# CANINTE: a frame in RXB0, in RXB1, an error.
_INTERRUPTS = const(0x23)
_ERROR_FLAG = const(0x20)
# READ STATUS.
_RX0 = const(0x01)
_RX1 = const(0x02)
_TX_REQUESTS = const(0x54)
# EFLG.
_OVERRUNS = const(0xC0)
_RX0_OVERRUN = const(0x40)
_BUS_OFF = const(0x20)
_TX_PASSIVE = const(0x10)
_RX_PASSIVE = const(0x08)

# time quanta in a bit at BRP 0 : CNF1, CNF2, CNF3. The sample point is at 75 % for 8 quanta and
# at 81 % for 16 of them (section 5).
_TIMINGS = {
    8: (0x00, 0x91, 0x01),
    16: (0x40, 0xB4, 0x02),
    32: (0x41, 0xB4, 0x02),
    64: (0x43, 0xB4, 0x02),
}
# A bit has at least 5 quanta (section 5.1), and a quantum two periods of the crystal.
_BITS_PER_CRYSTAL_MHZ = const(500_000)

_TX_BUFFERS = const(3)
_FRAME_SIZE = const(14)
# Registers from CNF3 to CANSTAT.
_STATE_SIZE = const(9)
# How often the chip's state is read while its interrupt shows nothing.
_LOOK_MS = const(100)
# A chip joins the bus after 11 recessive bits, so a longer wait is a fault.
_JOIN_MS = const(200)
# A chip that is gone is looked for so often.
_RETRY_MS = const(1_000)

_GONE = "no MCP2515 answers on the SPI 'can'; check its power, its crystal and its wires"
_STUCK = "the CAN bus is never idle; check that its two wires are not shorted or swapped"
_OFF = "the CAN controller left the bus after errors; check termination, bit rate and wires"
_ALONE = "no CAN controller acknowledges; check the other side, termination, bit rate and wires"
_DISTURBED = "the CAN bus is disturbed; check termination and the bit rate of both sides"


class Controller:
    """The chip: frames with one identifier out, frames with another one in.

    Raises ValueError, in one sentence, when the board or its chip cannot do it.

    Attributes:
        room: the frames that come and wait while nobody reads them: two receive buffers.
        fault: one sentence about the bus or the chip, or None.
        overruns: frames that found both receive buffers full.
        bus_offs: how often the chip left the bus.
        restarts: how often the chip had to be set up anew.
    """

    room = 2

    def __init__(self, config: "Config", board: "Board", send_id: int, receive_id: int) -> None:
        quanta = config.crystal_mhz * _BITS_PER_CRYSTAL_MHZ // config.bit_rate
        if quanta not in _TIMINGS:
            raise ValueError(
                "a CAN bit rate of %d bit/s needs a crystal of 16 MHz; correct 'link.bit_rate' or "
                "'link.crystal_mhz'" % config.bit_rate
            )
        cnf1, cnf2, cnf3 = _TIMINGS[quanta]
        self._timing = bytes((_WRITE, _CNF3, cnf3, cnf2, cnf1))
        self._spi, self._select, self._interrupt = board.spi("can")
        self._accepted = identifier_bytes(receive_id)
        # Every transfer has the same buffers: the frame to send, the state, the frame that came.
        self._load = bytearray(_FRAME_SIZE)
        self._load[1:5] = identifier_bytes(send_id)
        self._load_views = [memoryview(self._load)[: 6 + size] for size in range(9)]
        self._request = bytearray(_FRAME_SIZE)
        self._answer = bytearray(_FRAME_SIZE)
        requests, answers = memoryview(self._request), memoryview(self._answer)
        self._one = requests[:1]
        # The status is read between a frame and its use, so it has an own place.
        self._short = (requests[:2], memoryview(bytearray(2)))
        self._state = (requests[:_STATE_SIZE], answers[:_STATE_SIZE])
        self._whole = (requests, answers)
        self._data = answers[6:]
        self._next = _TX_BUFFERS - 1  # the transmit buffer of the next frame; -1: none
        self._look = Timer()
        self._joining = Timer()
        self._retry = Timer()
        self._is_up = False
        self._has_joined = False
        self._was_off = False
        self._has_heard = False
        self.fault: str | None = None
        self.overruns = 0
        self.bus_offs = 0
        self.restarts = 0
        if not self._set_up(board.now_ms()):
            raise ValueError(_GONE)

    def receive(self, take: "Callable[[memoryview, int, int], None]", now_ms: int) -> None:
        """Call `take(data, size, now_ms)` for every frame that came, in order."""
        if not self._is_up:
            if self._retry.is_over(now_ms):
                self.restarts += 1
                self._set_up(now_ms)
            return
        interrupted = not self._interrupt()
        if interrupted:
            self._receive_frames(take, now_ms)
        if interrupted or self._look.is_over(now_ms):
            self._look_at_state(now_ms)

    def transmit(self, frame: bytearray, size: int) -> bool:
        """Put a frame behind the others; return False if there is no room for it now.

        Among its waiting buffers the chip sends the one with the highest number first (section
        3.3). So they are filled downwards, and again only when all of them are free.
        """
        if not self._has_joined:
            return False
        if self._next < 0:
            if self._status() & _TX_REQUESTS:
                return False
            self._next = _TX_BUFFERS - 1
        number = self._next
        load = self._load
        load[0] = _LOAD_TX0 | number << 1
        load[5] = size
        load[6 : 6 + size] = memoryview(frame)[:size]
        self._write(self._load_views[size])
        self._command(_RTS | 1 << number)
        self._next = number - 1
        return True

    def abort(self) -> None:
        """Give up the frames that wait to be sent."""
        for number in range(_TX_BUFFERS):
            self._put(_TXB0CTRL + (number << 4), 0)
        self._next = -1

    def _receive_frames(self, take: "Callable[[memoryview, int, int], None]", now_ms: int) -> None:
        """Read both receive buffers until they are empty.

        A frame goes to RXB0, or to RXB1 when RXB0 is full. So RXB1 holds the later one of two,
        unless RXB0 was read meanwhile: what stands in RXB1 then goes first.
        """
        status = self._status()
        while status & (_RX0 | _RX1):
            if status & _RX0:
                self._read_frame(_READ_RX0)
                status |= self._status()
                self._hand_on(take, now_ms)
            if status & _RX1:
                self._read_frame(_READ_RX1)
                self._hand_on(take, now_ms)
            status = self._status()
            if status == 0xFF:  # the chip is gone
                self._look_at_state(now_ms)
                return

    def _read_frame(self, instruction: int) -> None:
        self._request[0] = instruction
        self._transfer(self._whole)

    def _hand_on(self, take: "Callable[[memoryview, int, int], None]", now_ms: int) -> None:
        """Hand on the frame that was read, if it is a data frame with the right identifier."""
        answer = self._answer
        if answer[5] & _REMOTE or answer[5] > len(self._data):
            return
        for at in range(4):
            if answer[1 + at] != self._accepted[at]:
                return
        self._has_heard = True
        take(self._data, answer[5], now_ms)

    def _set_up(self, now_ms: int) -> bool:
        """Reset the chip, set it up and let it join the bus; return False if none answers."""
        self._is_up = self._has_joined = self._was_off = False
        self._next = _TX_BUFFERS - 1
        self._retry.start(now_ms, _RETRY_MS)
        self._command(_RESET)
        self._write(self._timing)
        # Three filters stand side by side, twice. All are the same, so each buffer takes one
        # identifier and no other.
        self._write(bytes((_WRITE, _RXF0)) + self._accepted * 3)
        self._write(bytes((_WRITE, _RXF3)) + self._accepted * 3)
        self._write(bytes((_WRITE, _RXM0)) + _EXACT * 2)
        self._put(_RXB0CTRL, _ROLL_OVER)
        self._put(_CANINTE, _INTERRUPTS)
        self._read_state()
        if not self._is_set_up() or self._answer[8] & _MODE_MASK != _CONFIGURATION:
            self.fault = _GONE
            return False
        self._put(_CANCTRL, _NORMAL)
        self._is_up = True
        self._joining.start(now_ms, _JOIN_MS)
        self._look.stop()
        return True

    def _look_at_state(self, now_ms: int) -> None:
        """Read the chip's registers; count and clear what they show."""
        self._look.start(now_ms, _LOOK_MS)
        self._read_state()
        mode = self._answer[8] & _MODE_MASK
        if not self._is_set_up() or (self._has_joined and mode != _NORMAL):
            # It lost its power for a moment, or it is gone.
            self.fault = _GONE
            self._is_up = self._has_joined = False
            self._retry.start(now_ms, _RETRY_MS)
            return
        if not self._has_joined:
            if mode == _NORMAL:
                self._has_joined = True
                self.fault = None
            elif self._joining.is_over(now_ms):
                self.fault = _STUCK
            self._look.stop()
            return
        interrupts, flags = self._answer[6], self._answer[7]
        if flags & _OVERRUNS:
            self.overruns += (1 if flags & _RX0_OVERRUN else 0) + (flags >> 7)
            self._clear(_EFLG, _OVERRUNS)
        if interrupts & _ERROR_FLAG:
            self._clear(_CANINTF, _ERROR_FLAG)
        self._judge(flags)

    def _judge(self, flags: int) -> None:
        """Derive the fault from the error flags. It stays until a frame came after it."""
        is_off = bool(flags & _BUS_OFF)
        if is_off and not self._was_off:
            self.bus_offs += 1
            # The chip comes back by itself, after 128 times 11 recessive bits, and would send.
            self.abort()
        self._was_off = is_off
        fault = None
        if is_off:
            fault = _OFF
        elif flags & _TX_PASSIVE and self.fault != _OFF:
            fault = _ALONE
        elif flags & _RX_PASSIVE and self.fault != _OFF:
            fault = _DISTURBED
        if fault is not None:
            self.fault = fault
            self._has_heard = False
        elif self._has_heard:
            self.fault = None

    def _is_set_up(self) -> bool:
        """Return whether the state that was read holds the bit timing and the interrupts."""
        answer, timing = self._answer, self._timing
        return (
            answer[2] == timing[2]
            and answer[3] == timing[3]
            and answer[4] == timing[4]
            and answer[5] == _INTERRUPTS
        )

    def _read_state(self) -> None:
        self._request[0] = _READ
        self._request[1] = _CNF3
        self._transfer(self._state)

    def _status(self) -> int:
        self._request[0] = _READ_STATUS
        self._transfer(self._short)
        return self._short[1][1]

    def _put(self, address: int, value: int) -> None:
        self._write(bytes((_WRITE, address, value)))

    def _clear(self, address: int, bits: int) -> None:
        self._write(bytes((_BIT_MODIFY, address, bits, 0)))

    def _command(self, code: int) -> None:
        self._request[0] = code
        self._select(0)
        self._spi.write(self._one)
        self._select(1)

    def _write(self, data: "Buffer") -> None:
        self._select(0)
        self._spi.write(data)
        self._select(1)

    def _transfer(self, views: "tuple[memoryview, memoryview]") -> None:
        self._select(0)
        self._spi.write_readinto(views[0], views[1])
        self._select(1)


def identifier_bytes(identifier: int) -> bytes:
    """Return a 29-bit identifier as SIDH, SIDL, EID8 and EID0 hold it."""
    base = identifier >> 18
    return bytes(
        (
            base >> 3,
            (base & 7) << 5 | _EXTENDED | (identifier >> 16 & 3),
            identifier >> 8 & 0xFF,
            identifier & 0xFF,
        )
    )
