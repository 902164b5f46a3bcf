"""Builds the native Ed25519 code: MicroPython's module for each board, CPython's library."""

import platform
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from joulestream.host_tools.build import xtensa
from joulestream.host_tools.build.shell import ToolchainError, require_tools, run, say
from joulestream.host_tools.build.sources import MONOCYPHER, micropython_tree, tree
from joulestream.host_tools.layout import BUILD, ROOT

ED25519 = ROOT / "shared" / "ed25519"

# MicroPython's name for the machine code of this computer, by Python's name for it.
NATIVE_ARCH = {"x86_64": "x64"}

# Debian packages of the tools that a build on this computer runs.
BUILD_TOOLS = {"gcc": "gcc libc6-dev", "make": "make", "ar": "binutils"}

# The same for the compilers of the architectures that are not this computer's.
RISCV_COMPILER = {
    "riscv64-unknown-elf-gcc": "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf"
}
ARM_COMPILER = {"arm-none-eabi-gcc": "gcc-arm-none-eabi libnewlib-arm-none-eabi"}


@dataclass(frozen=True)
class Architecture:
    """A kind of machine that the native module is built for.

    Attributes:
        boards: the boards that have it, for messages.
        compiler: Debian packages of its compiler, by program.
        variables: make variables that the build needs.
        environment: returns the variables that the build needs in its environment.
    """

    boards: str
    compiler: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    environment: Callable[[], dict[str, str]] = dict


# By MicroPython's name of the machine code.
ARCHITECTURES = {
    "x64": Architecture("unix port"),
    "rv32imc": Architecture("ESP32-C3, C6", RISCV_COMPILER),
    "armv6m": Architecture("RP2040: Raspberry Pi Pico", ARM_COMPILER),
    "xtensawin": Architecture(
        "ESP32, S2, S3",
        xtensa.COMPILER,
        {"CROSS": xtensa.PREFIX, "CFLAGS_TARGET": xtensa.FLAGS},
        xtensa.environment,
    ),
}


def build_host_library() -> Path:
    """Build the Ed25519 shared library for CPython on this computer and return its path.

    Raises:
        ToolchainError: something that the build needs is missing, or it fails.
    """
    require_tools(BUILD_TOOLS)
    output = BUILD / "native" / "host"
    _make("host.mk", output, {"MONOCYPHER_DIR": tree(MONOCYPHER)})
    return output / "libjoulestream_ed25519.so"


def native_arch() -> str:
    """Return MicroPython's name of the machine code its unix port runs on this computer.

    Raises:
        ToolchainError: the unix port loads no native modules here.
    """
    machine = platform.machine()
    if sys.platform.startswith("linux") and machine in NATIVE_ARCH:
        return NATIVE_ARCH[machine]
    raise ToolchainError(
        f"the native module needs Linux on {' or '.join(NATIVE_ARCH)};"
        f" this is {platform.system()} on {machine}"
    )


def build_native_module(arch: str) -> Path:
    """Build the Ed25519 native module for MicroPython and return its path.

    Args:
        arch: MicroPython's name of the machine code, as native_arch() returns it.

    Raises:
        ToolchainError: something that the build needs is missing, or it fails.
    """
    output = BUILD / "native" / arch
    make_for(arch, output, {})
    return output / "_ed25519.mpy"


def make_for(arch: str, output: Path, variables: dict[str, Path | str], goal: str = "") -> None:
    """Run the native module's Makefile for an architecture.

    Args:
        arch: MicroPython's name of the machine code.
        output: the directory to build in.
        variables: make variables to add, such as SRC.
        goal: the file to build, if not the module.

    Raises:
        ToolchainError: something that the build needs is missing, or it fails.
    """
    row = ARCHITECTURES[arch]
    require_tools({**BUILD_TOOLS, **row.compiler})
    settings: dict[str, Path | str] = {
        "ARCH": arch,
        "MONOCYPHER_DIR": tree(MONOCYPHER),
        "MPY_DIR": micropython_tree(),
        "PYTHON": sys.executable,
        **row.variables,
        **variables,
    }
    _make("Makefile", output, settings, goal, row.environment())


def _make(
    makefile: str,
    output: Path,
    variables: dict[str, Path | str],
    goal: str = "",
    environment: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Run one of the Makefiles of shared/ed25519 in an output directory."""
    settings = [f"{name}={value}" for name, value in variables.items()]
    stamp = output / "settings"
    text = "\n".join([*settings, ""])
    # make sees files change, but not settings.
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != text:
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir(parents=True)
        stamp.write_text(text, encoding="utf-8")
    words = [f"{name}={value}" for name, value in environment.items()]
    command = ["env", *words, "make", "-s", "-C", str(output), "-f", str(ED25519 / makefile)]
    printed = run([*command, *settings, *goal.split()], f"building {output.relative_to(ROOT)}")
    if printed.strip():
        say(f"built {output.relative_to(ROOT)}")


def native() -> None:
    """Build everything native that runs on this computer: for CPython and for the unix port."""
    arch = native_arch()
    build_host_library()
    build_native_module(arch)


def modules() -> None:
    """Build the native module for every board; print its path, or why it is missing."""
    for name, arch in ARCHITECTURES.items():
        try:
            module = build_native_module(name)
            size = module.stat().st_size
            print(f"{name} ({arch.boards}): {module.relative_to(ROOT)}, {size} bytes")
        except ToolchainError as error:
            print(f"{name} ({arch.boards}): not built: {error}")
