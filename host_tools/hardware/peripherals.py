"""Models of a port's peripherals, which refuse the values that the port refuses.

A call that would wait for a line raises Blocks, since a board must never make one. Read in
MicroPython's sources, ports/esp32 and ports/rp2, and in ESP-IDF's UART driver.
"""

from typing import TYPE_CHECKING, Any

from joulestream.device.ram_flash import RamFlash
from joulestream.host_tools.hardware.chips import rp2040_function

if TYPE_CHECKING:
    from joulestream.host_tools.hardware.port import Port

_US_PER_S = 1_000_000
_ENOENT, _EIO, _ENODEV = 2, 5, 19
# The ring of ESP-IDF's UART driver: each item has a header and is a multiple of 4; an event goes
# before the data, which is cut into pieces; an item that does not fit at the end wastes the end.
_ITEM, _EVENT = 8, 20
_RP2_FIFO = 32
_RP2_LONGEST_WATCHDOG_MS = 8_388
_MOST_DUTY = 65_535
_PAGE = 256


class Blocks(BaseException):
    """A call that waits for a line. No handler of a firmware hides it."""


class Misused(BaseException):
    """A call that damages bytes of others. No handler of a firmware hides it."""


class Reset(BaseException):
    """The board starts anew."""


class Pin:
    """machine.Pin."""

    IN, OUT, OPEN_DRAIN = 0, 1, 2
    PULL_UP, PULL_DOWN = 1, 2
    IRQ_RISING, IRQ_FALLING = 1, 2

    def __init__(
        self,
        port: "Port",
        id: Any,
        mode: int | None = None,
        pull: int | None = None,
        *,
        value: Any = None,
    ) -> None:
        self.number: int = id.number if isinstance(id, Pin) else id
        self._port = port
        chip = port.chip
        if self.number not in chip.pins - port.missing_pins:
            raise ValueError("invalid pin")
        if value is not None:
            port.set_level(self.number, bool(value))
        if mode == self.OUT and self.number in chip.input_only:
            raise ValueError("pin can only be input")
        if mode is not None:
            port.modes[self.number] = mode
            port.pulls[self.number] = pull
            port.pwm.pop(self.number, None)
            if mode == self.OUT:
                port.drive(self.number)

    def __call__(self, *value: Any) -> int | None:
        if value:
            self._port.set_level(self.number, bool(value[0]))
            return None
        return self._port.read_pin(self.number)

    def irq(self, handler: Any, trigger: int) -> None:
        """Call `handler` with the pin at each falling edge of `Port.pulse`."""
        if trigger != self.IRQ_FALLING:
            raise ValueError("the model knows falling edges alone")
        self._port.handlers[self.number] = lambda: handler(self)


class UART:
    """machine.UART. `feed` is the line's other end, `sent` the bytes that went out."""

    def __init__(
        self,
        port: "Port",
        id: int,
        baudrate: int = 115_200,
        bits: int = 8,
        parity: int | None = None,
        stop: int = 1,
        *,
        tx: Pin,
        rx: Pin,
        txbuf: int = 256,
        rxbuf: int = 256,
        timeout: int = 0,
    ) -> None:
        if id not in port.chip.uarts or id in port.missing_uarts:
            raise ValueError(f"UART({id}) does not exist")
        if port.chip.platform == "rp2":
            for pin, line in ((tx, "tx"), (rx, "rx")):
                if rp2040_function("UART", pin.number) != (id, line):
                    raise ValueError(f"bad {line.upper()} pin")
        port.claim(tx.number, f"UART {id}")
        port.claim(rx.number, f"UART {id}")
        self._port = port
        self._txbuf, self._rxbuf = txbuf, rxbuf
        self._byte_us = (1 + bits + (parity is not None) + stop) * _US_PER_S / baudrate
        self.timeout = timeout
        self._waiting = bytearray()
        self._used = 0
        self._since_us = port.now_us
        self.received = bytearray()
        self.sent = bytearray()
        self.lost = 0
        # A test may let it take fewer bytes, or None; or fail.
        self.takes: list[int | None] = []
        self.fault: OSError | None = None
        port.uarts[id] = self

    def feed(self, data: bytes) -> None:
        """Let `data` come in. Bytes without room are lost without a word."""
        room = self._rxbuf - len(self.received)
        self.received += data[:room]
        self.lost += max(len(data) - room, 0)

    def _follow(self) -> None:
        """Send the bytes that the line took since the last look."""
        count = min(int((self._port.now_us - self._since_us) / self._byte_us), len(self._waiting))
        self.sent += self._waiting[:count]
        del self._waiting[:count]
        self._since_us = (
            self._port.now_us
            if not self._waiting
            else (self._since_us + int(count * self._byte_us))
        )
        if not self._waiting:
            self._used = 0

    def txdone(self) -> bool:
        self._check()
        self._follow()
        return not self._waiting

    def any(self) -> int:
        self._check()
        return len(self.received)

    def write(self, data: Any) -> int | None:
        self._check()
        self._follow()
        data = bytes(data)
        taken: int | None = len(data)
        if self.takes:
            taken = self.takes.pop(0)
            taken = None if taken is None else min(taken, len(data))
        elif self._port.chip.platform == "rp2":
            if len(self._waiting) + len(data) > self._txbuf + _RP2_FIFO:
                raise Blocks("UART.write waits for each byte that finds no room")
        else:
            piece = (self._txbuf // 2 - _ITEM) // 2
            pieces = -(-len(data) // piece)
            cost = _EVENT + len(data) + pieces * (_ITEM + 3)
            if self._used + cost > self._txbuf - piece:
                raise Blocks("UART.write waits until the driver's buffer takes all")
            self._used += cost
        if not self._waiting:
            self._since_us = self._port.now_us
        self._waiting += data[: taken or 0]
        return taken

    def readinto(self, buffer: Any, nbytes: int | None = None) -> int | None:
        self._check()
        size = len(buffer) if nbytes is None else nbytes
        if self._port.chip.platform == "rp2" and size > len(self.received):
            raise Blocks("UART.readinto waits for the next byte")
        count = min(size, len(self.received))
        if not count:
            return None
        buffer[:count] = self.received[:count]
        del self.received[:count]
        return count

    def _check(self) -> None:
        if self.fault is not None:
            raise self.fault


class SPI:
    """machine.SPI; the device with a low select pin answers."""

    def __init__(
        self,
        port: "Port",
        id: int,
        baudrate: int = 1_000_000,
        *,
        polarity: int = 0,
        phase: int = 0,
        sck: Pin,
        mosi: Pin,
        miso: Pin,
    ) -> None:
        if id not in port.chip.spis:
            raise ValueError(f"SPI({id}) doesn't exist")
        lines = {"sck": sck.number, "mosi": mosi.number, "miso": miso.number}
        for line, number in lines.items():
            if port.chip.platform == "rp2" and rp2040_function("SPI", number) != (id, line):
                raise ValueError(f"bad {line.upper()} pin")
            if line != "miso" and number in port.chip.input_only:
                raise ValueError("pin can only be input")
            port.claim(number, f"SPI {id}")
        if (polarity, phase) != (0, 0):
            raise Misused("the devices on the bus use mode 0")
        self._port = port
        self.baudrate = baudrate

    def _exchange(self, byte: int) -> int:
        chosen = [
            device for pin, device in self._port.spi_devices.items() if not self._port.levels[pin]
        ]
        if len(chosen) > 1:
            raise Misused("two devices on the bus are chosen at a time")
        return chosen[0].exchange(byte) if chosen else 0xFF

    def write(self, buffer: Any) -> None:
        for byte in bytes(buffer):
            self._exchange(byte)

    def readinto(self, buffer: Any, write: int = 0) -> None:
        for at in range(len(buffer)):
            buffer[at] = self._exchange(write)

    def write_readinto(self, source: Any, target: Any) -> None:
        if len(source) != len(target):
            raise ValueError("buffers must be the same length")
        for at, byte in enumerate(bytes(source)):
            target[at] = self._exchange(byte)


class I2C:
    """machine.I2C; the first device that acknowledges an address has the transfer."""

    def __init__(self, port: "Port", id: int, *, scl: Pin, sda: Pin, freq: int = 400_000) -> None:
        if id not in port.chip.i2cs:
            raise ValueError(f"I2C({id}) doesn't exist")
        for line, pin in (("scl", scl), ("sda", sda)):
            if port.chip.platform == "rp2" and rp2040_function("I2C", pin.number) != (id, line):
                raise ValueError(f"bad {line.upper()} pin")
            if pin.number in port.chip.input_only:
                raise ValueError("pin can only be input")
            port.claim(pin.number, f"I2C {id}")
        self._port = port
        self.freq = freq

    def writeto(self, addr: int, buf: Any, stop: bool = True) -> int:
        for device in self._port.i2c_devices:
            if device.write(addr, bytes(buf)):
                return len(buf)
        raise OSError(_ENODEV, "ENODEV")

    def readfrom(self, addr: int, nbytes: int, stop: bool = True) -> bytes:
        for device in self._port.i2c_devices:
            read: bytes | None = device.read(addr, nbytes)
            if read is not None:
                return read
        raise OSError(_ENODEV, "ENODEV")

    def readfrom_mem_into(self, addr: int, memaddr: int, buf: Any, *, addrsize: int = 8) -> None:
        self.writeto(addr, memaddr.to_bytes(addrsize // 8, "big"), False)
        buf[:] = self.readfrom(addr, len(buf))

    def writeto_mem(self, addr: int, memaddr: int, buf: Any, *, addrsize: int = 8) -> None:
        self.writeto(addr, memaddr.to_bytes(addrsize // 8, "big") + bytes(buf))


class ADC:
    """machine.ADC. The voltages in mV are in the port's `adc_mv`."""

    ATTN_11DB = 3

    def __init__(self, port: "Port", id: Pin, *, atten: int = 0) -> None:
        if id.number not in port.chip.adc:
            raise ValueError("invalid pin")
        port.claim(id.number, "ADC")
        self._port = port
        self._number = id.number
        # Full scale in mV; ESP-IDF, "ADC attenuation".
        self._full_mv = 3_300 if port.chip.platform == "rp2" else {0: 950, 3: 3_100}[atten]

    def _mv(self) -> int:
        source = self._port.adc_mv.get(self._number, 0)
        level = source.pop(0) if isinstance(source, list) else source
        return max(0, min(level, self._full_mv))

    def read_u16(self) -> int:
        return self._mv() * 65_535 // self._full_mv

    def read_uv(self) -> int:
        return self._mv() * 1_000


class PWM:
    """machine.PWM. The duties are in the port's `pwm`."""

    def __init__(self, port: "Port", dest: Pin, *, freq: int, duty_u16: int) -> None:
        if dest.number in port.chip.input_only:
            raise ValueError("pin can only be input")
        self._port = port
        self._number = dest.number
        port.pwm_hz[self._number] = freq
        self.duty_u16(duty_u16)

    def duty_u16(self, value: int) -> None:
        if not 0 <= value <= _MOST_DUTY:
            raise ValueError(f"duty_u16 must be from 0 to {_MOST_DUTY}")
        self._port.pwm[self._number] = value

    def deinit(self) -> None:
        self._port.pwm.pop(self._number, None)


class WDT:
    """machine.WDT. Nothing stops it: it has no method for that."""

    def __init__(self, port: "Port", *, id: int = 0, timeout: int = 5_000) -> None:
        if id != 0:
            raise ValueError(f"WDT({id}) doesn't exist")
        if port.chip.platform == "rp2" and timeout > _RP2_LONGEST_WATCHDOG_MS:
            raise ValueError(f"timeout exceeds {_RP2_LONGEST_WATCHDOG_MS}")
        self._port = port
        port.watchdog_ms = timeout
        self.feed()

    def feed(self) -> None:
        self._port.fed_us = self._port.now_us


class Partition:
    """esp32.Partition: NOR flash. The port's `partitions` has them by their labels."""

    TYPE_APP, TYPE_DATA = 0, 1

    def __init__(self, port: "Port", id: str, block_size: int = 4_096) -> None:
        if id not in port.partitions:
            raise OSError(_ENOENT, "ENOENT")
        self._label = id
        self._row = port.partitions[id]

    def info(self) -> tuple[Any, ...]:
        row = self._row
        size = row.flash.blocks * row.flash.size
        return (row.type, row.subtype, 0x2F0000, size, self._label, row.encrypted)

    def readblocks(self, block_num: int, buf: Any, offset: int = 0) -> None:
        self._row.flash.readblocks(block_num, buf, offset)

    def writeblocks(self, block_num: int, buf: Any, offset: int | None = None) -> None:
        if offset is None:
            raise Misused("Partition.writeblocks without an offset erases the block first")
        self._row.flash.writeblocks(block_num, buf, offset)

    def ioctl(self, op: int, arg: int) -> int:
        return self._row.flash.ioctl(op, arg)


class Flash:
    """rp2.Flash: a region of the port's `flash`, which programs whole pages."""

    def __init__(self, port: "Port", *, start: int = -1, len: int = -1) -> None:
        flash = port.flash
        end = flash.blocks * flash.size
        if not 0 <= start < end or start % flash.size:
            raise ValueError
        if not 0 < len <= end - start or len % flash.size:
            raise ValueError
        self._flash: RamFlash = flash
        self._first = start // flash.size
        self._blocks = len // flash.size

    def _block(self, number: int) -> int:
        if not 0 <= number < self._blocks:
            raise Misused("rp2.Flash checks no bounds: this is beyond the region")
        return self._first + number

    def readblocks(self, block_num: int, buf: Any, offset: int = 0) -> None:
        self._flash.readblocks(self._block(block_num), buf, offset)

    def writeblocks(self, block_num: int, buf: Any, offset: int | None = None) -> None:
        if offset is None:
            raise Misused("Flash.writeblocks without an offset erases the block first")
        if offset % _PAGE or len(buf) % _PAGE:
            raise Misused("the boot ROM programs whole pages, whatever the buffer holds")
        if not isinstance(buf, (bytearray, memoryview)):
            raise Misused("constant bytes may be in the flash that is written")
        self._flash.writeblocks(self._block(block_num), buf, offset)

    def ioctl(self, op: int, arg: int) -> int:
        if op == 4:
            return self._blocks
        if op == 6:
            return self._flash.ioctl(6, self._block(arg))
        return self._flash.ioctl(op, arg)


class WLAN:
    """network.WLAN. The port's `wifi` says whether the network is there."""

    IF_STA = 0

    def __init__(self, port: "Port", id: int = 0) -> None:
        self._port = port

    def active(self, *is_active: Any) -> bool | None:
        if not is_active:
            return self._port.radio
        self._port.radio = bool(is_active[0])
        return None

    def connect(self, ssid: str, key: str) -> None:
        if not self._port.radio:
            raise OSError("Wifi Not Started")
        self._port.joined = (ssid, key)

    def isconnected(self) -> bool:
        return self._port.wifi and self._port.joined is not None
