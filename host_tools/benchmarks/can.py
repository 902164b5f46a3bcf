"""A packet's time on a CAN bus, and frames that get lost while other nodes fill it.

Both firmwares' loops run in virtual time, each with an MCP2515 modelled at the level of its
registers, on a bus that counts bit times. So the figures depend on no machine.
"""

from joulestream.host_tools.errors import CommandError
from joulestream.testkit.can_bus import Flood, Frame
from joulestream.testkit.can_pair import IDENTIFIERS, CanLoops

_PACKETS = 20
_LIMIT_MS = 60_000
_BIT_RATE = 500_000
_MS_PER_S = 1_000
# The bits of an identifier of a frame.
_IDENTIFIER_BITS = 29


def measure() -> dict[str, float | int]:
    """Return the bus time of a packet, and the frames that got lost on a full bus."""
    return {
        "can_packet_bus_ms": _packet_bus_ms(),
        "can_frames_lost_at_full_load": _frames_lost(),
    }


def _packet_bus_ms() -> float:
    """Return the ms of one packet on the bus: invoice, update and their flow controls."""
    loops = CanLoops()
    _charge(loops, 3)
    begun_bits = loops.bus.busy_bits
    _charge(loops, 3 + _PACKETS)
    bits = loops.bus.busy_bits - begun_bits
    return round(bits * _MS_PER_S / _BIT_RATE / _PACKETS, 3)


def _frames_lost() -> int:
    """Return the frames that a controller had no room for, and the messages that came in part."""
    loops = CanLoops(others=(Flood(_BIT_RATE, _stranger),))
    _charge(loops, _PACKETS)
    lost = sum(chip.lost for chip in loops.chips)
    for loop in (loops.pole, loops.vehicle):
        status = loop.status()
        lost += status["frames_dropped"] + status["frames_unsent"]
    return lost


def _stranger(number: int) -> Frame:
    """Return a frame with one bit of its identifier beside ours."""
    ours = IDENTIFIERS[number % 2]
    # Frames of every kind, so that one that passes does harm.
    return Frame(
        ours ^ 1 << number // 2 % _IDENTIFIER_BITS, bytes((number % 4 << 4 | 7, *range(7)))
    )


def _charge(loops: CanLoops, packets: int) -> None:
    if not loops.run(_LIMIT_MS, lambda: loops.pole.status().get("packets", 0) >= packets):
        raise CommandError(f"the session over CAN stopped: {loops.pole.status()}")
