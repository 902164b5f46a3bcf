"""AES in CBC mode for CPython, on the package `cryptography`.

MicroPython has a module of the same name. This one has the part of it that device code uses.
"""

from collections.abc import Callable
from typing import TypeVar, overload

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

__all__ = ["aes"]

Buffer = bytes | bytearray | memoryview
Out = TypeVar("Out", bytearray, memoryview)

# A caller that gives no `out`; MicroPython refuses None, so None cannot mean that.
_NO_OUT = bytearray()

_CBC = 2
_BLOCK = 16
_KEYS = (16, 32)


class aes:
    """AES (FIPS 197) in CBC mode (SP 800-38A).

    Every call goes on where the call before ended: its last block of ciphertext is chained in.

    Args:
        key: 16 or 32 secret bytes.
        mode: 2, which is CBC. Device code uses no other mode.
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

    @overload
    def encrypt(self, data: Buffer, /) -> bytes: ...
    @overload
    def encrypt(self, data: Buffer, out: Out, /) -> Out: ...
    def encrypt(self, data: Buffer, out: bytearray | memoryview = _NO_OUT, /) -> Buffer:
        """Return the ciphertext of whole blocks. With `out`, write it there and return `out`.

        Raises ValueError if `data` is no multiple of 16 bytes, or if `out` has another size.
        """
        return _whole(self._encrypt, data, out)

    @overload
    def decrypt(self, data: Buffer, /) -> bytes: ...
    @overload
    def decrypt(self, data: Buffer, out: Out, /) -> Out: ...
    def decrypt(self, data: Buffer, out: bytearray | memoryview = _NO_OUT, /) -> Buffer:
        """Return the plain text of whole blocks. With `out`, write it there and return `out`.

        Raises ValueError if `data` is no multiple of 16 bytes, or if `out` has another size.
        """
        return _whole(self._decrypt, data, out)


def _whole(update: Callable[[Buffer], bytes], data: Buffer, out: bytearray | memoryview) -> Buffer:
    """Pass whole blocks through `update`; return the result, or `out` with the result in it."""
    if len(data) % _BLOCK:
        raise ValueError("blksize % 16")
    result = update(data)
    if out is _NO_OUT:
        return result
    memoryview(out)[:] = result
    return out
