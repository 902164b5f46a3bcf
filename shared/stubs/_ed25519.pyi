"""The functions of the native module `_ed25519`, as shared/ed25519/binding.c offers them.

A type checker reads this file wherever device code imports `_ed25519`. shared/cpython/_ed25519.py
has the same functions with full docstrings.
"""

from typing import Final, TypeAlias, TypeVar, overload

_Buffer: TypeAlias = bytes | bytearray | memoryview
_Out = TypeVar("_Out", bytearray, memoryview)

__all__ = ["BINDING", "expand", "prepare", "public_key", "sign", "verify", "verify_prepared"]

BINDING: Final[int]

def public_key(seed: _Buffer, /) -> bytes: ...
@overload
def expand(seed: _Buffer, /) -> bytes: ...
@overload
def expand(seed: _Buffer, out: _Out, /) -> _Out: ...
@overload
def sign(expanded: _Buffer, message: _Buffer, /) -> bytes: ...
@overload
def sign(expanded: _Buffer, message: _Buffer, out: _Out, /) -> _Out: ...
def verify(public_key: _Buffer, message: _Buffer, signature: _Buffer, /) -> bool: ...
def prepare(public_key: _Buffer, table: bytearray | memoryview, /) -> bool: ...
def verify_prepared(
    table: _Buffer, public_key: _Buffer, message: _Buffer, signature: _Buffer, /
) -> bool: ...
