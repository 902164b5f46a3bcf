"""Ed25519 in rv32imac instructions: ours, plain Monocypher and libsodium's ref10.

One compiler compiles all three with the same options, and they run bare on QEMU, which counts
instructions exactly: the figures are the same on every machine.
"""

import re

from joulestream.host_tools import progress
from joulestream.host_tools.build import board, native, shell, sources
from joulestream.host_tools.build.shell import ToolchainError
from joulestream.host_tools.layout import BUILD, ROOT
from joulestream.signing import TABLE_SIZE

_SOURCES = ROOT / "host_tools" / "rv32"

_COMPILER = [
    *"riscv64-unknown-elf-gcc -misa-spec=2.2 -march=rv32imac -mabi=ilp32 -std=gnu99".split(),
    *"-fno-schedule-insns -fno-tree-loop-distribute-patterns -ffunction-sections".split(),
    *"-fdata-sections -Wl,--gc-sections --specs=picolibc.specs -nostartfiles -w".split(),
    # As the native module is compiled (shared/ed25519/Makefile).
    *"-O2 -fno-inline-functions".split(),
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


def _measure_bare(name: str, flags: list[str]) -> dict[str, int]:
    """Compile one implementation and run it; return the printed figures and the code's size."""
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


def measure() -> dict[str, dict[str, int]]:
    """Return the figures of our code (`rv32`), of Monocypher and of libsodium, by name."""
    shell.require_tools({**native.BUILD_TOOLS, **native.RISCV_COMPILER, **board.EMULATOR})
    monocypher = [f"-I{native.ED25519}", f"-I{sources.tree(sources.MONOCYPHER)}"]
    sodium = sources.tree(sources.PYNACL) / "src" / "libsodium"
    include = sodium / "src" / "libsodium" / "include"
    ref10 = sodium / "src" / "libsodium" / "crypto_sign" / "ed25519" / "ref10"
    directories = (include, include / "sodium", sodium / "builds" / "msvc", ref10)
    libsodium = [
        *(f"-I{directory}" for directory in directories),
        *(str(sodium / "src" / "libsodium" / file) for file in _LIBSODIUM_SOURCES),
    ]
    nothing = _measure_bare("nothing", [])["size_bytes"]
    figures = {
        "rv32": _measure_bare("ours", monocypher),
        "monocypher": _measure_bare("monocypher", monocypher),
        "libsodium": _measure_bare("libsodium", libsodium),
    }
    for column in figures.values():
        column["size_bytes"] -= nothing
    figures["rv32"]["size_bytes"] = native.build_native_module("rv32imc").stat().st_size
    figures["rv32"]["table_bytes"] = TABLE_SIZE
    return figures
