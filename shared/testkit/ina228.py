"""The chip INA228 at the level of its registers, as a device on I2C, and as a machine.I2C.

Runs on CPython and on MicroPython. Source: Texas Instruments INA228 datasheet SLYS021: table 7-3
(registers), equations 2 to 7. It is written apart from the driver on purpose.
"""

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.fields import Buffer

_DEFAULT_CAL = const(0x1000)
# Register: its bytes.
_SIZES = {0: 2, 1: 2, 2: 2, 4: 3, 5: 3, 7: 3, 8: 3, 9: 5, 10: 5, 11: 2, 0x3E: 2, 0x3F: 2}
_WRITABLE = (0, 1, 2)


class Ina228:
    """The chip behind a shunt.

    Args:
        shunt_uohm: the shunt's resistance.
        address: the chip's address on the bus.

    Attributes:
        voltage_mv, current_ma: at the chip's pins now; the current may flow back.
        powered: False: the chip acknowledges nothing.
        device_id: the content of its register: the type 228 and the revision.
    """

    def __init__(self, shunt_uohm: int = 15_000, address: int = 0x40) -> None:
        self._shunt_uohm = shunt_uohm
        self._address = address
        self.voltage_mv = 12_000
        self.current_ma = 0
        self.powered = True
        self.device_id = 0x2281
        self._at = 0
        self.power_up()

    def power_up(self) -> None:
        """Begin as after a loss of the supply: no calibration, and sums of 0."""
        self._writable = {0: 0, 1: 0xFB68, 2: _DEFAULT_CAL}
        self._energy_nj = 0

    def advance(self, ms: int) -> None:
        """Let the present voltage and current last for `ms`."""
        power_uw = abs(self.voltage_mv * self.current_ma)
        # nJ = uW x ms; a step of ENERGY is 51.2 x CURRENT_LSB joules.
        self._energy_nj += power_uw * ms

    def _lsb_pa(self) -> int:
        """CURRENT_LSB = SHUNT_CAL / (13107.2e6 x shunt), in pA."""
        return self._writable[2] * 10**13 // (131_072 * self._shunt_uohm)

    def _value(self, register: int) -> int:
        """Return the content of a register."""
        if register in _WRITABLE:
            return self._writable[register] & 0x3FFF if register == 0 else self._writable[register]
        lsb_pa = self._lsb_pa() or 1
        if register == 5:
            return (self.voltage_mv * 1_000 * 16 // 3_125) << 4
        if register == 7:
            return (self.current_ma * 10**9 // lsb_pa & 0xFFFFF) << 4
        if register == 8:
            return abs(self.voltage_mv * self.current_ma) * 10**6 * 5 // (16 * lsb_pa)
        if register == 9:
            return self._energy_nj * 1_000 * 10 // (512 * lsb_pa) & (1 << 40) - 1
        return {0x3E: 0x5449, 0x3F: self.device_id}.get(register, 0)

    def write(self, address: int, data: "Buffer") -> bool:
        """Take the bytes that the master sends to `address`; return whether it acknowledges."""
        if not self.powered or address != self._address:
            return False
        data = bytes(data)
        if data:
            self._at = data[0]
        if len(data) == 3 and self._at in _WRITABLE:
            value = data[1] << 8 | data[2]
            if self._at == 0 and value & 0x8000:
                self.power_up()
            elif self._at == 0 and value & 0x4000:
                self._energy_nj = 0
            self._writable[self._at] = value
        return True

    def read(self, address: int, size: int) -> "bytes | None":
        """Return the bytes that the master reads from `address`; None: nobody acknowledges."""
        if not self.powered or address != self._address:
            return None
        return self._value(self._at).to_bytes(_SIZES.get(self._at, 2), "big")[:size]

    # machine.I2C with this chip alone

    def readfrom_mem_into(self, address: int, register: int, buffer: bytearray) -> None:
        """Read registers, as machine.I2C does; raise OSError if nobody acknowledges."""
        self.write(address, bytes((register,)))
        data = self.read(address, len(buffer))
        if data is None:
            raise OSError(19)
        buffer[:] = data

    def writeto_mem(self, address: int, register: int, data: "Buffer") -> None:
        """Write a register, as machine.I2C does; raise OSError if nobody acknowledges."""
        if not self.write(address, bytes((register,)) + bytes(data)):
            raise OSError(19)
