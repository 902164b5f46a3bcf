"""The native module of each architecture: bytes, and instructions where QEMU has the core."""

from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile

from joulestream.host_tools.build import bare, native
from joulestream.host_tools.layout import BUILD

# The sections of an object file that a board holds in memory, by the start of their names. The
# linker of MicroPython drops all others.
_KINDS = {
    "code": (".text", ".literal"),
    "constants": (".rodata",),
    "data": (".data", ".bss"),
}
_WORK = ("sign", "prepare", "verify", "verify_once")


def measure() -> dict[str, dict[str, Any]]:
    """Return the figures of each architecture.

    `code_bytes`, `constants_bytes` and `data_bytes` are those of the object file, `mpy_bytes` of
    the module. The other figures are instructions, means over some messages.
    """
    return {arch: _figures(arch) for arch in native.ARCHITECTURES}


def _figures(arch: str) -> dict[str, Any]:
    figures: dict[str, Any] = {"boards": native.ARCHITECTURES[arch].boards}
    module = native.build_native_module(arch)
    figures.update(sizes(BUILD / "native" / arch / "obj" / "natmod.o"))
    figures["mpy_bytes"] = module.stat().st_size
    if arch in bare.CORES:
        printed = bare.run_cases(arch, [])
        figures.update({name: printed[name] for name in _WORK})
    return figures


def sizes(path: Path) -> dict[str, int]:
    """Return the bytes of each kind of memory that an object file takes."""
    found = {f"{kind}_bytes": 0 for kind in _KINDS}
    with path.open("rb") as file:
        for section in ELFFile(file).iter_sections():
            for kind, names in _KINDS.items():
                if section.name.startswith(names):
                    found[f"{kind}_bytes"] += section["sh_size"]
    return found
