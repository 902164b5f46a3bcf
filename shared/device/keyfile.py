"""A key file: one sealed seed, opened straight into a Signer."""

from joulestream.compat import TYPE_CHECKING
from joulestream.device.kdf import wipe
from joulestream.device.keystore import SEALED_SIZE, KeystoreError, open_sealed, read_sealed
from joulestream.signing import Signer

if TYPE_CHECKING:
    from collections.abc import Callable


def open_signer(path: str, secret_of: "Callable[[int], bytes]") -> Signer:
    """Return the Signer of the sealed seed in the file at `path`, which is only read.

    Args:
        path: the key file.
        secret_of: returns the secret of a source, SOURCE_PASSPHRASE or SOURCE_DEVICE. Its errors
            are passed on.

    Raises:
        KeystoreError: the key cannot be opened; one sentence that names the file.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(SEALED_SIZE + 1)
    except OSError:
        raise KeystoreError("%s cannot be read; name the sealed key in 'seed_file'" % path)
    try:
        seed = open_sealed(data, secret_of(read_sealed(data).source))
    except KeystoreError as error:
        raise KeystoreError("%s: %s" % (path, error))
    try:
        return Signer(seed)
    finally:
        wipe(seed)
