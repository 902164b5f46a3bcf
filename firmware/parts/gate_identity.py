"""The identification of a gate: a record in an I2C EEPROM on the gate itself.

The EEPROM is a 24AA025UID or another with 256 bytes at the address 0x54. The FRAM has 0x50 and
0x51, a DS3231 has 0x68, and the EEPROM of its usual breakout 0x57. A resistor at a converter would
be cheaper, but a floating pin reads like one of its values. Here a loose wire is no gate.

    "JSG1" | kind u8 | phases u8 | rated_ma u32 | hold_ms u16 | serial 8 bytes | CRC-32, big-endian

Source: Microchip 24AA02XUID datasheet (page of 16 bytes, acknowledge polling). Not run on
hardware.
"""

from binascii import crc32

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

_ADDRESS = const(0x54)
_MAGIC = b"JSG1"
_SIZE = const(24)
_CRC_AT = const(20)
_PAGE = const(16)
# A write takes 5 ms at most, and meanwhile the chip does not answer. 1,000 tries take 20 ms or
# more.
_TRIES = const(1_000)
# A gate that opens sooner does not bridge an erase; one that opens later is no dead-man's switch.
_LEAST_HOLD_MS = const(450)
_MOST_HOLD_MS = const(600)
_MOST_MA = const(80_000)

# The kinds of gate. Anything else is no gate that this firmware knows.
DISCRETE = const(1)
_NAMES = {DISCRETE: "discrete gate"}


def encode_identity(rated_ma: int, phases: int, hold_ms: int, serial: str) -> bytes:
    """Return the record of a discrete gate. Raises ValueError, in one sentence."""
    name = serial.encode()
    if len(name) != 8 or not all(32 < byte < 127 for byte in name):
        raise ValueError("the serial number %r is not 8 letters and digits" % serial)
    data = _MAGIC + bytes((DISCRETE, phases)) + rated_ma.to_bytes(4, "big")
    data += hold_ms.to_bytes(2, "big") + name
    record = data + (crc32(data) & 0xFFFFFFFF).to_bytes(4, "big")
    if decode_identity(record) is None:
        raise ValueError(
            "a gate has 1 or 3 phases, at most %d A and opens within %d to %d ms; correct these"
            % (_MOST_MA // 1_000, _LEAST_HOLD_MS, _MOST_HOLD_MS)
        )
    return record


def decode_identity(record: "bytes | bytearray") -> "tuple[str, int] | None":
    """Return a gate's name for people and its hold time in ms; None if the record is no gate's."""
    if record[:4] != _MAGIC or len(record) != _SIZE:
        return None
    if crc32(record[:_CRC_AT]) & 0xFFFFFFFF != int.from_bytes(record[_CRC_AT:], "big"):
        return None
    kind, phases = record[4], record[5]
    rated_ma = int.from_bytes(record[6:10], "big")
    hold_ms = int.from_bytes(record[10:12], "big")
    if kind not in _NAMES or phases not in (1, 3) or not 0 < rated_ma <= _MOST_MA:
        return None
    if not _LEAST_HOLD_MS < hold_ms <= _MOST_HOLD_MS:
        return None
    serial = "".join(chr(byte) if 32 < byte < 127 else "?" for byte in record[12:20])
    phase = "phase" if phases == 1 else "phases"
    return "%s, %d A, %d %s, %s" % (
        _NAMES[kind],
        rated_ma // 1_000,
        phases,
        phase,
        serial,
    ), hold_ms


def read_identity(i2c: "Any") -> "tuple[str, int] | None":
    """Return name and hold time of the gate on `i2c` (machine.I2C); None if there is none."""
    record = _read(i2c)
    return None if record is None else decode_identity(record)


def _read(i2c: "Any") -> "bytearray | None":
    record = bytearray(_SIZE)
    try:
        i2c.readfrom_mem_into(_ADDRESS, 0, record)
    except OSError:
        return None
    return record


def write_identity(i2c: "Any", rated_ma: int, phases: int, hold_ms: int, serial: str) -> None:
    """Write the record into a new gate's EEPROM, and read it again.

    For the REPL, once, by the person who has tested the gate. Raises ValueError, in one sentence.
    """
    record = encode_identity(rated_ma, phases, hold_ms, serial)
    for at in range(0, _SIZE, _PAGE):
        if not _write_page(i2c, at, record[at : at + _PAGE]):
            raise ValueError("the gate's EEPROM does not answer at 0x54; check SDA, SCL and A2")
    for _ in range(_TRIES):
        if _read(i2c) == record:
            return
    raise ValueError("the gate's EEPROM keeps other bytes than were written; lift its WP jumper")


def _write_page(i2c: "Any", at: int, data: bytes) -> bool:
    for _ in range(_TRIES):
        try:
            i2c.writeto_mem(_ADDRESS, at, data)
            return True
        except OSError:
            pass  # the write before still runs
    return False
