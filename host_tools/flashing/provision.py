"""Gives a flashed board its keys and all that it trusts. The board makes the keys itself."""

import hashlib
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from joulestream.host_tools.certificate_files import read_certificate
from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.files import read_file
from joulestream.host_tools.flashing import config as configuration
from joulestream.host_tools.flashing.device import Device
from joulestream.host_tools.flashing.install import (
    Board,
    Content,
    Tell,
    install,
    look,
    program_in,
    send,
)
from joulestream.host_tools.flashing.openssh import public_key_of
from joulestream.runtime import chooser
from joulestream.runtime.update import RELEASE_KEY

_CERTIFICATES = "/certificates"
_KEY_SIZE = 32
_MOST_LIST = 1 << 16


class Trusted(NamedTuple):
    """All that a board gets besides its key.

    Attributes:
        config: its configuration, with issuers, prices, and the keys of the service port.
        certificates: the certificates of a vehicle, by their names on the board.
        release_key: the public key of releases.
    """

    config: dict[str, Any]
    certificates: dict[str, bytes]
    release_key: bytes | None


def read_trusted(
    config: Path,
    certificates: Sequence[Path],
    release_key: Path | None,
    service_keys: Sequence[str],
) -> Trusted:
    """Read the files of a command line.

    Args:
        config: the configuration.
        certificates: the certificates of a vehicle.
        release_key: the public key of releases, OpenSSH's file.
        service_keys: the public keys that may ask over the service port, in hexadecimal digits.

    Raises:
        CommandError: one of them cannot be used.
    """
    values = configuration.read(config)
    brought = {_name(path): read_certificate(path).to_bytes() for path in certificates}
    if brought:
        values["certificates"] = [f"{_CERTIFICATES}/{name}" for name in brought]
    if service_keys:
        values["service_keys"] = [_checked_key(key) for key in service_keys]
    key = None if release_key is None else public_key_of(release_key)
    return Trusted(values, brought, key)


def provision(device: Device, trusted: Trusted, tell: Tell) -> dict[str, Any]:
    """Let a board make its keys; bring its configuration, certificates, and the keys it trusts.

    Args:
        device: a flashed board.
        trusted: all that it gets.
        tell: called with a sentence at each step.

    Returns:
        A report with the board's public key. No secret is in it.

    Raises:
        CommandError: nothing that starts has changed; a key that was made stays.
    """
    board = look(device, None)
    assert board.release is not None
    role = board.release["role"]
    text = configuration.for_board(trusted.config, board.name, role)
    public = _make_key(board, role, tell)
    _bring_trusted(board, trusted, tell)
    listing, files = _own_release(board)
    report = {"board": board.name, "role": role, "public_key": public}
    return {**report, **install(board, Content(listing, files, text), tell)}


def _make_key(board: Board, role: str, tell: Tell) -> str:
    tell("the board makes its key, or opens the one that it has")
    directory = chooser.DIRECTORIES[board.number ^ 1]
    lines = """
from joulestream.parts.new_key import make_key
from binascii import hexlify
return hexlify(make_key(seed, secret, host_random)).decode()
"""
    values = {
        "seed": configuration.seed_file(role),
        "secret": configuration.SECRET,
        "host_random": secrets.token_bytes(_KEY_SIZE),
    }
    return str(board.device.run(program_in(directory, lines, **values)))


def _bring_trusted(board: Board, trusted: Trusted, tell: Tell) -> None:
    """Bring the files that no release holds; each is new, or takes its old one's place at once."""
    device = board.device
    if trusted.certificates:
        tell(f"bringing {len(trusted.certificates)} certificates")
        lines = "import os\ntry:\n    os.stat(folder)\nexcept OSError:\n    os.mkdir(folder)\n"
        device.run(f"folder = {_CERTIFICATES!r}\n{lines}")
        send(device, trusted.certificates, _CERTIFICATES)
    if trusted.release_key is not None:
        tell("bringing the release key")
        name = RELEASE_KEY.removeprefix("/") + ".new"
        send(device, {name: trusted.release_key.hex().encode()}, "")
        device.run(f"import os\nos.rename({'/' + name!r}, {RELEASE_KEY!r})")


def _own_release(board: Board) -> tuple[bytes, dict[str, bytes]]:
    """Return the list of the release that the board has; its files are there already."""
    assert board.release is not None
    directory = chooser.DIRECTORIES[board.number ^ 1]
    lines = f"""
with open("{directory}/{chooser.RELEASE}") as file:
    return file.read()
"""
    listing = board.device.run(lines).encode()
    if hashlib.sha256(listing).hexdigest() != board.release["digest"]:
        raise CommandError(
            f"{board.device.port}: the board's release changed meanwhile; try again"
        )
    return listing, {}


def _checked_key(text: str) -> str:
    try:
        size = len(bytes.fromhex(text))
    except ValueError:
        size = 0
    if size != _KEY_SIZE:
        raise CommandError(f"the service key '{text}' is no public key of 64 hexadecimal digits")
    return text.lower()


def _name(path: Path) -> str:
    """Return a certificate's name on the board: another content has another name."""
    return hashlib.sha256(read_file(path, _MOST_LIST)).hexdigest()[:16] + ".cert"
