"""Where the secret that seals a key comes from: a file, the environment or a prompt."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from joulestream.device.keystore import DEVICE_SECRET_SIZE, SOURCE_DEVICE, SOURCE_PASSPHRASE
from joulestream.host_tools.errors import CommandError

DeviceSecretOption = Annotated[
    Path | None,
    typer.Option(
        "--device-secret", help="File with the device secret, if that seals the key file."
    ),
]

# Fewer characters fall to guessing however they are stretched.
_MIN_CHARACTERS = 8


class KeyFileError(CommandError):
    """A key file that cannot be read or written; one sentence that never shows a secret."""


@dataclass(frozen=True)
class Unlock:
    """The secret of one sealed key.

    Attributes:
        device_secret: file with the device secret, if that is what seals the key.
        variable: environment variable with the passphrase; where it is unset, people are asked.
        prompt: what they are asked for.
    """

    device_secret: Path | None = None
    variable: str = "JOULESTREAM_PASSPHRASE"
    prompt: str = "Passphrase"

    def secret(self, source: int) -> bytes:
        """Return the secret that opens a key sealed with that source. Raises KeyFileError."""
        if source == SOURCE_PASSPHRASE:
            return os.fsencode(self._passphrase(is_new=False))
        if self.device_secret is None:
            raise KeyFileError("it is sealed with a device secret; give --device-secret")
        return read_secret(self.device_secret)

    def new_secret(self) -> tuple[int, bytes]:
        """Return the source and the secret to seal a key with. Raises KeyFileError."""
        if self.device_secret is not None:
            return SOURCE_DEVICE, read_secret(self.device_secret)
        passphrase = self._passphrase(is_new=True)
        if len(passphrase) < _MIN_CHARACTERS:
            raise KeyFileError(f"a passphrase needs {_MIN_CHARACTERS} characters or more")
        return SOURCE_PASSPHRASE, os.fsencode(passphrase)

    def _passphrase(self, is_new: bool) -> str:
        given = os.environ.get(self.variable)
        if given:
            return given
        if not sys.stdin.isatty():
            raise KeyFileError(f"a passphrase is needed; set {self.variable} or use a terminal")
        return typer.prompt(self.prompt, hide_input=True, confirmation_prompt=is_new, err=True)


# What opens a key file when nothing else is said.
ASK = Unlock()


def read_secret(path: str | Path) -> bytes:
    """Return the 32 secret bytes that a file holds in plain. Raises KeyFileError."""
    try:
        secret = bytes.fromhex(read_bytes(path).decode("ascii").strip())
    except ValueError:
        secret = b""
    if len(secret) != DEVICE_SECRET_SIZE:
        raise KeyFileError(f"{path} holds no key of {2 * DEVICE_SECRET_SIZE} hexadecimal digits")
    return secret


def read_bytes(path: str | Path) -> bytes:
    """Return what a file holds. Raises KeyFileError."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise KeyFileError(f"key file {path} cannot be read: {error.strerror}")
