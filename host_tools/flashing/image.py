"""MicroPython itself onto a board: through esptool, or as a UF2 file onto a Pico's drive."""

import os
import re
import struct
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from joulestream.host_tools import progress
from joulestream.host_tools.files import read_file
from joulestream.host_tools.flashing.partitions import flash_bytes, with_journal
from joulestream.host_tools.flashing.targets import MIB, TARGETS, BoardError, Target

_MOST_IMAGE = 64 * MIB
# Source: Microsoft's UF2 specification; the family of the RP2040 is in the file's 8th word.
_UF2 = struct.Struct("<8I")
_UF2_MAGIC, _RP2040 = (0x0A324655, 0x9E5D5157), 0xE48BFF56
_UF2_BLOCK = 512
_UF2_NAME = "firmware.uf2"
_INFO, _BOARD_ID = "INFO_UF2.TXT", "RPI-RP2"
_DRIVES = ("/media", "/run/media", "/Volumes", "/mnt")
# The words of esptool, and our sentence about them.
_FAULTS = (
    (
        r"This chip is (\S+), not",
        "the chip is an {0}; correct --board or --port",
    ),
    (
        r"Failed to connect|No serial data received|Timed out waiting|chip stopped responding"
        r"|Serial data stream stopped|Connection refused",
        "no boot loader answers; hold the board's BOOT button while you plug it in, and try again",
    ),
    (r"[Cc]ould not (?:exclusively lock|open)", "the port cannot be opened; is it in use?"),
    (r"will not fit in", "the flash is too small for the image; take a board with more flash"),
)
_SIZE = re.compile(r"Detected flash size: (\d+)(KB|MB)")


def read_image(name: str, path: Path) -> bytes:
    """Return MicroPython's image for a board, with a partition for the journal on an ESP32.

    Args:
        name: the board's kind, a key of targets.TARGETS.
        path: MicroPython's .bin file for an ESP32, its .uf2 file for a Pico.

    Raises:
        CommandError: the file is no image for this board.
    """
    target = TARGETS[name]
    data = read_file(path, _MOST_IMAGE)
    if target.esptool is not None:
        return with_journal(data, target.image_at)
    if name != "rp2040":
        raise BoardError(f"a {name} takes no image; leave --image out")
    words = _UF2.unpack(data[: _UF2.size].ljust(_UF2.size, b"\0"))
    if words[:2] != _UF2_MAGIC or len(data) % _UF2_BLOCK or words[7] != _RP2040:
        raise BoardError(f"{path} is no UF2 file for a Pico; name MicroPython's .uf2 file")
    return data


def write_image(
    port: str, name: str, image: bytes, drive: Path | None = None, also: Iterable[int] = ()
) -> str:
    """Put MicroPython on a board, and return a sentence about it.

    Args:
        port: the board's serial port; a Pico in its boot loader has none.
        name: the board's kind, a key of targets.TARGETS.
        image: the bytes that read_image() returned.
        drive: the folder of the Pico's drive; None looks for it.
        also: processes that work for the board.

    Raises:
        CommandError: the board does not take it.
    """
    target = TARGETS[name]
    if target.esptool is None:
        return _copy_to_drive(image, drive)
    _check_size(target, image, _esptool(port, target, ["flash-id"], also))
    with tempfile.TemporaryDirectory(prefix="joulestream-") as directory:
        path = Path(directory) / "image.bin"
        path.write_bytes(image)
        _esptool(port, target, ["write-flash", "-p", hex(target.image_at), str(path)], also)
    return f"wrote {len(image):,} bytes of MicroPython, and a partition table with the journal"


def _check_size(target: Target, image: bytes, said: str) -> None:
    """Raise BoardError if the chip's flash is smaller than the image and the files need."""
    found = _SIZE.search(said)
    if found is None:
        raise BoardError("esptool does not tell the size of the flash; try another cable")
    size = int(found[1]) * (MIB if found[2] == "MB" else 1024)
    needed = max(target.least_flash, flash_bytes(image))
    if size < needed:
        raise BoardError(
            f"the board has {size // MIB} MB of flash, and the image is for {needed // MIB} MB;"
            " take the image of a smaller flash, or a board with more"
        )


def _esptool(port: str, target: Target, words: list[str], also: Iterable[int]) -> str:
    assert target.esptool is not None
    command = [sys.executable, "-m", "esptool", "--chip", target.esptool, "--port", port, *words]
    try:
        done = progress.run(command, "esptool", also=also)
    except progress.Stalled:
        raise BoardError(f"{port}: esptool gets no answer; plug the board in again") from None
    said = done.stdout + done.stderr
    if done.returncode == 0:
        return said
    for pattern, sentence in _FAULTS:
        if found := re.search(pattern, said):
            raise BoardError(f"{port}: {sentence.format(*found.groups())}")
    errors = [line.strip() for line in said.splitlines() if "rror" in line]
    raise BoardError(f"{port}: esptool failed: {errors[-1] if errors else done.returncode}")


def _copy_to_drive(data: bytes, drive: Path | None) -> str:
    """Copy a UF2 file onto the drive of a Pico in its boot loader."""
    folder = drive or _find_drive()
    try:
        info = (folder / _INFO).read_text(encoding="utf-8", errors="replace")
    except OSError:
        raise BoardError(f"{folder} is no drive of a Pico; {_INFO} is missing there") from None
    if f"Board-ID: {_BOARD_ID}" not in info:
        raise BoardError(f"{folder} is the drive of another board than a Pico; correct --drive")
    try:
        with open(folder / _UF2_NAME, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise BoardError(
            f"{folder}: the Pico went away in the middle of the copy: {error.strerror}; hold"
            " BOOTSEL while you plug it in, and try again"
        ) from None
    return f"wrote {len(data):,} bytes of MicroPython to {folder}"


def _find_drive() -> Path:
    """Return the folder of the one Pico's drive. Raises BoardError."""
    found = [
        path.parent
        for place in _DRIVES
        for depth in ("*", "*/*")
        for path in Path(place).glob(f"{depth}/{_INFO}")
    ]
    if len(found) != 1:
        count = "more than one drive" if found else "no drive"
        raise BoardError(
            f"{count} of a Pico is there; hold BOOTSEL while you plug in one board, mount its"
            " drive, or name it with --drive"
        )
    return found[0]
