"""The functions of the native module `_ed25519`, as shared/ed25519/binding.c offers them.

A type checker reads this file wherever device code imports `_ed25519`. shared/cpython/_ed25519.py
has the same functions with full docstrings.
"""

from typing import Any, Final, TypeAlias, TypeVar, overload

_Buffer: TypeAlias = bytes | bytearray | memoryview
_Layout: TypeAlias = tuple[tuple[str, int, int], ...]
_Out = TypeVar("_Out", bytearray, memoryview)

__all__ = [
    "BINDING",
    "crc16",
    "expand",
    "frame_encode",
    "frame_feed",
    "journal_record",
    "prepare",
    "public_key",
    "read_fields",
    "sign",
    "small_int",
    "ticks_add",
    "ticks_diff",
    "verify",
    "verify_prepared",
    "write_fields",
]

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
def crc16(data: _Buffer, size: int, start: int, /) -> int: ...
def frame_encode(payload: _Buffer, out: bytearray | memoryview, /) -> int: ...
def frame_feed(memory: bytearray | memoryview, data: _Buffer, size: int, start: int, /) -> int: ...
def journal_record(
    out: bytearray | memoryview,
    number: int,
    slot: int,
    key: _Buffer,
    value: _Buffer,
    crc_start: int,
    /,
) -> int: ...
def ticks_diff(later_ms: int, earlier_ms: int, /) -> int: ...
def ticks_add(ticks_ms: int, delta_ms: int, /) -> int: ...
def small_int(value: int, /) -> int: ...
def write_fields(
    layout: _Layout, source: Any, out: bytearray | memoryview, offset: int, largest: int, /
) -> int: ...
def read_fields(layout: _Layout, target: Any, data: _Buffer, offset: int, /) -> int: ...
