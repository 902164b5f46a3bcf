"""Key files: each holds one secret Ed25519 seed, sealed or plain. Only its owner can read it.

Firmware accepts sealed files only. A plain file has 64 hexadecimal digits. It is for a ledger on
its operator's own computer.
"""

import secrets
from pathlib import Path

from joulestream.device import keystore
from joulestream.device.keystore import KeystoreError, Sealed
from joulestream.host_tools.files import create_whole
from joulestream.host_tools.unlock import ASK, KeyFileError, Unlock, read_bytes, read_secret
from joulestream.signing import SEED_SIZE, Signer

# They take 24 s at every start of an ESP32-C3. docs/security.md has the price of one guess.
DEFAULT_ITERATIONS = 100_000


def new_seed() -> bytes:
    """Return a new seed: 32 bytes from the random generator of the system."""
    return secrets.token_bytes(SEED_SIZE)


def write_seed(path: str | Path, seed: bytes) -> None:
    """Write 32 secret bytes as a plain key file that only its owner can read.

    Raises KeyFileError if the file exists already or cannot be written.
    """
    if len(seed) != SEED_SIZE:
        raise KeyFileError(f"a seed must have {SEED_SIZE} bytes")
    _write_new(path, f"{seed.hex()}\n".encode())


def write_sealed(path: str | Path, seed: bytes, unlock: Unlock, iterations: int) -> None:
    """Seal a seed into a new file that only its owner can read.

    Args:
        path: the file, which must not exist yet.
        seed: 32 secret bytes.
        unlock: the secret that opens the file later.
        iterations: rounds of PBKDF2 for a passphrase; a device secret needs none.

    Raises KeyFileError if `unlock` has no secret, or the file cannot be written.
    """
    source, secret = unlock.new_secret()
    count = iterations if source == keystore.SOURCE_PASSPHRASE else 0
    salt = secrets.token_bytes(keystore.SALT_SIZE)
    iv = secrets.token_bytes(keystore.IV_SIZE)
    try:
        data = keystore.seal(seed, secret, source, count, salt, iv)
    except KeystoreError as error:
        raise KeyFileError(f"{path} cannot be sealed: {error}")
    _write_new(path, data)


def read_sealed(path: str | Path) -> Sealed | None:
    """Return the sealed key in a file; None if the file is plain. Raises KeyFileError."""
    data = read_bytes(path)
    if not data.startswith(keystore.MAGIC):
        return None
    try:
        return keystore.read_sealed(data)
    except KeystoreError as error:
        raise KeyFileError(f"{path}: {error}")


def read_seed(path: str | Path, unlock: Unlock = ASK) -> bytes:
    """Return the seed in a file, sealed or plain.

    Raises KeyFileError if the file holds no key, or `unlock` does not open it.
    """
    sealed = read_sealed(path)
    if sealed is None:
        return read_secret(path)
    try:
        return bytes(keystore.open_sealed(sealed.to_bytes(), unlock.secret(sealed.source)))
    except (KeystoreError, KeyFileError) as error:
        raise KeyFileError(f"{path}: {error}")


def read_signer(path: str | Path, unlock: Unlock = ASK) -> Signer:
    """Return a Signer of the seed in a file, as read_seed() reads it. Raises KeyFileError."""
    return Signer(read_seed(path, unlock))


def _write_new(path: str | Path, data: bytes) -> None:
    try:
        # Never overwrites. The money of an overwritten key would be lost with it.
        create_whole(path, data, 0o600)
    except FileExistsError:
        raise KeyFileError(f"{path} exists already and is not overwritten; name another file")
    except OSError as error:
        raise KeyFileError(f"{path} cannot be written: {error.strerror}")
