"""Makes Debian's compiler for the ESP8266 compile for the ESP32, S2 and S3.

GCC knows their calling convention (-mabi=windowed). The assembler and the linker learn the
instructions from a library, which this file builds from sources of binutils and of QEMU.
"""

from pathlib import Path

from joulestream.host_tools.build.shell import require_tools, run, say
from joulestream.host_tools.build.sources import BINUTILS, QEMU, tree
from joulestream.host_tools.layout import BUILD, ROOT

SOURCE = ROOT / "host_tools" / "xtensa"
COMPILER = {"xtensa-lx106-elf-gcc": "gcc-xtensa-lx106"}
PREFIX = "xtensa-lx106-elf-"
# For compiling C. The headers are in the place of a C library, which Debian does not have.
FLAGS = f"-mabi=windowed -isystem {SOURCE / 'include'}"


def environment() -> dict[str, str]:
    """Return the variable with which the assembler and the linker find the library.

    Raises:
        ToolchainError: something that the library's build needs is missing, or it fails.
    """
    return {"XTENSA_GNU_CONFIG": str(build_core())}


def build_core() -> Path:
    """Build the library that describes the core, and return its path.

    Raises:
        ToolchainError: something that the build needs is missing, or it fails.
    """
    require_tools({"gcc": "gcc libc6-dev", **COMPILER})
    library = BUILD / "native" / "xtensa-core.so"
    source = SOURCE / "core.c"
    if library.is_file() and library.stat().st_mtime >= source.stat().st_mtime:
        return library
    # The folder of binutils comes first: QEMU has headers of the same names.
    folders = (SOURCE, tree(BINUTILS) / "include", tree(QEMU) / "target" / "xtensa")
    scratch = library.with_name(f"{library.name}.tmp")
    scratch.parent.mkdir(parents=True, exist_ok=True)
    # -w: the generated tables are full of warnings.
    command = ["gcc", "-shared", "-fPIC", "-O1", "-w", *(f"-I{folder}" for folder in folders)]
    run([*command, "-o", str(scratch), str(source)], "building Xtensa's core description")
    scratch.replace(library)
    say(f"built {library.relative_to(ROOT)}")
    return library
