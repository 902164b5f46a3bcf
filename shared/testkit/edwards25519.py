"""The curve edwards25519 in plain Python integers, for signatures that no signer would make.

Tests build edge cases with it: points of small or mixed order, encodings that are not canonical,
chosen R and S. `verify` says from the equations alone how a verifier must answer. The code is
slow, and its timing shows every secret: no product may use it. It runs on CPython only.

A point is a tuple (x, y) of two integers. Scalars and coordinates are integers. An encoding is 32
bytes. Source of the formulas: RFC 8032, section 5.1.
"""

import hashlib

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    Point = tuple[int, int]
    Extended = tuple[int, int, int, int]

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)
IDENTITY = (0, 1)


def add(a: "Point", b: "Point") -> "Point":
    """Return the point a + b. The formula is complete: it holds for every pair of points."""
    (x1, y1), (x2, y2) = a, b
    product = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, P)
    return x % P, y % P


def negate(a: "Point") -> "Point":
    """Return the point -a."""
    return -a[0] % P, a[1]


def multiply(scalar: int, a: "Point") -> "Point":
    """Return scalar * a for any integer scalar >= 0. The scalar is never reduced modulo L."""
    # Extended coordinates (X, Y, Z, T), RFC 8032 section 5.1.4, need one division at the end only.
    total: Extended = (0, 1, 1, 0)
    step: Extended = (a[0], a[1], 1, a[0] * a[1] % P)
    while scalar:
        if scalar & 1:
            total = _add_extended(total, step)
        step = _add_extended(step, step)
        scalar >>= 1
    inverse = pow(total[2], -1, P)
    return total[0] * inverse % P, total[1] * inverse % P


def _add_extended(a: "Extended", b: "Extended") -> "Extended":
    s = (a[1] - a[0]) * (b[1] - b[0])
    t = (a[1] + a[0]) * (b[1] + b[0])
    u = 2 * a[3] * b[3] * D
    v = 2 * a[2] * b[2]
    e, f, g, h = t - s, v - u, v + u, t + s
    return e * f % P, g * h % P, f * g % P, e * h % P


def recover_x(y: int, sign: int) -> "int | None":
    """Return the x of the point with this y, or None if there is no such point.

    Args:
        y: a coordinate below P.
        sign: the lowest bit of x. x = 0 is returned for either sign: the caller decides whether
            "x = -0" is an encoding.
    """
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * SQRT_M1 % P
    if (x * x - square) % P:
        return None
    return P - x if x and x & 1 != sign else x


def encode(a: "Point") -> bytes:
    """Return the 32-byte canonical encoding of the point a."""
    return (a[1] | (a[0] & 1) << 255).to_bytes(32, "little")


def decode(data: bytes) -> "Point | None":
    """Return the point in 32 bytes, or None if there is no such point. y is taken modulo P."""
    number = int.from_bytes(data, "little")
    y = number % 2**255 % P
    x = recover_x(y, number >> 255)
    return None if x is None else (x, y)


def is_canonical(data: bytes) -> bool:
    """Return whether `data` is the one encoding that RFC 8032 gives its point."""
    point = decode(data)
    return point is not None and encode(point) == data


def _base() -> "Point":
    y = 4 * pow(5, -1, P) % P
    x = recover_x(y, 0)
    assert x is not None
    return x, y


BASE = _base()


def torsion_generator() -> "Point":
    """Return a point of order 8. Its multiples are all eight points of small order."""
    y = 2
    while True:
        x = recover_x(y, 0)
        if x is not None:
            point = multiply(L, (x, y))
            if multiply(4, point) != IDENTITY:
                return point
        y += 1


def torsion_points() -> "list[Point]":
    """Return the eight points of small order; item i is i times a point of order 8."""
    generator = torsion_generator()
    return [multiply(i, generator) for i in range(8)]


def is_small_order(a: "Point") -> bool:
    """Return whether 8 a is the identity."""
    return multiply(8, a) == IDENTITY


def hash_wide(*parts: bytes) -> int:
    """Return SHA-512 of the parts, one after the other, as an integer below 2**512."""
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


def secret_scalar(seed: bytes) -> "tuple[int, bytes]":
    """Return the clamped scalar and the prefix of a 32-byte seed (RFC 8032, section 5.1.5)."""
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little")
    return scalar & (2**254 - 8) | 2**254, digest[32:]


def sign(seed: bytes, message: bytes) -> bytes:
    """Return the 64-byte signature of a message (RFC 8032, section 5.1.6)."""
    scalar, prefix = secret_scalar(seed)
    public = encode(multiply(scalar, BASE))
    nonce = hash_wide(prefix, message) % L
    point = encode(multiply(nonce, BASE))
    s = (nonce + hash_wide(point, public, message) * scalar) % L
    return point + s.to_bytes(32, "little")


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Return the answer that a strict verifier, such as libsodium's, must give.

    A signature (R, S) under the key A is good only if all of these hold:

        S < L
        A and R are canonical encodings, and their points are not of small order
        R equals the encoding of S B - h A byte for byte, with h = SHA-512(R | A | message) mod L

    Raises:
        ValueError: the key is not 32 bytes, or the signature is not 64 bytes.
    """
    if len(public) != 32 or len(signature) != 64:
        raise ValueError("a public key is 32 bytes and a signature 64")
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    if s >= L or not is_canonical(public) or not is_canonical(r):
        return False
    key, nonce_point = decode(public), decode(r)
    assert key is not None and nonce_point is not None, "a canonical encoding has a point"
    if is_small_order(key) or is_small_order(nonce_point):
        return False
    h = hash_wide(r, public, message) % L
    return encode(add(multiply(s, BASE), negate(multiply(h, key)))) == r
