"""A board with the module ESP32-C3-MINI-1 or WROOM-02, 4 MB. Not run on hardware.

It needs an image with the REPL on USB (GPIO 18 and 19): the chip has two UARTs, and both are in
use. At the start the boot ROM prints its messages on GPIO 21, to the other side of the link, which
drops them by their checksum. Ten pins are free, so there is no SPI for CAN, no LED and no input
for an auxiliary contact; a board of your own may choose otherwise.

The partition table of the stock image has no partition for the journal: one of 256 KB called
"journal" has to be cut off the end of "vfs" (docs/hardware.md).

Sources: ESP32-C3 datasheet 1.x, 2.2 and 2.3 (pins), 2.6 (strapping pins).
"""

from joulestream.boards.machine_board import MachineBoard
from joulestream.parts.flash import PARTITION


class Board(MachineBoard):
    """The wiring; machine_board.py explains the names."""

    NAME = "ESP32-C3-DevKitM-1"
    MCU = "ESP32C3"
    UARTS = {"link": (0, 21, 20, 5_120), "meter": (1, 4, 5, 256)}
    I2C = (0, 3, 1, 400_000)
    CONTACTOR = 6
    HEARTBEAT = 7
    PILOT_OUT = 10
    PILOT_IN = 0
    FLASH = (PARTITION, "journal")
    HAS_RADIO = True
    # A name server that does not answer blocks for 20 s (parts/network_time.py).
    WATCHDOG_MS = 60_000
