"""The signatures of a release, in the format that `ssh-keygen -Y verify` checks.

The key is one of OpenSSH's for Ed25519, so the same release gets the same signature at every
build. ssh-keygen asks for a passphrase where the key has one, and takes a key that an agent holds.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from joulestream.host_tools.build.shell import ToolchainError, require_tools, run
from joulestream.host_tools.errors import CommandError

# The name that a verifier gives the key's owner, and the purpose that the signature is bound to.
IDENTITY = "joulestream"
PURPOSE = "joulestream-release"


class SignatureError(CommandError):
    """The key of RELEASE_KEY cannot sign: one sentence."""


def fingerprint(key: Path) -> str:
    """Return the fingerprint of a key, as ssh-keygen prints it.

    Raises:
        SignatureError: there is no such file, or it holds no Ed25519 key.
        ToolchainError: ssh-keygen is missing.
    """
    require_tools({"ssh-keygen": "openssh-client"})
    advice = "make a key with `ssh-keygen -t ed25519 -f FILE` and pass RELEASE_KEY=FILE"
    if not key.is_file():
        raise SignatureError(f"RELEASE_KEY={key}: there is no such file: {advice}")
    try:
        printed = run(["ssh-keygen", "-l", "-f", str(key)], "reading the key")
    except ToolchainError:
        raise SignatureError(f"RELEASE_KEY={key}: this is no key of OpenSSH: {advice}") from None
    found = re.search(r"(SHA256:\S+).*\((\S+)\)", printed)
    if not found or found[2] != "ED25519":
        kind = found[2] if found else "another kind"
        raise SignatureError(f"RELEASE_KEY={key}: this is {kind}, not Ed25519: {advice}")
    return found[1]


def sign(paths: Sequence[Path], key: Path) -> None:
    """Sign files; each signature is beside its file, as FILE.sig.

    Raises:
        SignatureError: the key cannot sign.
    """
    # A board has SHA-256 alone. One call for all files asks for a passphrase once.
    options = ["-n", PURPOSE, "-O", "hashalg=sha256"]
    command = [
        "ssh-keygen",
        "-q",
        "-Y",
        "sign",
        "-f",
        str(key),
        *options,
        *map(str, sorted(paths)),
    ]
    try:
        run(command, "ssh-keygen")
    except ToolchainError as error:
        raise SignatureError(f"RELEASE_KEY={key} cannot sign: {error}") from None
