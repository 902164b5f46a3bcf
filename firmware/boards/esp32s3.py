"""A board with the module ESP32-S3-WROOM-1, 8 MB: the one we recommend. Not run on hardware.

Such a board is the ESP32-S3-DevKitC-1-N8. The REPL is on USB (GPIO 19 and 20) and on UART 0 (GPIO
43 and 44). GPIO 35 to 37 belong to the PSRAM of some modules, so nothing is wired to them. At
power-up GPIO 1 to 17 are low for 60 us and GPIO 18 is high. The contactor's lines are among the
first.

The partition table of the stock image has no partition for the journal: one of 256 KB called
"journal" has to be cut off the end of "vfs" (docs/hardware.md).

Sources: ESP32-S3 datasheet 1.x, 2.2 and 2.3 (pins, glitches at power-up), 2.6 (strapping pins).
"""

from joulestream.boards.machine_board import MachineBoard
from joulestream.parts.flash import PARTITION


class Board(MachineBoard):
    """The wiring; machine_board.py explains the names."""

    NAME = "ESP32-S3-DevKitC-1-N8"
    MCU = "ESP32S3"
    UARTS = {"link": (1, 17, 18, 5_120), "meter": (2, 15, 16, 256)}
    SPI = (1, 12, 11, 13, 8_000_000)
    SELECTS = {"can": (10, 14), "fram": (21, None)}
    I2C = (0, 41, 40, 400_000)
    CONTACTOR = 4
    HEARTBEAT = 5
    FEEDBACK = 6
    PILOT_OUT = 7
    PILOT_IN = 1
    PILOT_LOW = 2
    PROXIMITY = 8
    TEMPERATURE = 9
    RESIDUAL = 39
    RESIDUAL_TEST = 47
    EMERGENCY = 48
    GRID = 38
    LED = 42
    FLASH = (PARTITION, "journal")
    HAS_RADIO = True
    # A name server that does not answer blocks for 20 s (parts/network_time.py).
    WATCHDOG_MS = 60_000
