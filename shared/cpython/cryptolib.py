"""CPython stand-in for MicroPython's module of the same name: AES in CBC, on `cryptography`."""

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

__all__ = ["aes"]

Buffer = bytes | bytearray | memoryview

_CBC = 2
_BLOCK = 16
_KEYS = (16, 32)


class aes:
    """AES (FIPS 197) in CBC mode (SP 800-38A), chained from one call to the next.

    Args:
        key: 16 or 32 secret bytes.
        mode: 2, which is CBC; MicroPython's other modes are not needed here.
        iv: 16 bytes.

    Raises:
        ValueError: key or iv has another length, or mode is not 2.
    """

    def __init__(self, key: Buffer, mode: int, iv: Buffer, /) -> None:
        if mode != _CBC:
            raise ValueError("mode")
        if len(key) not in _KEYS:
            raise ValueError("key")
        if len(iv) != _BLOCK:
            raise ValueError("IV")
        cipher = Cipher(AES(key), CBC(iv))
        self._encrypt = cipher.encryptor().update
        self._decrypt = cipher.decryptor().update

    def encrypt(self, data: Buffer, out: bytearray | memoryview | None = None, /):
        """Return the ciphertext of whole blocks; written into `out`, and `out`, if it is given.

        Raises ValueError when data is no multiple of 16 bytes, or out has another size.
        """
        return _whole(self._encrypt, data, out)

    def decrypt(self, data: Buffer, out: bytearray | memoryview | None = None, /):
        """Return the plain text of whole blocks; written into `out`, and `out`, if it is given.

        Raises ValueError when data is no multiple of 16 bytes, or out has another size.
        """
        return _whole(self._decrypt, data, out)


def _whole(update, data, out):
    if len(data) % _BLOCK:
        raise ValueError("blksize % 16")
    result = update(data)
    if out is None:
        return result
    memoryview(out)[:] = result
    return out
