"""Writes the identity into the EEPROM of a new gate: once, at the REPL, after the gate's tests.

    from joulestream.parts.gate_writer import write_identity

docs/gate.md has the whole line. No firmware imports this. Not run on hardware.
"""

from joulestream.compat import const
from joulestream.parts.gate_identity import ADDRESS, identity, read_identity

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

# The smallest page of the usual chips; within a page the address wraps (24AA02, 24C01).
_PAGE = const(8)
# A write takes 5 ms at most, and the chip answers nothing meanwhile. One try takes 0.1 ms or more
# at 400 kHz.
_TRIES = const(1_000)


def write_identity(i2c: "Any", name: str, parts: int) -> None:
    """Write name and parts of a gate, and read them again.

    Args:
        i2c: the bus, a machine.I2C.
        name: 1 to 15 letters and digits; the gate's kind and number.
        parts: a sum of the bits in parts.gate_identity.

    Raises:
        ValueError: one sentence: the name is too long, or the chip does not keep it.
    """
    data = identity(name, parts)
    for at in range(0, len(data), _PAGE):
        if not _write_page(i2c, at, data[at : at + _PAGE]):
            raise ValueError(
                "the gate's EEPROM does not answer at 0x%02x; check its wires and address pins"
                % ADDRESS
            )
    for _ in range(_TRIES):
        if read_identity(i2c) == (name, parts):
            return
    raise ValueError("the gate's EEPROM keeps other bytes than were written; close its jumper WP")


def _write_page(i2c: "Any", at: int, data: bytes) -> bool:
    for _ in range(_TRIES):
        try:
            i2c.writeto_mem(ADDRESS, at, data)
            return True
        except OSError:
            pass  # the write before still runs
    return False
