"""CPython's binding of shared/ed25519. It offers the functions of MicroPython's native module.

The functions of shared/native are Python here (_twins.py).

The import loads the shared library that is built from the same C source. The library is in
build/native/host/ of the checkout; the environment variable JOULESTREAM_NATIVE can name another
file. shared/stubs/_ed25519.pyi describes both bindings, and tests/test_native_stubs.py compares it
with both.
"""

import ctypes
import os
from pathlib import Path
from typing import Any, Final, TypeVar, overload

from _twins import (
    crc16,
    frame_encode,
    frame_feed,
    journal_record,
    read_fields,
    small_int,
    ticks_add,
    ticks_diff,
    writable,
    write_fields,
)

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

Buffer = bytes | bytearray | memoryview
Out = TypeVar("Out", bytearray, memoryview)

# A caller that gives no `out`; the native module refuses None, so None cannot mean that.
_NO_OUT = bytearray()

_SEED, _PUBLIC_KEY, _EXPANDED, _SIGNATURE = 32, 32, 96, 64
_TABLE, _ALIGNMENT = 6144, 4
_BUILT = Path(__file__).resolve().parents[2] / "build/native/host/libjoulestream_ed25519.so"

_data, _size, _int = ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int
# Every function of ed25519.h: its name, its result and its arguments.
_FUNCTIONS = (
    ("ed25519_binding", _int),
    ("ed25519_public_key", None, _data, _data),
    ("ed25519_expand", None, _data, _data),
    ("ed25519_sign", None, _data, _data, _data, _size),
    ("ed25519_verify", _int, _data, _data, _size, _data),
    ("ed25519_prepare", _int, _data, _data),
    ("ed25519_verify_prepared", _int, _data, _data, _data, _size, _data),
)


def _load() -> ctypes.CDLL:
    """Return the library with the argument types of its functions; raise ImportError without."""
    path = os.environ.get("JOULESTREAM_NATIVE") or str(_BUILT)
    try:
        library = ctypes.CDLL(path)
        for name, result, *arguments in _FUNCTIONS:
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError):
        raise ImportError(f"no usable Ed25519 library at {path}: run `make setup`") from None
    return library


def _memory(data: Buffer) -> Any:
    """Return a buffer as an argument for ctypes.

    A writable buffer may hold a secret, so it is passed as it is and not copied.
    """
    if type(data) is bytes:
        return data
    try:
        view = memoryview(data).cast("B")
    except TypeError:
        raise TypeError("a bytes-like object is required") from None
    return bytes(view) if view.readonly else _shared(view)


def _exact(data: Buffer, size: int, error: str) -> Any:
    """Return a buffer of `size` bytes as an argument; raise ValueError(error) for another size."""
    memory = _memory(data)
    if len(memory) != size:
        raise ValueError(error)
    return memory


def _writable(data: bytearray | memoryview) -> Any:
    """Return a buffer for a result as an argument; raise TypeError if it is not writable."""
    return _shared(writable(data))


def _out(data: bytearray | memoryview, size: int) -> Any:
    """Return a buffer for a result of `size` bytes; raise ValueError for another size."""
    memory = _writable(data)
    if len(memory) != size:
        raise ValueError(f"out must be {size} bytes")
    return memory


def _aligned(table: Any) -> Any:
    """Return a table; raise ValueError if its size or its address is not as the C code needs."""
    if len(table) != _TABLE:
        raise ValueError(f"table must be {_TABLE} bytes")
    if (ctypes.cast(table, ctypes.c_void_p).value or 0) % _ALIGNMENT:
        raise ValueError(f"table must be aligned to {_ALIGNMENT} bytes")
    return table


def _shared(view: memoryview) -> Any:
    """Return the memory of a writable view, without a copy."""
    return (ctypes.c_char * len(view)).from_buffer(view)


_library = _load()

# The version of these functions; joulestream.native expects the same.
BINDING: Final[int] = _library.ed25519_binding()


def public_key(seed: Buffer, /) -> bytes:
    """Return the public key of a seed.

    Args:
        seed: 32 secret bytes.

    Returns:
        The 32-byte public key (RFC 8032, section 5.1.5).

    Raises:
        ValueError: the seed is not 32 bytes.
        TypeError: the seed is not bytes-like.
    """
    result = ctypes.create_string_buffer(_PUBLIC_KEY)
    _library.ed25519_public_key(result, _exact(seed, _SEED, "seed must be 32 bytes"))
    return result.raw


@overload
def expand(seed: Buffer, /) -> bytes: ...
@overload
def expand(seed: Buffer, out: Out, /) -> Out: ...
def expand(seed: Buffer, out: bytearray | memoryview = _NO_OUT, /) -> Buffer:
    """Return the expanded key of a seed, as sign() takes it.

    Args:
        seed: 32 secret bytes.
        out: writable buffer of 96 bytes for the result. The caller can wipe it after use.

    Returns:
        The 96-byte expanded key, which is opaque and secret. With `out`, the result is `out`.

    Raises:
        ValueError: seed or out has another length.
        TypeError: seed is not bytes-like, or out not writable.
    """
    secret = _exact(seed, _SEED, "seed must be 32 bytes")
    if out is not _NO_OUT:
        _library.ed25519_expand(_out(out, _EXPANDED), secret)
        return out
    result = ctypes.create_string_buffer(_EXPANDED)
    _library.ed25519_expand(result, secret)
    return result.raw


@overload
def sign(expanded: Buffer, message: Buffer, /) -> bytes: ...
@overload
def sign(expanded: Buffer, message: Buffer, out: Out, /) -> Out: ...
def sign(expanded: Buffer, message: Buffer, out: bytearray | memoryview = _NO_OUT, /) -> Buffer:
    """Return the Ed25519 signature of a message (RFC 8032, section 5.1.6).

    Args:
        expanded: 96-byte expanded key, made by expand().
        message: bytes of any length.
        out: writable buffer of 64 bytes for the result. It may be the message's own buffer.

    Returns:
        The 64-byte signature. With `out`, the result is `out`.

    Raises:
        ValueError: expanded or out has another length.
        TypeError: an argument is not bytes-like, or out not writable.
    """
    key = _exact(expanded, _EXPANDED, "expanded key must be 96 bytes")
    text = _memory(message)
    if out is not _NO_OUT:
        _library.ed25519_sign(_out(out, _SIGNATURE), key, text, len(text))
        return out
    result = ctypes.create_string_buffer(_SIGNATURE)
    _library.ed25519_sign(result, key, text, len(text))
    return result.raw


def verify(public_key: Buffer, message: Buffer, signature: Buffer, /) -> bool:
    """Return whether a signature is good. The answer is always that of libsodium.

    Args:
        public_key: 32 bytes.
        message: bytes of any length.
        signature: 64 bytes.

    Returns:
        True only if S < L, A and R are canonical and not of small order, and R equals the
        encoding of sB - hA byte for byte.

    Raises:
        ValueError: public_key or signature has another length.
        TypeError: an argument is not bytes-like.
    """
    key = _exact(public_key, _PUBLIC_KEY, "public key must be 32 bytes")
    text = _memory(message)
    r_and_s = _exact(signature, _SIGNATURE, "signature must be 64 bytes")
    return bool(_library.ed25519_verify(key, text, len(text), r_and_s))


def prepare(public_key: Buffer, table: bytearray | memoryview, /) -> bool:
    """Fill a public key's table for verify_prepared().

    Args:
        public_key: 32 bytes.
        table: writable buffer of 6144 bytes, aligned to 4.

    Returns:
        True if the table is ready. False if no signature can be good under that key; the table
        cannot be used then.

    Raises:
        ValueError: an argument has another length, or table is not aligned.
        TypeError: public_key is not bytes-like, or table not writable.
    """
    key = _exact(public_key, _PUBLIC_KEY, "public key must be 32 bytes")
    return bool(_library.ed25519_prepare(_aligned(_writable(table)), key))


def verify_prepared(
    table: Buffer, public_key: Buffer, message: Buffer, signature: Buffer, /
) -> bool:
    """Return the answer of verify(), in a third of its time.

    Args:
        table: 6144 bytes, aligned to 4, that prepare() filled from the same public key. prepare()
            must have returned True.
        public_key: 32 bytes.
        message: bytes of any length.
        signature: 64 bytes.

    Returns:
        True only for a signature that verify() accepts.

    Raises:
        ValueError: table, public_key or signature has another length, or table is not aligned.
        TypeError: an argument is not bytes-like.
    """
    entries = _aligned(_memory(table))
    key = _exact(public_key, _PUBLIC_KEY, "public key must be 32 bytes")
    text = _memory(message)
    r_and_s = _exact(signature, _SIGNATURE, "signature must be 64 bytes")
    return bool(_library.ed25519_verify_prepared(entries, key, text, len(text), r_and_s))
