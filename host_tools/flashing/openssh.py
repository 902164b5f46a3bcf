"""Public keys of OpenSSH, of which a board needs the 32 bytes alone."""

import base64
import struct
from pathlib import Path

from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.files import read_file

_KIND = b"ssh-ed25519"
_SIZE = 32
_MOST_BYTES = 1 << 12


def public_key_of(path: Path) -> bytes:
    """Return the Ed25519 public key in a file of `ssh-keygen`, such as release-key.pub.

    Raises:
        CommandError: the file holds none.
    """
    words = read_file(path, _MOST_BYTES).split()
    try:
        blob = base64.b64decode(words[words.index(_KIND) + 1], validate=True)
    except (ValueError, IndexError):
        blob = b""
    start = struct.pack(">I", len(_KIND)) + _KIND + struct.pack(">I", _SIZE)
    if not blob.startswith(start) or len(blob) != len(start) + _SIZE:
        raise CommandError(f"{path} holds no Ed25519 public key of ssh-keygen; name its .pub file")
    return blob[len(start) :]
