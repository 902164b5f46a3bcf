"""MicroPython's image on its way to a board: esptool against a mock of the chip's ROM loader, the
partition table, and the drive of a Pico.

The mock is PyPI's esp32-mock-bootloader. No test here ran on a chip.
"""

import hashlib
import os
import struct
import subprocess
import sys

import pytest

from joulestream.host_tools import progress
from joulestream.host_tools.flashing.image import read_image, write_image
from joulestream.host_tools.flashing.partitions import (
    JOURNAL_BYTES,
    Partition,
    read,
    with_journal,
)
from joulestream.host_tools.flashing.targets import MIB, TARGETS, BoardError

pytestmark = pytest.mark.xdist_group("mock boot loader")

ENTRY = struct.Struct("<2sBBII16sI")
# As MicroPython's partitions-4MiBplus.csv has them.
NVS = (1, 2, 0x9000, 0x6000, b"nvs")
PHY = (1, 1, 0xF000, 0x1000, b"phy_init")
FACTORY = (0, 0, 0x10000, 0x1F0000, b"factory")
VFS = (1, 0x81, 0x200000, 0x200000, b"vfs")


def image(*rows, size_code=2, image_at=0):
    """Return an image with a boot loader's first bytes, a table, and a program."""
    table = b"".join(ENTRY.pack(b"\xaa\x50", *row, 0) for row in rows)
    table += b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(table).digest()
    loader = bytes((0xE9, 3, 2, size_code << 4)).ljust(0x8000 - image_at, b"\xff")
    return loader + table.ljust(0x8000, b"\xff") + b"\xe9" + b"program" * 500


@pytest.mark.parametrize("name", [name for name, row in TARGETS.items() if row.esptool])
@pytest.mark.parametrize(
    "rows", [(NVS, PHY, FACTORY, VFS), (NVS, PHY, FACTORY)], ids=["with vfs", "without vfs"]
)
def test_the_table_gets_a_journal_at_the_end_of_the_flash(name, rows):
    at = TARGETS[name].image_at
    old = image(*rows, image_at=at)
    new = with_journal(old, at)
    assert read(new, at)[3:] == [
        Partition(1, 0x81, 0x200000, 2 * MIB - JOURNAL_BYTES, "vfs"),
        Partition(1, 0x81, 4 * MIB - JOURNAL_BYTES, JOURNAL_BYTES, "journal"),
    ]
    assert read(new, at)[:3] == read(old, at)[:3]
    table = slice(0x8000 - at, 0x8C00 - at)
    assert new[: table.start] == old[: table.start] and new[table.stop :] == old[table.stop :]
    # ESP-IDF checks an MD5 over the rows.
    assert new[table][5 * 32 :][16:32] == hashlib.md5(new[table][: 5 * 32]).digest()
    assert with_journal(new, at) == new


def test_the_table_keeps_the_rules_of_esp_idf():
    rows = read(with_journal(image(NVS, PHY, FACTORY, VFS, size_code=3), 0), 0)
    end = 0x9000
    for row in rows:
        assert row.offset >= end and row.offset % 0x1000 == 0 and row.size % 0x1000 == 0
        assert row.kind or row.offset % 0x10000 == 0, "a program begins at 64 KB"
        end = row.end
    assert end == 8 * MIB and len({row.label for row in rows}) == len(rows)


@pytest.mark.parametrize(
    "data, words",
    [
        (b"", "no image of MicroPython"),
        (b"\xe9" * 100, "no image of MicroPython"),
        (bytes(100_000), "no image of MicroPython"),
        (image(), "no partition table"),
        (image(NVS, FACTORY, size_code=1), "too little"),
    ],
    ids=["empty", "short", "zeros", "no table", "small flash"],
)
def test_a_wrong_image_is_one_sentence(data, words, tmp_path):
    path = tmp_path / "image.bin"
    path.write_bytes(data)
    with pytest.raises(BoardError, match=words):
        read_image("esp32s3", path)


def test_an_emulated_board_takes_no_image(tmp_path):
    path = tmp_path / "image.bin"
    path.write_bytes(b"x")
    with pytest.raises(BoardError, match="takes no image"):
        read_image("qemu-rv32", path)


class Mock:
    """A running mock of a chip's ROM loader, with 4 MB of flash."""

    def __init__(self, chip):
        words = [f"{sys.prefix}/bin/esp32-mock-bootloader", "run", "--chip", chip, "--port", "0"]
        self.process = subprocess.Popen(
            words,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self.port = ""

    def __enter__(self):
        while "listening on" not in (line := self.process.stdout.readline()):
            assert line, "the mock does not start"
        self.port = "socket://" + line.split()[-1]
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def holds(self, chip, start, path):
        """Return whether its flash has the bytes of a file, by esptool's own comparison."""
        words = ["--chip", chip, "--port", self.port, "verify-flash", hex(start), str(path)]
        done = progress.run([sys.executable, "-m", "esptool", *words], "esptool")
        return done.returncode == 0


@pytest.mark.parametrize("name", ["esp32s3", "esp32"])
def test_esptool_writes_the_image_with_its_table(name, tmp_path):
    at = TARGETS[name].image_at
    path = tmp_path / "image.bin"
    path.write_bytes(image(NVS, PHY, FACTORY, image_at=at))
    data = read_image(name, path)
    with Mock(name) as mock:
        said = write_image(mock.port, name, data, also=[mock.process.pid])
        assert "a partition table with the journal" in said
        path.write_bytes(data)
        assert mock.holds(name, at, path)
        path.write_bytes(data[:-1] + b"?")
        assert not mock.holds(name, at, path)


def test_faults_of_a_chip_are_one_sentence(tmp_path):
    path = tmp_path / "image.bin"
    path.write_bytes(image(NVS, FACTORY, size_code=3))
    large = read_image("esp32s3", path)
    path.write_bytes(image(NVS, FACTORY))
    data = read_image("esp32c3", path)
    with Mock("esp32s3") as mock:
        with pytest.raises(BoardError, match="the chip is an ESP32-S3; correct --board"):
            write_image(mock.port, "esp32c3", data, also=[mock.process.pid])
        with pytest.raises(BoardError, match="4 MB of flash, and the image is for 8 MB"):
            write_image(mock.port, "esp32s3", large, also=[mock.process.pid])
        port = mock.port
    with pytest.raises(BoardError, match="no boot loader answers"):
        write_image(port, "esp32c3", data)


def uf2(family=0xE48BFF56, blocks=3):
    """Return a UF2 file of a few blocks."""
    data = b""
    for number in range(blocks):
        head = struct.pack(
            "<8I",
            0x0A324655,
            0x9E5D5157,
            0x2000,
            0x10000000 + 256 * number,
            256,
            number,
            blocks,
            family,
        )
        data += (head + bytes(256)).ljust(508, b"\0") + struct.pack("<I", 0x0AB16F30)
    return data


@pytest.fixture
def drive(tmp_path):
    folder = tmp_path / "RPI-RP2"
    folder.mkdir()
    (folder / "INFO_UF2.TXT").write_text(
        "UF2 Bootloader v2.0\nModel: Raspberry Pi RP2\nBoard-ID: RPI-RP2\n"
    )
    return folder


def test_a_uf2_file_is_copied_to_the_drive_of_a_pico(drive, tmp_path):
    path = tmp_path / "pico.uf2"
    path.write_bytes(uf2())
    said = write_image("", "rp2040", read_image("rp2040", path), drive)
    assert str(drive) in said and (drive / "firmware.uf2").read_bytes() == uf2()


@pytest.mark.parametrize(
    "data",
    [b"", b"x" * 512, uf2(0xE48BFF59), uf2()[:-1]],
    ids=["empty", "text", "another chip", "cut short"],
)
def test_another_file_than_a_picos_is_refused(data, tmp_path):
    path = tmp_path / "pico.uf2"
    path.write_bytes(data)
    with pytest.raises(BoardError, match="no UF2 file for a Pico"):
        read_image("rp2040", path)


def test_another_drive_than_a_picos_is_refused(drive, tmp_path):
    with pytest.raises(BoardError, match="no drive of a Pico"):
        write_image("", "rp2040", uf2(), tmp_path)
    (drive / "INFO_UF2.TXT").write_text("Board-ID: SAMD21\n")
    with pytest.raises(BoardError, match="the drive of another board"):
        write_image("", "rp2040", uf2(), drive)


def test_a_drive_that_is_full_or_goes_away_is_one_sentence(drive):
    (drive / "firmware.uf2").mkdir()
    with pytest.raises(BoardError, match="went away in the middle of the copy"):
        write_image("", "rp2040", uf2(), drive)
