"""Counts the pulses on one pin by interrupt.

The handler runs between two bytecodes on MicroPython's esp32 and rp2 ports, and eight wait at
most. While the chip erases flash none is noted, and edges that come then are one edge.
"""

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

_COUNT_MASK = const((1 << 30) - 1)


class PulseCounter:
    """Counts falling edges: an S0 output closes the pin, which has a pull-up, to ground."""

    def __init__(self, number: int) -> None:
        from machine import Pin

        self._count = 0
        self._pin = Pin(number, Pin.IN, Pin.PULL_UP)
        self._pin.irq(self._add, Pin.IRQ_FALLING)

    def count(self) -> int:
        """Return how many pulses came since the start, modulo 2^30."""
        return self._count

    def _add(self, _pin: "Any") -> None:
        self._count = (self._count + 1) & _COUNT_MASK
