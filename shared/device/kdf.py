"""Keys from secrets: HMAC-SHA256 (RFC 2104) and PBKDF2 on it (RFC 8018).

MicroPython's hashlib has SHA-256 and neither of these. Its hash objects cannot be copied, so each
code hashes both pads anew.
"""

from hashlib import sha256

from joulestream.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from joulestream.fields import Buffer

_CODE = const(32)
_BLOCK = const(64)


def hmac_sha256(key: "Buffer", message: "Buffer") -> bytes:
    """Return the 32-byte HMAC-SHA256 (RFC 2104) of `message` under `key`.

    Both may have any length. Raises TypeError for an argument that is not bytes-like.
    """
    inner, outer = _pads(key)
    code = _code(inner, outer, message)
    wipe(inner)
    wipe(outer)
    return code


def pbkdf2_sha256(password: "Buffer", salt: bytes, iterations: int) -> bytes:
    """Return 32 bytes of PBKDF2 with HMAC-SHA256 (RFC 8018, section 5.2): its first block.

    Args:
        password: secret bytes of any length.
        salt: bytes of any length.
        iterations: the number of codes that are made, 1 or more.

    Raises:
        ValueError: `iterations` is below 1.
        TypeError: password or salt is not bytes-like.
    """
    if iterations < 1:
        raise ValueError("PBKDF2 needs 1 iteration or more")
    inner, outer = _pads(password)
    code = _code(inner, outer, salt + b"\0\0\0\1")
    total = int.from_bytes(code, "big")
    for _ in range(iterations - 1):
        code = _code(inner, outer, code)
        total ^= int.from_bytes(code, "big")
    wipe(inner)
    wipe(outer)
    return total.to_bytes(_CODE, "big")


def same(left: bytes, right: bytes) -> bool:
    """Return whether two byte strings are equal, in a time that depends on their lengths alone."""
    if len(left) != len(right):
        return False
    difference = 0
    for at in range(len(left)):
        difference |= left[at] ^ right[at]
    return difference == 0


def wipe(buffer: bytearray) -> None:
    """Set all of a bytearray to zero."""
    for at in range(len(buffer)):
        buffer[at] = 0


def _pads(key: "Buffer") -> "tuple[bytearray, bytearray]":
    """Return the inner and the outer pad of `key`, as bytearrays to be wiped."""
    if len(key) > _BLOCK:
        key = sha256(key).digest()
    inner = bytearray(b"\x36" * _BLOCK)
    outer = bytearray(b"\x5c" * _BLOCK)
    for at in range(len(key)):
        inner[at] ^= key[at]
        outer[at] ^= key[at]
    return inner, outer


def _code(inner: bytearray, outer: bytearray, message: "Buffer") -> bytes:
    """Return the HMAC of `message`, given both pads of its key."""
    hashed = sha256(inner)
    hashed.update(message)
    message = hashed.digest()
    hashed = sha256(outer)
    hashed.update(message)
    return hashed.digest()
