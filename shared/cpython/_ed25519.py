"""CPython binding of shared/ed25519: the API of the MicroPython module of the same name.

Loads the shared library built from the same C source, from build/native/host/ of the checkout or
from the file that the environment variable JOULESTREAM_NATIVE names.
"""

import ctypes
import os
from pathlib import Path
from typing import Any

__all__ = ["expand", "prepare", "public_key", "sign", "verify", "verify_prepared"]

Buffer = bytes | bytearray | memoryview

_SEED, _PUBLIC_KEY, _EXPANDED, _SIGNATURE = 32, 32, 96, 64
_TABLE, _ALIGNMENT = 6144, 4
_BUILT = Path(__file__).resolve().parents[2] / "build/native/host/libjoulestream_ed25519.so"

_data, _size, _int = ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int
_FUNCTIONS = (  # as in ed25519.h: name, result, arguments
    ("ed25519_public_key", None, _data, _data),
    ("ed25519_expand", None, _data, _data),
    ("ed25519_sign", None, _data, _data, _data, _size),
    ("ed25519_verify", _int, _data, _data, _size, _data),
    ("ed25519_prepare", _int, _data, _data),
    ("ed25519_verify_prepared", _int, _data, _data, _data, _size, _data),
)


def _load() -> ctypes.CDLL:
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
    """Return what ctypes takes for a buffer; a writable one, perhaps a secret, is not copied."""
    if type(data) is bytes:
        return data
    try:
        view = memoryview(data).cast("B")
    except TypeError:
        raise TypeError("a bytes-like object is required") from None
    return bytes(view) if view.readonly else _shared(view)


def _exact(data: Buffer, size: int, error: str) -> Any:
    memory = _memory(data)
    if len(memory) != size:
        raise ValueError(error)
    return memory


def _writable(data: bytearray | memoryview) -> Any:
    try:
        view = memoryview(data).cast("B")
        if view.readonly:
            raise TypeError
    except TypeError:
        raise TypeError("out must be a writable bytes-like object") from None
    return _shared(view)


def _out(data: bytearray | memoryview, size: int) -> Any:
    memory = _writable(data)
    if len(memory) != size:
        raise ValueError(f"out must be {size} bytes")
    return memory


def _aligned(table: Any) -> Any:
    if len(table) != _TABLE:
        raise ValueError(f"table must be {_TABLE} bytes")
    if ctypes.cast(table, ctypes.c_void_p).value % _ALIGNMENT:  # type: ignore[operator]
        raise ValueError(f"table must be aligned to {_ALIGNMENT} bytes")
    return table


def _shared(view: memoryview) -> Any:
    return (ctypes.c_char * len(view)).from_buffer(view)


_library = _load()


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


def expand(seed: Buffer, out: bytearray | memoryview | None = None, /):
    """Return the expanded key of a seed, as sign() takes it.

    Args:
        seed: 32 secret bytes.
        out: writable buffer of 96 bytes for the result, so that the caller can wipe it.

    Returns:
        The 96-byte expanded key, opaque and secret; out if it was given.

    Raises:
        ValueError: seed or out has another length.
        TypeError: seed is not bytes-like, or out not writable.
    """
    secret = _exact(seed, _SEED, "seed must be 32 bytes")
    if out is not None:
        _library.ed25519_expand(_out(out, _EXPANDED), secret)
        return out
    result = ctypes.create_string_buffer(_EXPANDED)
    _library.ed25519_expand(result, secret)
    return result.raw


def sign(expanded: Buffer, message: Buffer, out: bytearray | memoryview | None = None, /):
    """Return the Ed25519 signature of a message (RFC 8032, section 5.1.6).

    Args:
        expanded: 96-byte expanded key, made by expand().
        message: bytes of any length.
        out: writable buffer of 64 bytes for the result; it may be that of the message.

    Returns:
        The 64-byte signature; out if it was given.

    Raises:
        ValueError: expanded or out has another length.
        TypeError: an argument is not bytes-like, or out not writable.
    """
    key = _exact(expanded, _EXPANDED, "expanded key must be 96 bytes")
    text = _memory(message)
    if out is not None:
        _library.ed25519_sign(_out(out, _SIGNATURE), key, text, len(text))
        return out
    result = ctypes.create_string_buffer(_SIGNATURE)
    _library.ed25519_sign(result, key, text, len(text))
    return result.raw


def verify(public_key: Buffer, message: Buffer, signature: Buffer, /) -> bool:
    """Tell whether a signature is good, exactly as libsodium does.

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
    """Fill a table of a public key, as verify_prepared() takes it.

    Args:
        public_key: 32 bytes.
        table: writable buffer of 6144 bytes, aligned to 4.

    Returns:
        False if no signature can be good under that key; the table is not usable then.

    Raises:
        ValueError: an argument has another length, or table is not aligned.
        TypeError: public_key is not bytes-like, or table not writable.
    """
    key = _exact(public_key, _PUBLIC_KEY, "public key must be 32 bytes")
    return bool(_library.ed25519_prepare(_aligned(_writable(table)), key))


def verify_prepared(table: Buffer, public_key: Buffer, message: Buffer, signature: Buffer, /):
    """Return what verify() does, in a third of its time.

    Args:
        table: 6144 bytes that prepare() filled from the same public key and returned True.
        public_key: 32 bytes.
        message: bytes of any length.
        signature: 64 bytes.

    Returns:
        bool, as of verify().

    Raises:
        ValueError: table, public_key or signature has another length, or table is not aligned.
        TypeError: an argument is not bytes-like.
    """
    entries = _aligned(_memory(table))
    key = _exact(public_key, _PUBLIC_KEY, "public key must be 32 bytes")
    text = _memory(message)
    r_and_s = _exact(signature, _SIGNATURE, "signature must be 64 bytes")
    return bool(_library.ed25519_verify_prepared(entries, key, text, len(text), r_and_s))
