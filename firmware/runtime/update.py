"""Takes a signed release: checks, on the board, that it is for this board and not an older one.

The board holds the release's public key since it was provisioned. The signature is the one that
`ssh-keygen -Y sign -O hashalg=sha256` makes of the list of files (OpenSSH, PROTOCOL.sshsig). The
list has the hash of each file, so one signature covers them all.
"""

import hashlib
from binascii import a2b_base64, unhexlify

from joulestream.compat import const
from joulestream.runtime import chooser, installer
from joulestream.signing import PUBLIC_KEY_SIZE, SIGNATURE_SIZE, verify

RELEASE_KEY = "/release.key"
SIGNATURE = "/incoming.sig"
# The purpose that a release's signature is bound to.
PURPOSE = b"joulestream-release"
_MOST_SIGNATURE = const(1_024)


def begin() -> "list[str]":
    """Check the release of installer.INCOMING, make room, and return the paths that are missing.

    Raises ValueError, in one sentence, when the release is refused or does not fit.
    """
    check()
    return installer.prepare(installer.target())


def finish() -> int:
    """Complete the release that begin() has checked, and return its directory.

    Raises ValueError, in one sentence, when it is refused or not whole.
    """
    check()
    number = installer.target()
    faults = installer.finish(number)
    if faults:
        raise ValueError("%s is not as the release lists it; send it again" % faults[0])
    installer.remove(SIGNATURE)
    return number


def check() -> None:
    """Raise ValueError, in one sentence, unless the release is signed, for us, and no older."""
    _check_signature()
    new = chooser.header(installer.INCOMING)
    own = chooser.header("%s/%s" % (chooser.DIRECTORIES[installer.target() ^ 1], chooser.RELEASE))
    for word in ("board", "role"):
        if new.get(word) != own[word]:
            raise ValueError(
                "the release is for the %s '%s' and this is '%s'; send that one"
                % (word, new.get(word), own[word])
            )
    if numbers(new.get("version", "")) < numbers(own["version"]):
        raise ValueError(
            "the release %s is older than this board's %s; send a newer one"
            % (new.get("version"), own["version"])
        )


def numbers(version: str) -> "list[int]":
    """Return the numbers of a version. Raises ValueError for any other text."""
    try:
        return [int(number) for number in version.split(".")]
    except ValueError:
        raise ValueError("'%s' is no version of a release" % version)


def signed_bytes(digest: bytes) -> bytes:
    """Return the bytes that OpenSSH signs for a file with this SHA-256 digest."""
    fields = (PURPOSE, b"", b"sha256", digest)
    return b"SSHSIG" + b"".join([len(field).to_bytes(4, "big") + field for field in fields])


def _check_signature() -> None:
    key = _read(RELEASE_KEY, "the board has no release key; run `joulestream provision` first")
    text = _read(SIGNATURE, "the release is not signed; make it with RELEASE_KEY=FILE")
    try:
        public_key = unhexlify(key.strip())
        # Between the first and the last line; of its fields the signature is the last one.
        blob = a2b_base64(b"".join(text.strip().split(b"\n")[1:-1]))
    except ValueError:
        public_key = blob = b""
    if len(public_key) != PUBLIC_KEY_SIZE or len(blob) < SIGNATURE_SIZE:
        raise ValueError("the release key or the signature cannot be read; send them again")
    found = hashlib.sha256()
    with open(installer.INCOMING, "rb") as file:
        found.update(file.read())
    if not verify(public_key, signed_bytes(found.digest()), blob[-SIGNATURE_SIZE:]):
        raise ValueError("the release is not signed with the board's release key; take another")


def _read(path: str, fault: str) -> bytes:
    try:
        with open(path, "rb") as file:
            data: bytes = file.read(_MOST_SIGNATURE)
    except OSError:
        data = b""
    if not data:
        raise ValueError(fault)
    return data
