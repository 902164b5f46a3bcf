"""Seed files: a secret Ed25519 seed as 64 hexadecimal digits, for its owner's eyes alone."""

import os
import secrets
from pathlib import Path

from joulestream.signing import SEED_SIZE, Signer


class KeyFileError(Exception):
    """A seed file that cannot be read or written; one sentence that never shows the seed."""


def new_seed() -> bytes:
    """Return a new seed: 32 bytes of the system's randomness."""
    return secrets.token_bytes(SEED_SIZE)


def write_seed(path: str | Path, seed: bytes) -> None:
    """Write a seed (32 bytes) to a new file that only its owner can read.

    Raises KeyFileError when there is a file already or it cannot be written.
    """
    if len(seed) != SEED_SIZE:
        raise KeyFileError(f"a seed must have {SEED_SIZE} bytes")
    try:
        # O_EXCL: a key that is overwritten takes the money it guards with it.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyFileError(f"{path} exists already and is not overwritten; name another file")
    except OSError as error:
        raise KeyFileError(f"{path} cannot be written: {error.strerror}")
    try:
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(seed.hex() + "\n")
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        Path(path).unlink()
        raise KeyFileError(f"{path} cannot be written: {error.strerror}")


def read_seed(path: str | Path) -> bytes:
    """Return the seed in a file. Raises KeyFileError when there is none."""
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        raise KeyFileError(f"seed file {path} cannot be read: {error.strerror}")
    try:
        seed = bytes.fromhex(text.decode("ascii").strip())
    except ValueError:
        seed = b""
    if len(seed) != SEED_SIZE:
        raise KeyFileError(f"{path} holds no seed of {2 * SEED_SIZE} hexadecimal digits")
    return seed


def read_signer(path: str | Path) -> Signer:
    """Return a Signer of the seed in a file. Raises KeyFileError when there is none."""
    return Signer(read_seed(path))


def public_key_of(path: str | Path) -> bytes:
    """Return the public key (32 bytes) of a seed file. Raises KeyFileError."""
    return read_signer(path).public_key
