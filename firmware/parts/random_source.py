"""Random numbers for a board without a true source: its device secret and a count of its starts.

The count is stored before a number of that start is used, so no two starts share their numbers.
The chip's own random bits go into the key too, but nothing relies on them: those of a ring
oscillator (RP2040) and of an ESP32 without its radio may be guessed. docs/security.md tells the
price of a copied secret and of an old copy of the count.
"""

import os
from hashlib import sha256

from joulestream.compat import const

_COUNT_SIZE = const(8)
_EXTRA_SIZE = const(32)
_ENOENT = const(2)


class CountedRandom:
    """SHA-256 in counter mode, under a key of this start alone.

    Args:
        secret: the device secret.
        path: the file with the count of starts. One that is missing counts as the first start.

    Raises ValueError, in one sentence, when the count cannot be read or stored.
    """

    def __init__(self, secret: bytes, path: str) -> None:
        try:
            count = _read_count(path) + 1
            # A new file takes the place of the old one at once, also when the power fails.
            with open(path + ".new", "wb") as file:
                file.write(count.to_bytes(_COUNT_SIZE, "big"))
            os.rename(path + ".new", path)
        except (OSError, ValueError):
            raise ValueError(
                "the count of starts in %s cannot be read or stored, so no number is random;"
                " repair the file system" % path
            )
        # The module is of no use to a running firmware, which lets go of it.
        from joulestream.device.kdf import hmac_sha256

        extra = os.urandom(_EXTRA_SIZE) if hasattr(os, "urandom") else b""
        start = count.to_bytes(_COUNT_SIZE, "big")
        self._key = hmac_sha256(secret, b"joulestream random" + start + extra)
        self._block = 0

    def bytes(self, size: int) -> "bytes":
        """Return the next `size` bytes."""
        data = b""
        while len(data) < size:
            self._block += 1
            # Key and number have one length, so no number extends another.
            data += sha256(self._key + self._block.to_bytes(_COUNT_SIZE, "big")).digest()
        return data[:size]


def _read_count(path: str) -> int:
    """Return the count in the file, 0 if it is missing. Raises OSError or ValueError."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        if error.errno == _ENOENT:
            return 0
        raise
    if len(data) != _COUNT_SIZE:
        raise ValueError
    return int.from_bytes(data, "big")
