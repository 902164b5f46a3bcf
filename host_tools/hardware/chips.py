"""The chips of our boards: their pins, and the uses that each pin forbids.

Sources: ESP32 datasheet 4.x, sections 2.2 to 2.4 and appendix A; ESP32-S3 datasheet 1.x, sections
2.2 to 2.6; ESP32-C3 datasheet 1.x, sections 2.2 to 2.6; RP2040 datasheet, section 1.4.3; Raspberry
Pi Pico datasheet, section 2.1; MicroPython's sources for the numbers of peripherals.
"""

from typing import NamedTuple


def _pins(*spans: tuple[int, int]) -> frozenset[int]:
    return frozenset(pin for first, last in spans for pin in range(first, last + 1))


class Chip(NamedTuple):
    """One chip, on the module or board that we name.

    Attributes:
        platform: the port's `sys.platform`.
        banner: the port's `sys.implementation._machine`.
        pins: the GPIOs that the module brings out.
        strapping: pins that choose at reset how the chip starts.
        input_only: pins without a driver, and without pull-up or pull-down.
        flash: pins of the flash and the PSRAM.
        usb: pins of USB.
        repl: pins of the REPL's UART, where the image has one.
        adc: pins that the converter reads, also while the radio is on.
        uarts, spis, i2cs: the numbers of peripherals that a board may open.
        pulse: pins that are high for a moment while the chip starts, or give pulses.
    """

    platform: str
    banner: str
    pins: frozenset[int]
    strapping: frozenset[int]
    input_only: frozenset[int]
    flash: frozenset[int]
    usb: frozenset[int]
    repl: frozenset[int]
    adc: frozenset[int]
    uarts: tuple[int, ...]
    spis: tuple[int, ...]
    i2cs: tuple[int, ...]
    pulse: frozenset[int]


_NONE: frozenset[int] = frozenset()

CHIPS = {
    "ESP32": Chip(
        platform="esp32",
        banner="Generic ESP32 module with ESP32",
        pins=_pins((0, 5), (12, 19), (21, 23), (25, 27), (32, 36), (39, 39)),
        strapping=frozenset((0, 2, 5, 12, 15)),
        input_only=_pins((34, 39)),
        flash=_pins((6, 11)),
        usb=_NONE,
        repl=frozenset((1, 3)),
        adc=_pins((32, 36), (39, 39)),
        uarts=(1, 2),
        spis=(1, 2),
        i2cs=(0, 1),
        pulse=frozenset((1, 5, 14)),
    ),
    "ESP32S3": Chip(
        platform="esp32",
        banner="Generic ESP32S3 module with ESP32S3",
        pins=_pins((0, 21), (35, 48)),
        strapping=frozenset((0, 3, 45, 46)),
        input_only=_NONE,
        flash=_pins((26, 37)),
        usb=frozenset((19, 20)),
        repl=frozenset((43, 44)),
        adc=_pins((1, 10)),
        uarts=(1, 2),
        spis=(1, 2),
        i2cs=(0, 1),
        pulse=frozenset((18, 19, 20, 43)),
    ),
    "ESP32C3": Chip(
        platform="esp32",
        banner="Generic ESP32C3 module with ESP32C3",
        pins=_pins((0, 10), (18, 21)),
        strapping=frozenset((2, 8, 9)),
        input_only=_NONE,
        flash=_pins((11, 17)),
        usb=frozenset((18, 19)),
        repl=_NONE,  # the image has its REPL on USB
        adc=_pins((0, 4)),
        uarts=(0, 1),
        spis=(1,),
        i2cs=(0,),
        pulse=frozenset((18, 21)),
    ),
    "RP2040": Chip(
        platform="rp2",
        banner="Raspberry Pi Pico with RP2040",
        pins=_pins((0, 22), (25, 28)),
        strapping=_NONE,
        input_only=_NONE,
        flash=_NONE,  # it has pins of its own
        usb=_NONE,  # it has pins of its own
        repl=_NONE,
        adc=_pins((26, 28)),
        uarts=(0, 1),
        spis=(0, 1),
        i2cs=(0, 1),
        pulse=_NONE,
    ),
}


def rp2040_function(kind: str, pin: int) -> tuple[int, str]:
    """Return which peripheral of a kind, and which of its lines, the RP2040 has on a pin.

    Source: RP2040 datasheet, table 2 in section 1.4.3.
    """
    if kind == "UART":
        return (pin + 4) // 8 % 2, ("tx", "rx", "cts", "rts")[pin % 4]
    if kind == "SPI":
        return pin // 8 % 2, ("miso", "select", "sck", "mosi")[pin % 4]
    return pin // 2 % 2, ("sda", "scl")[pin % 2]
