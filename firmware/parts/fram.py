"""FRAM as a block device without wear: Fujitsu's MB85RS over SPI, MB85RC over I2C.

A cell of FRAM is written in place, so an erase only fills a block with ones, as the journal asks.
The chip's identification tells its size: 1,024 bytes times two to the power of its density code
(datasheets of MB85RS256B and MB85RC256V, "Device ID"). Not run on hardware.
"""

from joulestream.compat import const
from joulestream.runtime.fault import PartFault

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.fields import Buffer

_WRITE_ENABLE = b"\x06"
_READ_STATUS = b"\x05"
_READ_ID = b"\x9f"
_WRITE = const(0x02)
_READ = const(0x03)
# Of the status register: the latch that WREN sets, and the blocks that are write-protected.
_LATCH = const(0x02)
_PROTECTED = const(0x0C)
# Fujitsu's number by JEDEC, with its continuation code.
_FUJITSU_SPI = b"\x04\x7f"
_DENSITY = const(0x1F)
# From 1 Mbit on an address over SPI has three bytes.
_TWO_BYTES = const(0x10000)

# I2C: the chip answers here with its identification (I2C-bus specification, 3.1.17).
_DEVICE_ID = const(0x7C)
_FUJITSU_I2C = const(0x00A)
_LOWEST_ADDRESS = const(0x50)

_SILENT = "the FRAM does not answer on the I2C bus; check its wires"
_LARGEST_BLOCK = const(4096)
_BLOCKS = const(8)
_ONES = b"\xff" * 64


class _Fram:
    """Blocks of a memory that `_read` and `_write` reach.

    `fault` is the sentence of the last call, if that failed.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.fault: str | None = None
        self._block = min(_LARGEST_BLOCK, size // _BLOCKS)
        self._check = bytearray(len(_ONES))

    def _read(self, address: int, buffer: "bytearray | memoryview") -> None:
        raise NotImplementedError

    def _write(self, address: int, buffer: "Buffer") -> None:
        raise NotImplementedError

    def readblocks(self, block: int, buffer: "bytearray | memoryview", offset: int = 0) -> None:
        """Fill `buffer` with the bytes of `block` from `offset` on."""
        self._read(block * self._block + offset, buffer)

    def writeblocks(self, block: int, buffer: "Buffer", offset: int = 0) -> None:
        """Write `buffer` into `block` from `offset` on. Raises OSError if it does not stay."""
        address = block * self._block + offset
        data = memoryview(buffer)
        for at in range(0, len(data), len(_ONES)):
            piece = data[at : at + len(_ONES)]
            self._write(address + at, piece)
            # A bus tells nothing of a wire that is loose, so the bytes are read again.
            check = memoryview(self._check)[: len(piece)]
            self._read(address + at, check)
            if check != piece:
                raise self._failed("the FRAM keeps other bytes than were written; replace it")
        self.fault = None

    def _failed(self, sentence: str) -> PartFault:
        self.fault = sentence
        return PartFault(sentence)

    def ioctl(self, operation: int, argument: int) -> int:
        """Count the blocks (4), tell the bytes of one (5) or set block `argument` to ones (6)."""
        if operation == 4:
            return self.size // self._block
        if operation == 5:
            return self._block
        if operation == 6:
            for offset in range(0, self._block, len(_ONES)):
                self.writeblocks(argument, _ONES, offset)
        return 0


class SpiFram(_Fram):
    """An MB85RS on `spi` (machine.SPI, mode 0), chosen by the pin `select`, which is low then.

    Raises ValueError, in one sentence, when there is none of `size` bytes.
    """

    def __init__(self, spi: "Any", select: "Any", size: int) -> None:
        self._spi = spi
        self._select = select
        self._head = bytearray(4)
        self._status = bytearray(1)
        identification = bytearray(4)
        self._command(_READ_ID, identification)
        if identification[:2] != _FUJITSU_SPI:
            raise ValueError(
                "there is no FRAM MB85RS on the SPI bus, which answers %s; check its wires"
                % _digits(identification)
            )
        _check_size(identification[2] & _DENSITY, size)
        super().__init__(size)
        self._command(_READ_STATUS, self._status)
        if self._status[0] & _PROTECTED:
            raise ValueError("the FRAM is write-protected; clear its status register")

    def _command(self, command: bytes, answer: "bytearray | None" = None) -> None:
        self._select(0)
        try:
            self._spi.write(command)
            if answer is not None:
                self._spi.readinto(answer)
        finally:
            self._select(1)

    def _read(self, address: int, buffer: "bytearray | memoryview") -> None:
        head = self._address(_READ, address)
        self._select(0)
        try:
            self._spi.write(head)
            self._spi.readinto(buffer)
        finally:
            self._select(1)

    def _write(self, address: int, buffer: "Buffer") -> None:
        self._command(_WRITE_ENABLE)
        self._command(_READ_STATUS, self._status)
        if not self._status[0] & _LATCH:
            raise self._failed("the FRAM takes no write; check its wires")
        head = self._address(_WRITE, address)
        self._select(0)
        try:
            self._spi.write(head)
            self._spi.write(buffer)
        finally:
            self._select(1)

    def _address(self, command: int, address: int) -> "bytearray | memoryview":
        """Return the first bytes of a command that names an address."""
        head = self._head
        head[0] = command
        if self.size > _TWO_BYTES:
            head[1] = address >> 16
            head[2] = address >> 8 & 0xFF
            head[3] = address & 0xFF
            return head
        head[1] = address >> 8
        head[2] = address & 0xFF
        return memoryview(head)[:3]


class I2cFram(_Fram):
    """An MB85RC on `i2c` (machine.I2C), at its lowest address.

    Raises ValueError, in one sentence, when there is none of `size` bytes.
    """

    def __init__(self, i2c: "Any", size: int) -> None:
        self._i2c = i2c
        try:
            i2c.writeto(_DEVICE_ID, bytes((_LOWEST_ADDRESS << 1,)), False)
            identification = i2c.readfrom(_DEVICE_ID, 3)
        except OSError:
            raise ValueError("there is no FRAM MB85RC on the I2C bus; check its wires")
        if identification[0] << 4 | identification[1] >> 4 != _FUJITSU_I2C:
            raise ValueError(
                "there is no FRAM MB85RC on the I2C bus, which answers %s; check its wires"
                % _digits(identification)
            )
        _check_size(identification[1] & 0x0F, size)
        super().__init__(size)

    def _read(self, address: int, buffer: "bytearray | memoryview") -> None:
        # The seventeenth bit of an address is the lowest of the chip's own (MB85RC1MT).
        device = _LOWEST_ADDRESS | address >> 16
        try:
            self._i2c.readfrom_mem_into(device, address & 0xFFFF, buffer, addrsize=16)
        except OSError:
            raise self._failed(_SILENT)

    def _write(self, address: int, buffer: "Buffer") -> None:
        device = _LOWEST_ADDRESS | address >> 16
        try:
            self._i2c.writeto_mem(device, address & 0xFFFF, buffer, addrsize=16)
        except OSError:
            raise self._failed(_SILENT)


def _check_size(density: int, size: int) -> None:
    found = 1024 << density
    if found != size:
        raise ValueError(
            "the FRAM holds %d bytes, not the %d of 'board.fram_bytes'; correct the field or fit"
            " the right chip" % (found, size)
        )


def _digits(data: "bytes | bytearray") -> str:
    return " ".join(["%02x" % byte for byte in data])
