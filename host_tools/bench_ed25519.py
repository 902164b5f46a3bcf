"""Ed25519 and whole packets, counted in rv32imac instructions: `make bench`.

Ours, plain Monocypher and libsodium's ref10 are compiled by one compiler and run bare on QEMU;
then the real payee and payer trade packets under MicroPython on the emulated board. Counts are
exact and the same on every machine. Writes build/bench/ed25519.json and the table in
docs/ed25519.md.
"""

import json
import re
import sys

from joulestream.host_tools import emulator, progress
from joulestream.host_tools.build import board, native, shell, sources
from joulestream.host_tools.build.shell import ToolchainError
from joulestream.host_tools.documents import write_between_marks
from joulestream.host_tools.layout import BUILD, ROOT

SUMMARY = BUILD / "bench" / "ed25519.json"
DOCUMENT = ROOT / "docs" / "ed25519.md"
_SOURCES = ROOT / "host_tools" / "rv32"
_TABLE_BYTES = 6144

_COMPILER = [
    *"riscv64-unknown-elf-gcc -misa-spec=2.2 -march=rv32imac -mabi=ilp32 -std=gnu99".split(),
    *"-fno-schedule-insns -fno-tree-loop-distribute-patterns -ffunction-sections".split(),
    *"-fdata-sections -Wl,--gc-sections --specs=picolibc.specs -nostartfiles -w".split(),
]
_QEMU = [
    *"qemu-system-riscv32 -machine virt -bios none -nographic -monitor none".split(),
    *"-icount shift=0 -serial stdio -kernel".split(),
]
_LIBSODIUM_SOURCES = (
    "crypto_sign/ed25519/ref10/sign.c",
    "crypto_sign/ed25519/ref10/open.c",
    "crypto_sign/ed25519/ref10/keypair.c",
    "crypto_core/ed25519/ref10/ed25519_ref10.c",
    "crypto_hash/sha512/cp/hash_sha512_cp.c",
)
# What is measured, how it is called, what it must be and what it should be.
_ROWS = (
    ("sign", "sign, expanded key kept, constant time", 650_000, 500_000),
    ("verify", "verify, known key", 800_000, 450_000),
    ("verify_first", "verify, first time (key check and table included)", 3_600_000, 2_500_000),
    ("verify_once", "verify, without a table", None, None),
    ("table_bytes", "table per verifier key, bytes", 6_144, None),
    ("size_bytes", "native module in RAM (others: code and constants), bytes", 28_672, 20_480),
    ("stack_bytes", "stack, any call, bytes", 2_560, 1_536),
    ("pole_packet", "one packet on the pole, everything included", 2_000_000, 1_200_000),
    ("vehicle_packet", "one packet on the vehicle, everything included", 1_800_000, 1_000_000),
    ("alloc_per_packet", "heap allocated per packet, the worse side, bytes", 2_048, 512),
)


def _measure_bare(name: str, flags: list[str]) -> dict[str, int]:
    """Compile one implementation, run it and return what it prints, and its code's size."""
    directory = BUILD / "bench" / "rv32"
    directory.mkdir(parents=True, exist_ok=True)
    program = directory / f"{name}.elf"
    files = [str(_SOURCES / file) for file in ("start.S", "ed25519_bench.c", f"bench_{name}.c")]
    command = [*_COMPILER, *flags, "-T", str(_SOURCES / "link.ld"), *files, "-o", str(program)]
    shell.run(command, f"compiling {name} for rv32")
    try:
        text = progress.run([*_QEMU, str(program)], f"{name} on rv32").stdout
    except progress.Stalled as error:
        raise ToolchainError(str(error)) from error
    figures = {key: int(value) for key, value in re.findall(r"(\w+) (\d+)", text)}
    if figures.pop("good", 0) != 1:
        raise ToolchainError(f"{name} on rv32 does not verify its own signatures")
    size = shell.run(["riscv64-unknown-elf-size", str(program)], "measuring size")
    figures["size_bytes"] = sum(map(int, size.splitlines()[1].split()[:2]))
    return figures


def measure_ed25519() -> dict[str, dict[str, int]]:
    """Return the figures of our code (`rv32`), of Monocypher and of libsodium, by name."""
    shell.require_tools({**native.BUILD_TOOLS, **native.RISCV_COMPILER, **board.EMULATOR})
    monocypher = ["-O2", f"-I{native.ED25519}", f"-I{sources.tree(sources.MONOCYPHER)}"]
    sodium = sources.tree(sources.PYNACL) / "src" / "libsodium"
    include = sodium / "src" / "libsodium" / "include"
    ref10 = sodium / "src" / "libsodium" / "crypto_sign" / "ed25519" / "ref10"
    directories = (include, include / "sodium", sodium / "builds" / "msvc", ref10)
    libsodium = [
        "-Os",
        *(f"-I{directory}" for directory in directories),
        *(str(sodium / "src" / "libsodium" / file) for file in _LIBSODIUM_SOURCES),
    ]
    nothing = _measure_bare("nothing", ["-O2"])["size_bytes"]
    figures = {
        "rv32": _measure_bare("ours", [*monocypher, "-fno-inline-functions"]),
        "monocypher": _measure_bare("monocypher", monocypher),
        "libsodium": _measure_bare("libsodium", libsodium),
    }
    for column in figures.values():
        column["size_bytes"] -= nothing
    figures["rv32"]["size_bytes"] = native.build_native_module("rv32imc").stat().st_size
    figures["rv32"]["table_bytes"] = _TABLE_BYTES
    return figures


def measure_packets() -> dict[str, int]:
    """Return instructions and allocated bytes of one packet at each side, on MicroPython."""
    firmware, library = board.build(), board.build_library()
    directory = BUILD / "board-lib" / "bench"
    sources = [_SOURCES / "packet_bench.py"]
    board.compile_tree(sources, directory)
    with emulator.EmulatedBoard(firmware, [library, directory]) as machine:
        text = machine.mpremote(
            "exec", "import sys; sys.path[:0] = ['/bench']; import packet_bench"
        )
    figures = {key: int(value) for key, value in re.findall(r"(\w+) (\d+)", text)}
    figures["alloc_per_packet"] = max(figures["pole_alloc"], figures["vehicle_alloc"])
    return figures


def table(figures: dict[str, dict[str, int]]) -> str:
    """Return the figures as a Markdown table."""
    lines = [
        "| figure (rv32imac instructions unless it says bytes; 44-byte claim) |"
        " must | aim | measured | Monocypher | libsodium |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, meaning, must, aim in _ROWS:
        values = [must, aim, *(figures[column].get(name) for column in figures)]
        cells = ["-" if value is None else f"{value:,}" for value in values]
        lines.append(f"| {meaning} | {' | '.join(cells)} |")
    return "\n".join(lines)


def misses(figures: dict[str, dict[str, int]]) -> list[str]:
    """Return what exceeds its must."""
    ours = figures["rv32"]
    return [
        f"{meaning}: {ours[name]:,}, must be at most {must:,}"
        for name, meaning, must, _ in _ROWS
        if must is not None and ours[name] > must
    ]


def main() -> int:
    """Measure, print and write everything; return 1 if something cannot be measured."""
    try:
        shell.say("bench: Ed25519 and whole packets on the emulated rv32 board (a minute)")
        figures = measure_ed25519()
        figures["rv32"].update(measure_packets())
    except ToolchainError as error:
        print(f"bench: Ed25519 on rv32 not measured: {error}", file=sys.stderr)
        return 1
    SUMMARY.parent.mkdir(parents=True, exist_ok=True)
    SUMMARY.write_text(json.dumps(figures, indent=2) + "\n")
    text = table(figures)
    write_between_marks(DOCUMENT, text)
    print(text)
    for line in misses(figures):
        print(f"bench: {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
