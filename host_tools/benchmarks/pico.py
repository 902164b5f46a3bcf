"""The bytes that a Pico's UART loses while its flash erases a block, on the emulated Pico."""

import tempfile
from pathlib import Path
from typing import Any

from joulestream.host_tools.build.pico import build, build_library, emulator_modules
from joulestream.host_tools.pico_emulator import EmulatedPico
from joulestream.host_tools.pico_flash import write_flash

ERASE = "storage.ioctl(6, 0)"
_LINK, _STARTED_PIN = 0, 6
_SENT = 900
# A pin tells that the program listens. It waits for the first byte, works, and reads the rest.
_PROGRAM = """
from machine import Pin
from joulestream.boards import open_board
board = open_board({"kind": "rp2040", "watchdog": 0})
uart, storage, started = board.uart("link"), board.storage(), Pin(%d, Pin.OUT, value=0)
buffer, count = bytearray(%d), 0
started(1)
while not count:
    count = uart.readinto(buffer)
%s
begun_ms = board.now_ms()
while board.now_ms() - begun_ms < 200:
    count += uart.readinto(memoryview(buffer)[count:])
print(count)
"""


def measure() -> dict[str, Any]:
    """Return how many bytes are lost at 115,200 baud while 4 KB are erased in 45 ms."""
    with tempfile.TemporaryDirectory(prefix="joulestream-") as directory:
        flash = Path(directory) / "flash.bin"
        write_flash(flash, [build_library()])
        with EmulatedPico(build(), emulator_modules(), flash) as board:
            return {"bytes_lost_across_erase": bytes_lost(board, ERASE)}


def bytes_lost(board: EmulatedPico, work: str) -> int:
    """Return how many of the bytes that come on the link are lost while a board works.

    Args:
        board: an emulated Pico with the library on its file system.
        work: a statement of Python, which may use `storage`.
    """

    def send(pin: int, level: int) -> None:
        if (pin, level) == (_STARTED_PIN, 1):
            board.write_uart(_LINK, bytes(_SENT))

    board.on_level = send
    try:
        printed = board.mpremote("exec", _PROGRAM % (_STARTED_PIN, _SENT, work))
    finally:
        board.on_level = None
    return _SENT - int(printed)
