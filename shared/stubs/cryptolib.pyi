"""The part of MicroPython's module `cryptolib` that device code uses."""

from typing import TypeAlias, TypeVar, overload

_Buffer: TypeAlias = bytes | bytearray | memoryview
_Out = TypeVar("_Out", bytearray, memoryview)

__all__ = ["aes"]

class aes:
    def __init__(self, key: _Buffer, mode: int, iv: _Buffer, /) -> None: ...
    @overload
    def encrypt(self, data: _Buffer, /) -> bytes: ...
    @overload
    def encrypt(self, data: _Buffer, out: _Out, /) -> _Out: ...
    @overload
    def decrypt(self, data: _Buffer, /) -> bytes: ...
    @overload
    def decrypt(self, data: _Buffer, out: _Out, /) -> _Out: ...
