"""`make release`: bundles for boards, checksums, a bill of materials and a signature."""

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from joulestream.host_tools import progress
from joulestream.host_tools.bench.firmware import micropython
from joulestream.host_tools.build.shell import ToolchainError
from joulestream.host_tools.layout import ROOT
from joulestream.host_tools.pico_flash import ROMFS_BYTES
from joulestream.host_tools.release import bundles, release, signature
from tree_copy import copy_tree

# MicroPython's numbers of machine code, in the upper six bits of a file's third byte.
ARCHITECTURES = {"x64": 2, "armv6m": 4, "xtensawin": 10, "rv32imc": 11}
DOCUMENT = (ROOT / "docs" / "release.md").read_text()

pytestmark = pytest.mark.xdist_group("release")


def make_key(path, kind="ed25519"):
    """Make a key of OpenSSH without a passphrase and return its path."""
    command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", str(path)]
    subprocess.run(command, check=True)
    return path


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return make_key(tmp_path_factory.mktemp("key") / "release")


@pytest.fixture(scope="module")
def made(tmp_path_factory, key):
    """A signed release; skip, loudly, where a compiler cannot be had."""
    directory = tmp_path_factory.mktemp("build") / "release"
    try:
        release.make_release(directory, key)
    except ToolchainError as error:
        if "install" not in str(error) and "fetching" not in str(error):
            raise
        print(f"\nRELEASE NOT TESTED: {error}", file=sys.__stderr__, flush=True)
        pytest.skip(f"release not tested: {error}")
    return directory


def contents(directory):
    """Return the bytes of every file below a directory, by name."""
    paths = (path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in paths}


def bundle(made, board):
    """Return the members of a board's archive and their contents."""
    packed = (made / f"joulestream-{release.version()}-{board}.tar").read_bytes()
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        return tar.getmembers(), {
            member.name: tar.extractfile(member).read() for member in tar.getmembers()
        }


@pytest.mark.parametrize("board", bundles.BUNDLES)
def test_a_bundle_has_the_firmware_and_the_module_of_its_board(made, board):
    members, files = bundle(made, board)
    row = bundles.BUNDLES[board]
    module = files["lib/_ed25519.mpy"]
    assert module[0] == ord("M") and module[2] >> 2 == ARCHITECTURES[row.arch]
    assert module == (made / "modules" / row.arch / "_ed25519.mpy").read_bytes()
    assert {"lib/joulestream/pole/main.mpy", "lib/joulestream/vehicle/main.mpy"} <= files.keys()
    assert "lib/joulestream/signing.mpy" in files and "licences/monocypher.txt" in files
    others = {name for other in bundles.BUNDLES.values() for name in other.files} - {*row.files}
    boards = {name.rpartition("/")[2] for name in files if "/boards/" in name}
    for role in ("pole", "vehicle") if row.romfs else ():
        image = files[f"{role}.romfs"]
        assert module in image and files[f"lib/joulestream/{role}/main.mpy"] in image
        assert len(image) <= ROMFS_BYTES
    assert not boards & {f"{name}.mpy" for name in others}
    assert not any("testkit" in name or "host_tools" in name for name in files)
    assert [member.name for member in members] == sorted(files)
    assert {(m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {(0, 0, "", "", 0o644)}
    assert len({member.mtime for member in members}) == 1


def test_no_file_knows_where_it_was_built(made):
    for name, data in contents(made).items():
        assert str(ROOT).encode() not in data and b"/home/" not in data, name


def test_the_bundle_of_the_unix_port_signs_there(made, tmp_path):
    _, files = bundle(made, "unix-x64")
    for name, data in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    code = (
        "import joulestream.pole.main, joulestream.vehicle.main\n"
        "from joulestream.signing import *\n"
        "seed = bytes(range(32))\n"
        "print(verify(public_key(seed), b'claim', sign(seed, b'claim')))"
    )
    environment = {"MICROPYPATH": f"{tmp_path / 'lib'}:.frozen"}
    done = progress.run([micropython(), "-c", code], "a bundle", env=environment)
    assert done.stdout == "True\n", done.stdout + done.stderr


def test_the_same_bytes_in_another_directory(made, key, tmp_path):
    """A clean copy of the tree, in which nothing was built, makes the same release."""
    copy = tmp_path / "elsewhere"
    copy.mkdir()
    environment = {**copy_tree(copy, shared=("download",)), "RELEASE_KEY": str(key)}
    done = progress.run(
        [sys.executable, "-m", "joulestream.host_tools.release"],
        "a release in a copy of the tree",
        cwd=copy,
        env=environment,
    )
    assert done.stdout.startswith(f"{copy}/build/release: "), done.stdout + done.stderr
    there, here = contents(copy / "build" / "release"), contents(made)
    assert there.keys() == here.keys()
    assert [name for name in here if here[name] != there[name]] == []


def documented_check():
    """Return the one command with which docs/release.md checks a release."""
    (line,) = (line for line in DOCUMENT.splitlines() if "ssh-keygen -Y verify" in line)
    return line.strip()


@pytest.fixture
def downloaded(made, key, tmp_path):
    """Return a folder with a copy of the release and a file of the signers that are allowed."""
    directory = tmp_path / "release"
    for name, data in contents(made).items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    public = key.with_suffix(".pub").read_text()
    (directory / "allowed_signers").write_text(f"{signature.IDENTITY} {public}")
    return directory


def check(directory):
    """Run the documented command; return its status and words."""
    done = subprocess.run(
        ["bash", "-c", documented_check()], cwd=directory, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


def test_the_documented_command_accepts_the_release(downloaded):
    status, said = check(downloaded)
    # An archive and two lists for each board, four modules, the bill of materials.
    assert status == 0 and "Good" in said, said
    assert said.count(": OK") == 3 * len(bundles.BUNDLES) + 5


def test_the_documented_command_refuses_a_changed_file(downloaded):
    path = downloaded / "modules" / "armv6m" / "_ed25519.mpy"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    status, said = check(downloaded)
    assert status != 0 and "modules/armv6m/_ed25519.mpy: FAILED" in said, said


def test_the_documented_command_refuses_changed_checksums(downloaded):
    path = downloaded / "SHA256SUMS"
    path.write_text(path.read_text().replace("0", "1"))
    assert check(downloaded)[0] != 0


def test_the_documented_command_refuses_another_signer(downloaded, tmp_path):
    public = make_key(tmp_path / "other").with_suffix(".pub").read_text()
    (downloaded / "allowed_signers").write_text(f"{signature.IDENTITY} {public}")
    assert check(downloaded)[0] != 0


def test_the_bill_of_materials_keeps_its_schema_and_names_every_file(made):
    text = (made / f"joulestream-{release.version()}.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    parts = {part["name"]: part for part in bill["components"]}
    assert {"monocypher", "micropython-natmod"} <= parts.keys()
    for name, data in contents(made).items():
        if name.endswith((".tar", ".mpy")):
            digest = hashlib.sha256(data).hexdigest()
            assert parts[name]["hashes"] == [{"alg": "SHA-256", "content": digest}]
    tools = " ".join(tool["name"] for tool in bill["metadata"]["tools"]["components"])
    for tool in ("gcc", "riscv64-unknown-elf-gcc", "arm-none-eabi-gcc", "xtensa", "mpy-cross"):
        assert tool in tools
    assert bill["metadata"]["component"]["version"] == release.version()


def test_the_validator_finds_a_fault(made):
    text = (made / f"joulestream-{release.version()}.cdx.json").read_text()
    wrong = text.replace('"type": "firmware"', '"type": "toaster"')
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(wrong) is not None


def bad_keys(directory):
    """Yield values of RELEASE_KEY, each with the words of the command."""
    yield directory / "missing", "there is no such file"
    text = directory / "text"
    text.write_text("no key\n")
    yield text, "this is no key of OpenSSH"
    yield directory, "there is no such file"
    yield make_key(directory / "rsa", "rsa"), "this is RSA, not Ed25519"
    alone = directory / "alone.pub"
    alone.write_text(make_key(directory / "gone").with_suffix(".pub").read_text())
    yield alone, "cannot sign"


@pytest.mark.parametrize("number", range(5))
def test_a_bad_key_is_one_sentence(number, made, tmp_path):
    key, said = list(bad_keys(tmp_path))[number]
    environment = {**os.environ, "RELEASE_KEY": str(key)}
    environment.pop("SSH_AUTH_SOCK", None)
    done = progress.run(
        [sys.executable, "-m", "joulestream.host_tools.release"], "a bad key", env=environment
    )
    assert done.returncode == 1 and not done.stdout
    (line,) = (line for line in done.stderr.splitlines() if not line.startswith("signing"))
    assert line.startswith(f"release: RELEASE_KEY={key}") and said in line, line


def test_a_release_without_a_key_says_so_and_has_no_signature(made, tmp_path):
    directory = tmp_path / "release"
    said = release.make_release(directory, None)
    assert "not signed" in said and "RELEASE_KEY=" in said
    unsigned = contents(directory)
    signed = contents(made)
    signatures = [name for name in signed if name.endswith(".sig")]
    assert len(signatures) == 1 + 2 * len(bundles.BUNDLES)
    assert unsigned == {name: signed[name] for name in signed if name not in signatures}


def test_a_key_that_fails_keeps_the_earlier_release(made, tmp_path):
    directory = tmp_path / "release"
    directory.mkdir()
    (directory / "earlier").write_text("kept")
    with pytest.raises(signature.SignatureError):
        release.make_release(directory, tmp_path / "missing")
    assert contents(directory) == {"earlier": b"kept"}
