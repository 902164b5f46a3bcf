"""The emulated board: MicroPython on QEMU's riscv32 `virt` machine, the instruction set of a C3.

Its firmware is built by build/board.py. Its only UART is the REPL, on a pseudo-terminal that
mpremote talks to as to any board. Its clock counts one instruction a nanosecond, so figures that
are measured on it come out the same on every machine. With the host's clock instead, it runs
nearly twice as fast.
"""

import ctypes
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

from joulestream.host_tools.build.board import SOURCE, make_image
from joulestream.host_tools.build.shell import ToolchainError
from joulestream.host_tools.mpremote import run_mpremote

_COUNTS = ("-icount", "shift=0")
_PR_SET_PDEATHSIG = 1  # source: linux/prctl.h
# As in mount.py, devices.c and heap.c: behind the memory that MicroPython uses.
_DISK_AT = 0x84000000
_ROMFS_AT = 0x84800000
_HEAP_SIZES_AT = 0x84C00000
# The heaps of chips, in pieces of so many bytes. Those of the ESP32 and the ESP32-C3 are from
# reports: MicroPython 1.27 has 134 KB, 53 KB of them in the largest piece, and 52 and 139 KB.
HEAPS = {
    "esp32": (53 * 1024, 53 * 1024, 28 * 1024),
    "esp32c3": (139 * 1024, 52 * 1024),
}
_QEMU = [
    *"qemu-system-riscv32 -machine virt -bios none -nographic -monitor none".split(),
    *"-semihosting -serial pty -kernel".split(),
]


def _end_with_the_parent() -> None:
    """Let Linux kill this process when its parent dies: nobody else would ever switch it off."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class EmulatedBoard:
    """A running emulated board, with a file system in its memory.

    Args:
        firmware: the program, as build() returns it.
        folders: folders that the file system has at its root, under their own names.
        counts: whether its clock counts instructions; otherwise it is the host's clock.
        romfs: the image of a ROMFS (build/romfs.py), which is mounted as /rom.
        heap: the bytes of each piece of its heap; without one it is 1 MB, in one piece.

    Attributes:
        port: path of the pseudo-terminal of its REPL.

    Raises:
        ToolchainError: it cannot be started.
    """

    def __init__(
        self,
        firmware: Path,
        folders: Iterable[Path] = (),
        counts: bool = True,
        romfs: bytes = b"",
        heap: Sequence[int] = (),
    ) -> None:
        with ExitStack() as ends:
            scratch = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="joulestream-")))
            disk = scratch / "disk"
            make_image(folders, disk)
            rows = ((_ROMFS_AT, romfs), (_HEAP_SIZES_AT, struct.pack(f"<{len(heap)}I", *heap)))
            memory = {_DISK_AT: disk}
            for address, data in rows:
                if data:
                    memory[address] = scratch / hex(address)
                    memory[address].write_bytes(data)
            words = [
                word
                for address, path in memory.items()
                for word in ("-device", f"loader,file={path},addr={address:#x},force-raw=on")
            ]
            self._process = subprocess.Popen(
                [*_QEMU, str(firmware), *words, *(_COUNTS if counts else ())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                preexec_fn=_end_with_the_parent,
            )
            ends.callback(self._kill)
            self.port = self._read_port()
            # While nobody holds the terminal, QEMU looks only once a second for somebody's call.
            ends.callback(os.close, os.open(self.port, os.O_RDWR | os.O_NOCTTY))
            self.reset()
            self._ends = ends.pop_all()

    def __enter__(self) -> "EmulatedBoard":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def mpremote(self, *arguments: str, resume: bool = True) -> str:
        """Run mpremote on this board and return its output.

        Args:
            arguments: commands of mpremote and their arguments.
            resume: keep the board's state; the file system is gone without.

        Raises:
            ToolchainError: it fails, which a script with an uncaught exception also means, or it
                hangs: the board computes long without a word (see progress.py).
        """
        words = ["resume", *arguments] if resume else [*arguments]
        return run_mpremote(self.port, words, "the emulated board", self._process.pid)

    @property
    def pid(self) -> int:
        """The process that emulates the board."""
        return self._process.pid

    def reset(self) -> None:
        """Reset MicroPython: its heap is empty then, and its file system is mounted anew."""
        self.mpremote("run", str(SOURCE / "mount.py"), resume=False)

    def stop(self) -> None:
        """Switch it off."""
        self._ends.close()

    def wait(self) -> None:
        """Wait until the board stops by itself."""
        self._process.wait()

    def _read_port(self) -> str:
        assert self._process.stdout is not None
        text = b""
        # QEMU names the port before the guest's first instruction, or ends.
        while chunk := os.read(self._process.stdout.fileno(), 4096):
            text += chunk
            found = re.search(rb"(/dev/\S+)", text)
            if found:
                return found[1].decode()
        raise ToolchainError(f"the emulated board does not start: {text.decode().strip()}")

    def _kill(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
