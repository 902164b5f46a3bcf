"""The secret that seals a key: it comes from a file, the environment or a prompt."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from joulestream.device.keystore import DEVICE_SECRET_SIZE, SOURCE_DEVICE, SOURCE_PASSPHRASE
from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.files import FileError, read_file

DeviceSecretOption = Annotated[
    Path | None,
    typer.Option(
        "--device-secret", help="File with the device secret, if the key file is sealed with one."
    ),
]

# A shorter passphrase can be guessed in spite of all iterations.
_MIN_CHARACTERS = 8
# A plain key file has 65, a sealed one 105.
_MOST_BYTES = 1024


class KeyFileError(CommandError):
    """A key file cannot be read or written. The text never shows a secret."""


@dataclass(frozen=True)
class Unlock:
    """The secret of one sealed key.

    Attributes:
        device_secret: file with the device secret; None if a passphrase seals the key.
        variable: environment variable with the passphrase. If it is unset, a prompt asks for it.
        prompt: the text of that prompt.
    """

    device_secret: Path | None = None
    variable: str = "JOULESTREAM_PASSPHRASE"
    prompt: str = "Passphrase"

    def secret(self, source: int) -> bytes:
        """Return the secret that opens a key. Raises KeyFileError if there is none.

        `source` is the kind of secret that the key file names: SOURCE_DEVICE or
        SOURCE_PASSPHRASE.
        """
        if source == SOURCE_PASSPHRASE:
            return os.fsencode(self._passphrase(is_new=False))
        if self.device_secret is None:
            raise KeyFileError("it is sealed with a device secret; give --device-secret")
        return read_secret(self.device_secret)

    def new_secret(self) -> tuple[int, bytes]:
        """Return the kind of secret and the secret that seal a new key. Raises KeyFileError."""
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


# Asks for the passphrase if the environment does not hold it.
ASK = Unlock()


def read_secret(path: str | Path) -> bytes:
    """Return the 32 secret bytes in a plain file. Raises KeyFileError."""
    try:
        secret = bytes.fromhex(read_bytes(path).decode("ascii").strip())
    except ValueError:
        secret = b""
    if len(secret) != DEVICE_SECRET_SIZE:
        raise KeyFileError(f"{path} holds no key of {2 * DEVICE_SECRET_SIZE} hexadecimal digits")
    return secret


def read_bytes(path: str | Path) -> bytes:
    """Return the bytes of a key file. Raises KeyFileError."""
    try:
        return read_file(path, _MOST_BYTES)
    except FileError as error:
        raise KeyFileError(f"key file {error}") from None
