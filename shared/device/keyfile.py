"""A key file: one sealed seed, opened straight into a Signer."""

from joulestream.device.kdf import wipe
from joulestream.device.keystore import SEALED_SIZE, KeystoreError, open_sealed, read_sealed
from joulestream.signing import Signer


def open_signer(path, secret_of):
    """Return the Signer of the sealed seed in the file at `path`; the file is only read.

    `secret_of(source)` returns the secret of that source, as bytes, or raises what it likes.
    Raises KeystoreError, one sentence that names the file, when there is no key to be had.
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
