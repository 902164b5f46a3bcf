"""Runs Ed25519's cases on the bare cores of boards that cannot be had here, under QEMU.

The program is compiled by the Makefile of the native module, with the same compiler and flags. It
is told the cases in memory, and prints figures. host_tools/bare has its source.
"""

import re
import struct
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from joulestream.host_tools import progress
from joulestream.host_tools.build import native, xtensa
from joulestream.host_tools.build.shell import ToolchainError, require_tools, run
from joulestream.host_tools.layout import BUILD, ROOT

SOURCE = ROOT / "host_tools" / "bare"
_RV32 = ROOT / "host_tools" / "rv32"
_SIGNED, _VERIFIED = 0, 1


@dataclass(frozen=True)
class Case:
    """One case: whether the signature is good, and with a seed, that this seed makes it."""

    public_key: bytes
    message: bytes
    signature: bytes
    valid: bool
    seed: bytes = b""


@dataclass(frozen=True)
class Core:
    """A core that QEMU emulates.

    Attributes:
        about: the core in words.
        emulator: Debian package of the emulator, by program.
        machine: options of the emulator.
        cases_at: the address of the cases.
        compiler: the compiler with its flags, for the files of the machine.
        folder: where start.S and link.ld are.
    """

    about: str
    emulator: dict[str, str]
    machine: str
    cases_at: int
    compiler: str
    folder: Path


# By MicroPython's name of the machine code.
CORES = {
    "rv32imc": Core(
        "rv32imac on QEMU's virt",
        {"qemu-system-riscv32": "qemu-system-misc"},
        "-machine virt -bios none -serial stdio",
        0x81000000,
        "riscv64-unknown-elf-gcc -misa-spec=2.2 -march=rv32imac -mabi=ilp32",
        _RV32,
    ),
    "armv6m": Core(
        "Cortex-M0 on QEMU's micro:bit",
        {"qemu-system-arm": "qemu-system-arm"},
        "-machine microbit -semihosting",
        0x20000,
        "arm-none-eabi-gcc -mcpu=cortex-m0 -mthumb",
        SOURCE / "armv6m",
    ),
    "xtensawin": Core(
        "LX6 without MULUH (de212) on QEMU's sim",
        {"qemu-system-xtensa": "qemu-system-misc"},
        "-machine sim -cpu de212 -semihosting",
        0x61000000,
        f"{xtensa.PREFIX}gcc {xtensa.FLAGS}",
        SOURCE / "xtensawin",
    ),
}


def pack(cases: Iterable[Case]) -> bytes:
    """Return cases as ed25519_cases.c reads them."""
    records = []
    for case in cases:
        kind = _SIGNED if case.seed else _VERIFIED
        head = struct.pack("<HHHH", kind, case.valid, len(case.message), 0)
        fields = (case.seed or bytes(32)) + case.public_key + case.signature + case.message
        records.append(head + fields + bytes(-len(fields) % 4))
    return struct.pack("<I", len(records)) + b"".join(records)


def build(arch: str) -> Path:
    """Build the bare program for an architecture and return its path.

    Raises:
        ToolchainError: something that the build needs is missing, or it fails.
    """
    core = CORES[arch]
    output = BUILD / "native" / f"{arch}-bare"
    variables: dict[str, Path | str] = {
        "SRC": "ed25519_cases.c",
        "VPATH": f"{SOURCE}:{native.ED25519}",
        "INCLUDE_DIR": SOURCE,
    }
    native.make_for(arch, output, variables, "obj/ed25519_cases.o")
    program = output / "ed25519_cases.elf"
    words = [f"{name}={value}" for name, value in native.ARCHITECTURES[arch].environment().items()]
    command = ["env", *words, *core.compiler.split(), "-O2", "-ffreestanding", "-nostdlib", "-w"]
    command += [
        "-static",
        "-Wl,--no-warn-rwx-segments",
        f"-Wl,--defsym=bare_cases={core.cases_at}",
    ]
    command += ["-T", str(core.folder / "link.ld"), f"-I{SOURCE}", str(core.folder / "start.S")]
    objects = [str(SOURCE / arch / "machine.c"), str(output / "obj" / "ed25519_cases.o")]
    run([*command, *objects, "-o", str(program)], f"linking the bare program for {arch}")
    return program


def run_cases(arch: str, cases: Iterable[Case]) -> dict[str, int]:
    """Run cases on a core; return the printed figures.

    `cases` and `failures` are numbers of cases. `sign`, `prepare`, `verify` and `verify_once` are
    instructions.

    Raises:
        ToolchainError: something that the build needs is missing, it fails, or the program hangs.
    """
    core = CORES[arch]
    require_tools(core.emulator)
    program = build(arch)
    (emulator,) = core.emulator
    with tempfile.NamedTemporaryFile(prefix="joulestream-cases-") as file:
        file.write(pack(cases))
        file.flush()
        loader = f"loader,file={file.name},addr={core.cases_at:#x},force-raw=on"
        options = "-nographic -monitor none -icount shift=0".split()
        command = [emulator, *core.machine.split(), *options, "-device", loader]
        try:
            done = progress.run([*command, "-kernel", str(program)], f"Ed25519 on {arch}")
        except progress.Stalled as error:
            raise ToolchainError(str(error)) from error
    text = done.stdout + done.stderr  # semihosting writes to stderr
    figures = {
        name: int(value, 16)
        for name, value in re.findall(r"^(\w+) ([0-9a-f]{8})$", text, re.MULTILINE)
    }
    if "verify_once" not in figures:
        raise ToolchainError(f"Ed25519 on {arch}: the program broke off: {text[-200:]}")
    return figures
