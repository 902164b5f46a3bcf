"""machine.I2C with some chips, each of them a model at the level of its transfers.

Runs on CPython and on MicroPython.
"""

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.fields import Buffer

_NO_DEVICE = const(19)  # ENODEV, as the ports raise it


class I2c:
    """The bus. Each of `chips` has `write(address, data)` and `read(address, size)`."""

    def __init__(self, *chips: "Any") -> None:
        self._chips = chips

    def writeto(self, address: int, data: "Buffer", stop: bool = True) -> int:
        """Send bytes to a chip. Raises OSError if none acknowledges."""
        for chip in self._chips:
            if chip.write(address, bytes(data)):
                return len(data)
        raise OSError(_NO_DEVICE)

    def readfrom(self, address: int, size: int) -> bytes:
        """Return bytes of a chip. Raises OSError if none acknowledges."""
        for chip in self._chips:
            read: bytes | None = chip.read(address, size)
            if read is not None:
                return read
        raise OSError(_NO_DEVICE)

    def readfrom_mem_into(
        self, address: int, at: int, buffer: bytearray, addrsize: int = 8
    ) -> None:
        """Fill `buffer` with the bytes of a chip's memory from `at` on."""
        self.writeto(address, at.to_bytes(addrsize // 8, "big"), False)
        buffer[:] = self.readfrom(address, len(buffer))

    def writeto_mem(self, address: int, at: int, data: "Buffer", addrsize: int = 8) -> None:
        """Write bytes into a chip's memory from `at` on."""
        self.writeto(address, at.to_bytes(addrsize // 8, "big") + bytes(data))
