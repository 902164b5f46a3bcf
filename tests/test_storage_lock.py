"""Two users of one storage lose claims: the second is refused, and no crash locks anybody out."""

import os
import signal
import subprocess
import sys

import pytest

from joulestream.host_tools.bench.firmware import Firmware
from joulestream.host_tools.bench.setup import BenchSetup
from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.flash_image import edited
from joulestream.host_tools.storage_lock import StorageInUse, StorageLock

HOLD = """
import subprocess, sys
from pathlib import Path
from joulestream.host_tools.storage_lock import StorageLock
lock = StorageLock(Path(sys.argv[1]), "flash")
child = ["sleep", "1000"]
if len(sys.argv) > 2:
    print(subprocess.Popen(child, pass_fds=lock.descriptors, stdout=subprocess.DEVNULL).pid)
print("held", flush=True)
sys.stdin.read()
"""


def holder(directory, *words):
    """Start a process that holds the lock; return it, and the lines that it printed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(directory), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    lines = []
    while "held" not in lines:
        lines.append(process.stdout.readline().strip())
    return process, lines


def end(process):
    process.kill()
    process.communicate()


def test_the_second_user_is_told_who_the_first_is_and_a_crash_frees_the_storage(tmp_path):
    (tmp_path / "flash").write_bytes(b"")
    os.symlink("flash", tmp_path / "link")
    process, _ = holder(tmp_path)
    try:
        for name in ("flash", "link", str(tmp_path / "flash")):
            with pytest.raises(StorageInUse, match=f"in use by process {process.pid};"):
                StorageLock(tmp_path, name)
        StorageLock(tmp_path, "other").release()
    finally:
        end(process)
    assert (tmp_path / "flash.lock").exists(), "it was killed"
    with StorageLock(tmp_path, "link"):
        with pytest.raises(StorageInUse, match=f"in use by process {os.getpid()};"):
            StorageLock(tmp_path, "flash")
    assert not (tmp_path / "flash.lock").exists()


def test_a_firmware_that_outlives_its_starter_keeps_the_lock(tmp_path):
    process, lines = holder(tmp_path, "child")
    end(process)
    try:
        with pytest.raises(StorageInUse):
            StorageLock(tmp_path, "flash")
    finally:
        os.kill(int(lines[0]), signal.SIGKILL)
    for _ in range(1_000_000):  # until the system has ended it
        try:
            StorageLock(tmp_path, "flash").release()
            return
        except StorageInUse:
            continue
    raise AssertionError("a process that has ended keeps the lock")


def test_a_tool_edits_no_image_whose_storage_is_locked(tmp_path):
    (tmp_path / "flash").write_bytes(b"\xff" * 6 * 256)
    with StorageLock(tmp_path, "flash"):
        with pytest.raises(CommandError, match="in use by process"):
            with edited(tmp_path / "flash", 6, 256):
                raise AssertionError
    with edited(tmp_path / "flash", 6, 256):
        with pytest.raises(StorageInUse):
            StorageLock(tmp_path, "flash")


def test_a_firmware_holds_the_lock_of_its_storage_itself(tmp_path):
    """It does so when the process that started it is gone."""
    board = {"clock": "bench", "storage": str(tmp_path / "pole.flash"), "uarts": {}}
    firmware = Firmware("pole", {**BenchSetup(tmp_path).pole(), "board": board}, tmp_path)
    try:
        (descriptor,) = firmware.lock.descriptors
        firmware.lock.descriptors = ()
        os.close(descriptor)
        with pytest.raises(StorageInUse):
            StorageLock(tmp_path, "pole.flash")
    finally:
        firmware.kill()
    StorageLock(tmp_path, "pole.flash").release()


def test_a_second_firmware_on_one_storage_is_not_started(tmp_path):
    config = {"board": {"storage": "pole.flash", "uarts": {}}}
    with StorageLock(tmp_path, "pole.flash"):
        with pytest.raises(StorageInUse):
            Firmware("pole", config, tmp_path)
    for name in (None, 5, "a\0b", "missing/pole.flash"):
        assert StorageLock(tmp_path, name).descriptors == ()
