"""Makes a release: all of its files or none."""

import hashlib
import shutil
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path

from joulestream.host_tools.build.native import ARCHITECTURES, build_native_module
from joulestream.host_tools.build.romfs import ROLES
from joulestream.host_tools.build.shell import say
from joulestream.host_tools.layout import ROOT
from joulestream.host_tools.release.bundles import (
    BUNDLES,
    archive,
    compile_all,
    contents,
    firmware,
)
from joulestream.host_tools.release.listing import listing
from joulestream.host_tools.release.materials import bill
from joulestream.host_tools.release.signature import IDENTITY, PURPOSE, fingerprint, sign

CHECKSUMS = "SHA256SUMS"
# The ending of the list of a board's files, which the board itself checks.
LIST = ".release"


def version() -> str:
    """Return Joulestream's version, which pyproject.toml alone states."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return str(settings["project"]["version"])


def make_release(directory: Path, key: Path | None) -> str:
    """Make a release in place of an earlier one, and return sentences about it.

    Args:
        directory: where it goes.
        key: the file with the key that signs it; None leaves it unsigned.

    Raises:
        CommandError: a part cannot be built, or the key cannot sign; an earlier release is kept.
    """
    signer = fingerprint(key) if key else ""  # a wrong key shows before the long work
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".release-") as name:
        scratch = Path(name) / "release"
        _write(scratch, _files(Path(name) / "bytecode"))
        if key:
            say(f"signing with {signer}")
            sign([scratch / CHECKSUMS, *scratch.glob(f"*{LIST}")], key)
        shutil.rmtree(directory, ignore_errors=True)
        scratch.rename(directory)
    count = len(BUNDLES)
    lines = [f"{directory}: Joulestream {version()} for {count} boards"]
    if key:
        lines += [
            f"signed with {signer}; to check it, in that directory:",
            f"  ssh-keygen -Y verify -f ALLOWED_SIGNERS -I {IDENTITY} -n {PURPOSE}"
            f" -s {CHECKSUMS}.sig < {CHECKSUMS} && sha256sum --check {CHECKSUMS}",
        ]
    else:
        lines += ["not signed: pass RELEASE_KEY=FILE with an Ed25519 key of ssh-keygen"]
    return "\n".join(lines)


def _files(scratch: Path) -> dict[str, bytes]:
    """Return all files of a release but its checksums, by their names."""
    bytecode = compile_all(scratch)
    prefix = f"joulestream-{version()}"
    modules = {
        f"modules/{arch}/_ed25519.mpy": build_native_module(arch).read_bytes()
        for arch in ARCHITECTURES
    }
    bundles, lists = {}, {}
    for board in BUNDLES:
        files = contents(board, bytecode)
        bundles[f"{prefix}-{board}.tar"] = archive(files)
        for role in ROLES:
            name = f"{prefix}-{board}-{role}{LIST}"
            lists[name] = listing(version(), board, role, firmware(files, role))
    materials = {f"{prefix}.cdx.json": bill(version(), modules, bundles)}
    return {**modules, **bundles, **lists, **materials}


def _write(directory: Path, files: Mapping[str, bytes]) -> None:
    """Write files and their checksums, in the format of sha256sum."""
    lines = []
    for name in sorted(files):
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files[name])
        lines.append(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n")
    (directory / CHECKSUMS).write_text("".join(lines), encoding="utf-8")
