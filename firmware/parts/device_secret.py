"""The device secret of a board that has none in its hardware: 64 hexadecimal digits in a file."""

from joulestream.device.config import hexadecimal
from joulestream.device.keystore import DEVICE_SECRET_SIZE


def read_device_secret(path: "str | None") -> bytes:
    """Return the device secret in the file `path`, which the configuration names.

    Raises ValueError, in one sentence, when there is none.
    """
    if path is None:
        raise ValueError("the key needs the device secret; name it in 'board.device_secret'")
    try:
        with open(path) as file:
            secret: bytes = hexadecimal(DEVICE_SECRET_SIZE)(file.read().strip())
    except OSError:
        raise ValueError("the device secret in %s cannot be read" % path)
    except ValueError:
        raise ValueError("%s holds no device secret of 64 hexadecimal digits" % path)
    return secret
