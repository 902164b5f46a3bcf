"""The identity of the contactor's gate: a small EEPROM on its board, read over I2C.

24 bytes from address 0 on: "JSG1", the parts as bits, the name of 15 bytes (ASCII, then zeros),
and the CRC-32 of these 20 bytes, big-endian. Any EEPROM of the 24C01 to 24C16 kind does, such as
Microchip's 24AA02 with its address pins at 0x56: the DS3231's board has one at 0x57, and a FRAM
begins at 0x50. docs/charging.md says which parts a gate names.
"""

from binascii import crc32

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

ADDRESS = const(0x56)
_SIZE = const(24)
_NAME = const(5)
_CRC = const(20)
_MAGIC = b"JSG1"

# Parts that are wired behind the gate: the board reads their lines only then.
DIODE = const(1)  # the peak detector of the pilot's negative half
RESIDUAL = const(2)  # the residual-current device, with its test input
EMERGENCY = const(4)  # the emergency stop
PROXIMITY = const(8)  # a socket, with the proximity resistor of its cable
TEMPERATURE = const(16)  # the sensor at the contactor
GRID = const(32)  # the grid operator's input


def read_identity(i2c: "Any") -> "tuple[str, int] | None":
    """Return name and parts of the gate; None: no gate identifies itself on this bus."""
    try:
        # In two transfers: a chip that is not there ends the first one, and leaves the bus free.
        i2c.writeto(ADDRESS, b"\0")
        data = i2c.readfrom(ADDRESS, _SIZE)
    except OSError:
        return None
    if data[:4] != _MAGIC or crc32(data[:_CRC]) != int.from_bytes(data[_CRC:], "big"):
        return None
    name = bytes(data[_NAME:_CRC]).rstrip(b"\0")
    if not name or min(name) < 0x20 or max(name) > 0x7E:
        return None
    return name.decode(), data[4]


def identity(name: str, parts: int) -> bytes:
    """Return the bytes for the EEPROM of a gate. Raises ValueError for a name that is too long."""
    encoded = name.encode()
    if not 0 < len(encoded) <= _CRC - _NAME:
        raise ValueError("the name of a gate has 1 to %d bytes" % (_CRC - _NAME))
    data = _MAGIC + bytes((parts,)) + encoded + bytes(_CRC - _NAME - len(encoded))
    return data + crc32(data).to_bytes(4, "big")
