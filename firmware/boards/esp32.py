"""A board with the module ESP32-WROOM-32, 4 MB, such as the ESP32-DevKitC. Not run on hardware.

The REPL is on UART 0, GPIO 1 and 3. Its converter 2 does not work while the radio is on, so the
pilot is on converter 1. GPIO 14 carries pulses while the chip starts, so it only lights the LED.
GPIO 16 and 17 belong to the PSRAM of a WROVER module: this board is none.

The partition table of the stock image has no partition for the journal: one of 256 KB called
"journal" has to be cut off the end of "vfs" (docs/hardware.md).

Sources: ESP32 datasheet 4.x, 2.2 to 2.4 (pins, strapping pins); ESP32 errata 3.11 (GPIO 36, 39).
"""

from joulestream.boards.machine_board import MachineBoard
from joulestream.parts.flash import PARTITION


class Board(MachineBoard):
    """The wiring; machine_board.py explains the names."""

    NAME = "ESP32-DevKitC"
    MCU = "ESP32"
    UARTS = {"link": (1, 17, 16, 5_120), "meter": (2, 33, 32, 256)}
    SPI = (2, 18, 23, 19, 8_000_000)
    SELECTS = {"can": (25, 35), "fram": (26, None)}
    I2C = (0, 22, 21, 400_000)
    CONTACTOR = 4
    HEARTBEAT = 27
    FEEDBACK = 34
    HAS_PULL_UP = False
    PILOT_OUT = 13
    PILOT_IN = 36
    LED = 14
    FLASH = (PARTITION, "journal")
    HAS_RADIO = True
    # A name server that does not answer blocks for 20 s (parts/network_time.py).
    WATCHDOG_MS = 60_000
