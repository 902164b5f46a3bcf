"""MicroPython's unix port as a board for mpremote: a terminal, and littlefs in a file.

It is the real interpreter and the real file system, and it starts in milliseconds. Its files
survive the end of the process, as those of a flash do. With `writes` the power fails at that write
of a block: the process ends in the middle of it.
"""

import ctypes
import os
import pty
import signal
import subprocess
import tty
from pathlib import Path

from joulestream.host_tools.bench.firmware import micropython

_HEAP = "heapsize=4m"
_PR_SET_PDEATHSIG = 1  # source: linux/prctl.h
# Run before the REPL: mounts the file as /, as a port's _boot.py does.
_BOOT = """
import os, sys, vfs
_file = open(%r, "r+b")
class _Flash:
    left = %d
    def readblocks(self, block, buffer, offset=0):
        _file.seek(block * 4096 + offset)
        _file.readinto(buffer)
    def writeblocks(self, block, buffer, offset=0):
        _file.seek(block * 4096 + offset)
        _Flash.left -= 1
        if _Flash.left == 0:
            _file.write(memoryview(buffer)[:len(buffer) // 2])
            _file.flush()
            os.system("kill -9 $PPID")
        _file.write(buffer)
        _file.flush()
    def ioctl(self, operation, argument):
        return {4: %d, 5: 4096}.get(operation, 0)
_flash = _Flash()
try:
    _files = vfs.VfsLfs2(_flash, progsize=256)
except OSError:
    vfs.VfsLfs2.mkfs(_flash, progsize=256)
    _files = vfs.VfsLfs2(_flash, progsize=256)
vfs.umount("/")
vfs.mount(_files, "/")
os.chdir("/")
sys.path[:] = ["", ".frozen", "/lib"]
"""


def _end_with_the_parent() -> None:
    """Let Linux kill this process when its parent dies: a REPL without a terminal spins."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class ReplBoard:
    """A running board; `port` is the path of its terminal.

    Args:
        flash: the file of its flash. A new one is made.
        blocks: how many blocks of 4 KB that has.
        writes: the number of the write at which the power fails; 0: none.
    """

    def __init__(self, flash: "Path | str", blocks: int = 400, writes: int = 0) -> None:
        flash = Path(flash)
        if not flash.exists():
            flash.write_bytes(b"\xff" * (4096 * blocks))
        master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        code = _BOOT % (str(flash), writes, blocks)
        self.process = subprocess.Popen(
            [micropython(), "-X", _HEAP, "-i", "-c", code],
            stdin=master,
            stdout=master,
            stderr=master,
            start_new_session=True,
            preexec_fn=_end_with_the_parent,
        )
        # The process alone holds the board's end: when it ends, the port is gone.
        os.close(master)

    def __enter__(self) -> "ReplBoard":
        return self

    def __exit__(self, *_: object) -> None:
        self.cut_power()
        os.close(self._slave)

    def cut_power(self) -> None:
        """End it at once. Its port goes away, as that of a board on USB does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
