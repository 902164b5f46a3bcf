"""Raspberry Pi Pico, chip RP2040. Two UARTs; the REPL is on USB.

The stock image gives all flash behind the program to its file system and formats it anew when the
file system has another size. So a journal on this flash needs an image with a frozen `_boot.py`
that mounts the first 1,152 KB alone (`rp2.Flash(len=1_179_648)`). A journal on FRAM runs on any
image.

An erase stops all interrupts: bytes that come meanwhile are lost beyond the 32 of the UART's own
buffer, and are sent again.

Sources: RP2040 datasheet, 1.4.3 (functions of the pins) and 2.19.6 (after a reset all pins are
inputs with a pull-down); MicroPython, ports/rp2.
"""

from joulestream.boards.machine_board import MachineBoard
from joulestream.parts.flash import REGION


class Board(MachineBoard):
    """The wiring; machine_board.py explains the names."""

    NAME = "Raspberry Pi Pico"
    MCU = "RP2040"
    UARTS = {"link": (0, 0, 1, 1_200), "meter": (1, 4, 5, 256)}
    SPI = (0, 18, 19, 16, 8_000_000)
    SELECTS = {"can": (17, 20), "fram": (21, None)}
    I2C = (1, 7, 6, 400_000)
    CONTACTOR = 10
    HEARTBEAT = 11
    FEEDBACK = 12
    PILOT_OUT = 14
    PILOT_IN = 26
    PILOT_LOW = 27
    PROXIMITY = 28
    RESIDUAL = 2
    RESIDUAL_TEST = 3
    EMERGENCY = 8
    GRID = 9
    ADC_FULL_MV = 3_300
    LED = 25
    # 256 KB at the end of the 1,408 KB that the image of the Pico has for files.
    FLASH = (REGION, (1_179_648, 262_144))
    # The longest that the port can do is 8,388 ms.
    WATCHDOG_MS = 8_000
