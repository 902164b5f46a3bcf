"""Microchip's CAN controller MCP2515 at the level of its registers, as a node on a CanBus.

The other side is a driver that moves a chip select and exchanges bytes. Source of all addresses,
bits and rules: Microchip, DS20001801J. Left out: the pins RXnBF, TXnRTS and CLKOUT, and the
time-critical errata of the SPI.
"""

from collections.abc import Callable, Generator
from typing import Any

from joulestream.testkit.can_bus import PASSIVE, WARNING, Frame, Node

# Instructions, table 12-1.
RESET = 0xC0
READ = 0x03
READ_RX = 0x90
WRITE = 0x02
LOAD_TX = 0x40
RTS = 0x80
READ_STATUS = 0xA0
RX_STATUS = 0xB0
BIT_MODIFY = 0x05

# Registers, table 11-1. CANSTAT and CANCTRL stand at the end of every row of 16.
CANSTAT = 0x0E
CANCTRL = 0x0F
TEC = 0x1C
REC = 0x1D
CNF3 = 0x28
CNF2 = 0x29
CNF1 = 0x2A
CANINTE = 0x2B
CANINTF = 0x2C
EFLG = 0x2D
TXB_CTRL = (0x30, 0x40, 0x50)
RXB_CTRL = (0x60, 0x70)
_RXF = (0x00, 0x04, 0x08, 0x10, 0x14, 0x18)
_RXM = (0x20, 0x24)

# Modes, CANCTRL bits 7 to 5.
NORMAL = 0
SLEEP = 1
LOOPBACK = 2
LISTEN_ONLY = 3
CONFIGURATION = 4

# CANINTF.
RX0IF, RX1IF, TX0IF, TX1IF, TX2IF, ERRIF, WAKIF, MERRF = (1 << bit for bit in range(8))
_TXIF = (TX0IF, TX1IF, TX2IF)
_RXIF = (RX0IF, RX1IF)
# EFLG.
EWARN, RXWAR, TXWAR, RXEP, TXEP, TXBO, RX0OVR, RX1OVR = (1 << bit for bit in range(8))
# TXBnCTRL.
_ABTF, _MLOA, _TXERR, _TXREQ, _TXP = 0x40, 0x20, 0x10, 0x08, 0x03
# RXBnCTRL.
_RXM_ANY, _RXRTR, _BUKT, _BUKT1 = 0x60, 0x08, 0x04, 0x02
# CANCTRL.
_ABAT, _OSM = 0x10, 0x08

# Registers that only the mode configuration lets a driver write.
_CONFIGURATION_ONLY = frozenset(
    [CNF1, CNF2, CNF3, 0x0D] + [first + at for first in _RXF + _RXM for at in range(4)]
)
# Registers that BIT MODIFY changes by bits. Others take the whole byte (section 12.10).
_BIT_MODIFIABLE = frozenset(
    (0x0C, 0x0D, CANCTRL, CNF1, CNF2, CNF3, CANINTE, CANINTF, EFLG) + TXB_CTRL + RXB_CTRL
)
# The bits that a driver can write in registers with read-only bits.
_WRITABLE = {
    0x0C: 0x3F,
    0x0D: 0x07,
    TEC: 0,
    REC: 0,
    CANSTAT: 0,
    EFLG: RX0OVR | RX1OVR,
    TXB_CTRL[0]: _TXREQ | _TXP,
    TXB_CTRL[1]: _TXREQ | _TXP,
    TXB_CTRL[2]: _TXREQ | _TXP,
    RXB_CTRL[0]: _RXM_ANY | _BUKT,
    RXB_CTRL[1]: _RXM_ANY,
}
_WRITABLE.update({first + at: 0 for first in RXB_CTRL for at in range(1, 14)})


# The rest of an instruction: it takes the bytes after the first one and yields the answers.
Handler = Generator[Any, int, None]


def identifier_bytes(identifier: int, extended: bool) -> bytes:
    """Return SIDH, SIDL, EID8 and EID0 for an identifier."""
    if not extended:
        return bytes((identifier >> 3, (identifier & 7) << 5, 0, 0))
    base = identifier >> 18
    return bytes(
        (
            base >> 3,
            (base & 7) << 5 | 0x08 | (identifier >> 16 & 3),
            identifier >> 8 & 0xFF,
            identifier & 0xFF,
        )
    )


def _identifier(sidh: int, sidl: int, eid8: int, eid0: int) -> int:
    """Return the 29 bits of an extended identifier."""
    return (sidh << 3 | sidl >> 5) << 18 | (sidl & 3) << 16 | eid8 << 8 | eid0


class Mcp2515(Node):
    """The chip. `select(level)` moves its CS pin, `exchange(byte)` clocks eight bits.

    Args:
        oscillator_hz: the frequency of its crystal.

    Attributes:
        powered: False: the chip drives nothing, and every byte reads as 0xFF.
        joins: False: the bus never shows the recessive bits that the mode normal waits for.
    """

    def __init__(self, oscillator_hz: int = 16_000_000) -> None:
        super().__init__(0)
        self._oscillator_hz = oscillator_hz
        self._selected = False
        self._handler: Handler | None = None
        self._sending: int | None = None
        self.powered = True
        self.joins = True
        self.reset()

    @property
    def interrupt(self) -> bool:
        """The level of the pin INT: False while an enabled interrupt is pending."""
        return not self._registers[CANINTF] & self._registers[CANINTE]

    @property
    def mode(self) -> int:
        """The mode of operation."""
        return self._registers[CANSTAT] >> 5

    def reset(self) -> None:
        """Go to the state after power-up: mode configuration, all registers at their defaults."""
        registers = bytearray(128)
        registers[CANCTRL] = 0x87
        registers[CANSTAT] = CONFIGURATION << 5
        self._registers = registers
        self._sending = None
        self._no_repeat = False
        self._wanted_mode = CONFIGURATION
        self.tec = self.rec = 0
        self.bus_off = False
        self.bit_rate = 0
        self.silent = False

    def register(self, address: int) -> int:
        """Return what a READ of `address` returns."""
        if address & 0x0F == CANSTAT:
            return self._registers[CANSTAT] | self._interrupt_code() << 1
        if address & 0x0F == CANCTRL:
            return self._registers[CANCTRL]
        if address == TEC:
            return min(self.tec, 255)
        if address == REC:
            return self.rec
        return self._registers[address]

    def select(self, level: bool) -> None:
        """Set the level of CS. A falling edge begins an instruction, a rising one ends it."""
        if self._selected == (not level):
            return
        self._selected = not level
        if self._selected:
            self._handler = None
        elif self._handler is not None:
            self._handler.close()
            self._handler = None

    def exchange(self, byte: int) -> int:
        """Clock `byte` in; return the byte that comes out meanwhile."""
        if not self.powered or not self._selected:
            return 0xFF
        if self._handler is None:
            self._handler = self._instruction(byte)
            next(self._handler)
            return 0xFF
        answer: int = self._handler.send(byte)
        return answer

    # Instructions: generators that take the bytes after the first and yield the answers.

    def _instruction(self, code: int) -> Handler:
        if code == READ:
            return self._read()
        if code == WRITE:
            return self._write_registers()
        if code == BIT_MODIFY:
            return self._bit_modify()
        if code == RESET:
            self.reset()
        elif code & 0xF9 == READ_RX:
            return self._read_rx(code >> 2 & 1, code >> 1 & 1)
        elif code & 0xF8 == LOAD_TX and code & 7 < 6:
            return self._write_registers(TXB_CTRL[(code & 7) >> 1] + (6 if code & 1 else 1))
        elif code & 0xF8 == RTS:
            for number, address in enumerate(TXB_CTRL):
                if code >> number & 1:
                    self._write(address, self._registers[address] | _TXREQ)
        elif code == READ_STATUS:
            return self._repeat(self._read_status)
        elif code == RX_STATUS:
            return self._repeat(self._rx_status)
        return self._repeat(lambda: 0xFF)

    def _repeat(self, answer: Callable[[], int]) -> Handler:
        yield
        while True:
            yield answer()

    def _read(self) -> Handler:
        address = yield
        yield 0xFF
        while True:
            yield self.register(address & 0x7F)
            address += 1

    def _write_registers(self, address: int | None = None) -> Handler:
        value = yield
        if address is None:
            address = value & 0x7F
            value = yield 0xFF
        while True:
            self._write(address & 0x7F, value)
            address += 1
            value = yield 0xFF

    def _bit_modify(self) -> Handler:
        address = yield
        mask = yield 0xFF
        value = yield 0xFF
        address &= 0x7F
        if address & 0x0F == CANCTRL:
            address = CANCTRL
        if address not in _BIT_MODIFIABLE:
            mask = 0xFF
        self._write(address, self._registers[address] & ~mask & 0xFF | value & mask)
        while True:
            yield 0xFF

    def _read_rx(self, buffer: int, from_data: int) -> Handler:
        address = RXB_CTRL[buffer] + (6 if from_data else 1)
        try:
            yield
            while True:
                yield self.register(address & 0x7F)
                address += 1
        finally:
            # The rising edge of CS clears the flag (section 12.4).
            self._registers[CANINTF] &= ~_RXIF[buffer]

    def _read_status(self) -> int:
        flags = self._registers[CANINTF]
        status = flags & (RX0IF | RX1IF)
        for number, address in enumerate(TXB_CTRL):
            if self._registers[address] & _TXREQ:
                status |= 4 << 2 * number
            if flags & _TXIF[number]:
                status |= 8 << 2 * number
        return status

    def _rx_status(self) -> int:
        flags = self._registers[CANINTF] & (RX0IF | RX1IF)
        status = flags << 6
        if not flags:
            return 0
        if flags & RX0IF:
            control, sidl = self._registers[RXB_CTRL[0]], self._registers[RXB_CTRL[0] + 2]
            hit = control & 1
        else:
            control, sidl = self._registers[RXB_CTRL[1]], self._registers[RXB_CTRL[1] + 2]
            hit = control & 7
            if hit < 2:  # a frame that rolled over from RXB0
                hit += 6
        if sidl & 0x08:
            status |= 0x10
        if control & _RXRTR:
            status |= 0x08
        return status | hit

    # Registers

    def _write(self, address: int, value: int) -> None:
        registers = self._registers
        if address & 0x0F == CANCTRL:
            self._write_control(value)
            return
        if address & 0x0F == CANSTAT:
            return
        if address in _CONFIGURATION_ONLY and self.mode != CONFIGURATION:
            return
        for number, control in enumerate(TXB_CTRL):
            # A buffer that waits to be sent cannot be written (section 3.2).
            if control < address <= control + 13 and registers[control] & _TXREQ:
                return
            if address == control:
                self._write_transmit_control(number, value)
                return
        mask = _WRITABLE.get(address, 0xFF)
        registers[address] = registers[address] & ~mask & 0xFF | value & mask
        if address == RXB_CTRL[0]:
            copy = _BUKT1 if value & _BUKT else 0
            registers[address] = registers[address] & ~_BUKT1 & 0xFF | copy

    def _write_transmit_control(self, number: int, value: int) -> None:
        registers, address = self._registers, TXB_CTRL[number]
        old = registers[address]
        new = old & ~(_TXREQ | _TXP) & 0xFF | value & (_TXREQ | _TXP)
        if value & _TXREQ and not old & _TXREQ:
            new &= ~(_ABTF | _MLOA | _TXERR)
        if not value & _TXREQ and old & _TXREQ:
            if self._sending == number:
                new |= _TXREQ  # a frame on the wire goes on, but is not repeated (section 3.6)
                self._no_repeat = True
            else:
                new |= _ABTF
        registers[address] = new
        if self.mode == LOOPBACK:
            self._loop_back()

    def _write_control(self, value: int) -> None:
        registers = self._registers
        registers[CANCTRL] = value
        if value & _ABAT:
            for number, address in enumerate(TXB_CTRL):
                if registers[address] & _TXREQ and self._sending != number:
                    registers[address] = registers[address] & ~_TXREQ | _ABTF
        self._wanted_mode = value >> 5
        if self._wanted_mode != self.mode and self._sending is None:
            self._enter_mode()

    def _enter_mode(self) -> None:
        mode = self._wanted_mode
        if mode > CONFIGURATION or (mode == NORMAL and not self.joins):
            return
        if mode == CONFIGURATION:
            self.tec = self.rec = 0
            self.bus_off = False
            self._registers[EFLG] &= RX0OVR | RX1OVR
        self._registers[CANSTAT] = mode << 5
        self.silent = mode == LISTEN_ONLY
        self.bit_rate = self._configured_bit_rate() if mode in (NORMAL, LISTEN_ONLY) else 0
        if mode == LOOPBACK:
            self._loop_back()

    def _configured_bit_rate(self) -> int:
        """Return the bit rate of CNF1 to CNF3; 0 for a timing that breaks the rules of 5.3."""
        cnf1, cnf2, cnf3 = (self._registers[at] for at in (CNF1, CNF2, CNF3))
        propagation = (cnf2 & 7) + 1
        phase1 = (cnf2 >> 3 & 7) + 1
        phase2 = (cnf3 & 7) + 1 if cnf2 & 0x80 else max(phase1, 2)
        jump = (cnf1 >> 6) + 1
        if propagation + phase1 < phase2 or phase2 <= jump or phase2 < 2:
            return 0
        quanta = 1 + propagation + phase1 + phase2
        rate, rest = divmod(self._oscillator_hz, 2 * ((cnf1 & 0x3F) + 1) * quanta)
        return 0 if rest else rate

    def _interrupt_code(self) -> int:
        """Return ICOD, the enabled interrupt of highest priority (table 7-2)."""
        pending = self._registers[CANINTF] & self._registers[CANINTE]
        order = (ERRIF, WAKIF, TX0IF, TX1IF, TX2IF, RX0IF, RX1IF)
        for code, flag in enumerate(order, 1):
            if pending & flag:
                return code
        return 0

    # The bus

    def pending(self) -> Frame | None:
        """Return the frame of the transmit buffer with the highest priority that waits."""
        number = self._next_buffer()
        return None if number is None or self.mode != NORMAL else self._frame_of(number)

    def _next_buffer(self) -> int | None:
        """Return the buffer to send: of the highest TXP, of the highest number (section 3.3)."""
        best = None
        for number, address in enumerate(TXB_CTRL):
            control = self._registers[address]
            if control & _TXREQ:
                rank = (control & _TXP, number)
                best = rank if best is None or rank > best else best
        return None if best is None else best[1]

    def _frame_of(self, number: int) -> Frame:
        first = TXB_CTRL[number] + 1
        sidh, sidl, eid8, eid0, dlc = self._registers[first : first + 5]
        extended = bool(sidl & 0x08)
        identifier = _identifier(sidh, sidl, eid8, eid0) if extended else sidh << 3 | sidl >> 5
        size = min(dlc & 0x0F, 8)
        data = bytes(self._registers[first + 5 : first + 5 + size])
        return Frame(identifier, data, extended, bool(dlc & 0x40))

    def begun(self) -> None:
        """Note which buffer is on the wire."""
        self._no_repeat = False
        self._sending = self._next_buffer()

    def beaten(self) -> None:
        """Show the lost arbitration; in one-shot mode the frame is given up."""
        number = self._next_buffer()
        if number is not None:
            address = TXB_CTRL[number]
            self._registers[address] |= _MLOA
            if self._registers[CANCTRL] & _OSM:
                self._registers[address] &= ~_TXREQ

    def sent(self) -> None:
        """Free the buffer that was on the wire."""
        number, self._sending = self._sending, None
        if number is not None:
            address = TXB_CTRL[number]
            self._registers[address] &= ~(_TXREQ | _TXERR | _MLOA | _ABTF)
            self._registers[CANINTF] |= _TXIF[number]
        self._show_errors()
        self._change_mode_late()

    def erred(self, transmitting: bool) -> None:
        """Show an error on the bus."""
        if not self.powered:
            return
        self._registers[CANINTF] |= MERRF
        if transmitting and self._sending is not None:
            address = TXB_CTRL[self._sending]
            self._registers[address] |= _TXERR
            control = self._registers[CANCTRL]
            aborted = self._no_repeat or control & _ABAT
            if aborted or control & _OSM:
                self._registers[address] &= ~_TXREQ
            if aborted:
                self._registers[address] |= _ABTF
        if transmitting:
            self._sending = None
        self._show_errors()
        self._change_mode_late()

    def recovered(self) -> None:
        """Show the end of the state bus-off."""
        self._show_errors()

    def _change_mode_late(self) -> None:
        """Enter the mode that a driver asked for while a frame was on the wire."""
        if self._wanted_mode != self.mode:
            self._enter_mode()

    def _show_errors(self) -> None:
        flags = 0
        if self.tec >= WARNING:
            flags |= TXWAR | EWARN
        if self.rec >= WARNING:
            flags |= RXWAR | EWARN
        if self.tec >= PASSIVE:
            flags |= TXEP
        if self.rec >= PASSIVE:
            flags |= RXEP
        if self.bus_off:
            flags |= TXBO
        old = self._registers[EFLG] & ~(RX0OVR | RX1OVR)
        if flags != old:
            self._registers[EFLG] = self._registers[EFLG] & (RX0OVR | RX1OVR) | flags
            self._registers[CANINTF] |= ERRIF

    def received(self, frame: Frame) -> None:
        """Filter a frame, and put it into a receive buffer or show that it was lost."""
        self._show_errors()
        hit = self._filter_hit(frame, 0)
        if hit is not None:
            if not self._registers[CANINTF] & RX0IF:
                self._store(0, frame, hit)
            elif not self._registers[RXB_CTRL[0]] & _BUKT:
                self._overflow(RX0OVR)
            elif not self._registers[CANINTF] & RX1IF:
                self._store(1, frame, hit)
            else:
                self._overflow(RX1OVR)
            return
        hit = self._filter_hit(frame, 1)
        if hit is not None:
            if not self._registers[CANINTF] & RX1IF:
                self._store(1, frame, hit)
            else:
                self._overflow(RX1OVR)

    def _overflow(self, flag: int) -> None:
        self._registers[EFLG] |= flag
        self._registers[CANINTF] |= ERRIF

    def _filter_hit(self, frame: Frame, buffer: int) -> int | None:
        """Return the number of the filter of `buffer` that takes `frame`, or None."""
        if self._registers[RXB_CTRL[buffer]] & _RXM_ANY == _RXM_ANY:
            return 2 * buffer
        mask = self._registers[_RXM[buffer] : _RXM[buffer] + 4]
        numbers = (0, 1) if buffer == 0 else (2, 3, 4, 5)
        for number in numbers:
            accept = self._registers[_RXF[number] : _RXF[number] + 4]
            if bool(accept[1] & 0x08) != frame.extended:
                continue
            if frame.extended:
                wanted, looked_at = _identifier(*accept), _identifier(*mask)
                seen = frame.identifier
            else:
                # The extended bits look at the first two bytes of data.
                low = int.from_bytes(frame.data[:2].ljust(2, b"\0"), "big")
                seen = frame.identifier << 16 | low
                wanted = (accept[0] << 3 | accept[1] >> 5) << 16 | accept[2] << 8 | accept[3]
                looked_at = (mask[0] << 3 | mask[1] >> 5) << 16 | mask[2] << 8 | mask[3]
            if (seen ^ wanted) & looked_at == 0:
                return number
        return None

    def _store(self, buffer: int, frame: Frame, hit: int) -> None:
        registers, first = self._registers, RXB_CTRL[buffer]
        control = registers[first] & ~(_RXRTR | (0x01 if buffer == 0 else 0x07)) & 0xFF
        registers[first] = control | hit | (_RXRTR if frame.remote else 0)
        head = bytearray(identifier_bytes(frame.identifier, frame.extended))
        if frame.remote and not frame.extended:
            head[1] |= 0x10
        registers[first + 1 : first + 5] = head
        remote_bit = 0x40 if frame.remote and frame.extended else 0
        registers[first + 5] = len(frame.data) | remote_bit
        registers[first + 6 : first + 6 + len(frame.data)] = frame.data
        registers[CANINTF] |= _RXIF[buffer]

    def _loop_back(self) -> None:
        """Send every waiting frame to the chip's own receive buffers."""
        while (number := self._next_buffer()) is not None:
            frame = self._frame_of(number)
            self._sending = number
            self.sent()
            self.received(frame)


class Spi:
    """The calls of machine.SPI that a driver makes, straight to a chip.

    Args:
        chip: the chip; its CS is moved by the board.
        pass_bits: called with the number of bits after every transfer, so that time can pass.
    """

    def __init__(self, chip: Mcp2515, pass_bits: Callable[[int], None] | None = None) -> None:
        self._chip = chip
        self._pass_bits = pass_bits

    def write(self, data: bytes) -> None:
        """Clock `data` out."""
        for byte in data:
            self._chip.exchange(byte)
        self._pass(len(data))

    def write_readinto(self, data: bytes, buffer: bytearray) -> None:
        """Clock `data` out and as many bytes in. Both have the same length."""
        if len(data) != len(buffer):
            raise ValueError("buffers must be the same length")
        for at, byte in enumerate(data):
            buffer[at] = self._chip.exchange(byte)
        self._pass(len(data))

    def _pass(self, size: int) -> None:
        if self._pass_bits is not None:
            self._pass_bits(8 * size)
