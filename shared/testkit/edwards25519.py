"""A plain edwards25519 in Python integers: the means to build signatures nobody would sign.

It is slow, leaks everything through timing, and exists only so that tests can construct edge
cases (points of small or mixed order, non-canonical encodings, chosen R and S) and say from the
equations alone what a verifier must answer. Source of the formulas: RFC 8032, section 5.1.

Points are affine tuples (x, y); scalars and coordinates are integers, encodings 32 bytes.
"""

import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)
IDENTITY = (0, 1)


def add(a, b):
    """Return the point a + b (complete formula, holds for every pair of curve points)."""
    (x1, y1), (x2, y2) = a, b
    product = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, P)
    return x % P, y % P


def negate(a):
    """Return the point -a."""
    return -a[0] % P, a[1]


def multiply(scalar, a):
    """Return scalar * a, for any integer scalar >= 0, taken as it is (never modulo L)."""
    # Projective (X, Y, Z, T), RFC 8032 section 5.1.4, so that only the end divides.
    total = (0, 1, 1, 0)
    step = (a[0], a[1], 1, a[0] * a[1] % P)
    while scalar:
        if scalar & 1:
            total = _add_extended(total, step)
        step = _add_extended(step, step)
        scalar >>= 1
    inverse = pow(total[2], -1, P)
    return total[0] * inverse % P, total[1] * inverse % P


def _add_extended(a, b):
    s = (a[1] - a[0]) * (b[1] - b[0])
    t = (a[1] + a[0]) * (b[1] + b[0])
    u = 2 * a[3] * b[3] * D
    v = 2 * a[2] * b[2]
    e, f, g, h = t - s, v - u, v + u, t + s
    return e * f % P, g * h % P, f * g % P, e * h % P


def recover_x(y, sign):
    """Return the x of the point with this y and low bit of x, or None if there is no point.

    x = 0 is returned for either sign: whether "-0" is an encoding is the verifier's business.
    """
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * SQRT_M1 % P
    if (x * x - square) % P:
        return None
    return P - x if x and x & 1 != sign else x


def encode(a):
    """Return the 32-byte canonical encoding of the point a."""
    return (a[1] | (a[0] & 1) << 255).to_bytes(32, "little")


def decode(data):
    """Return the point in 32 bytes, y taken modulo p, or None if there is no such point."""
    number = int.from_bytes(data, "little")
    y = number % 2**255 % P
    x = recover_x(y, number >> 255)
    return None if x is None else (x, y)


def is_canonical(data):
    """Tell whether data is the one encoding that RFC 8032 gives its point."""
    point = decode(data)
    return point is not None and encode(point) == data


BASE = (recover_x(4 * pow(5, -1, P) % P, 0), 4 * pow(5, -1, P) % P)


def torsion_generator():
    """Return a point of order 8, from which all eight points of small order follow."""
    y = 2
    while True:
        x = recover_x(y, 0)
        if x is not None:
            point = multiply(L, (x, y))
            if multiply(4, point) != IDENTITY:
                return point
        y += 1


def torsion_points():
    """Return the eight points of small order; item i is i times a point of order 8."""
    generator = torsion_generator()
    return [multiply(i, generator) for i in range(8)]


def is_small_order(a):
    """Tell whether 8 a is the identity."""
    return multiply(8, a) == IDENTITY


def hash_wide(*parts):
    """Return SHA-512 of the parts as an integer below 2**512 (not reduced)."""
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


def secret_scalar(seed):
    """Return (clamped scalar, prefix) of a 32-byte seed, RFC 8032 section 5.1.5."""
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little")
    return scalar & (2**254 - 8) | 2**254, digest[32:]


def sign(seed, message):
    """Return the 64-byte signature of RFC 8032, section 5.1.6."""
    scalar, prefix = secret_scalar(seed)
    public = encode(multiply(scalar, BASE))
    nonce = hash_wide(prefix, message) % L
    point = encode(multiply(nonce, BASE))
    s = (nonce + hash_wide(point, public, message) * scalar) % L
    return point + s.to_bytes(32, "little")


def verify(public, message, signature):
    """Return what the design's verifier must answer, straight from its rules.

    S < L; A and R canonical and not of small order; h reduced modulo L; R equal, byte for byte,
    to the encoding of sB - hA.
    """
    if len(public) != 32 or len(signature) != 64:
        raise ValueError("a public key is 32 bytes and a signature 64")
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    if s >= L or not is_canonical(public) or not is_canonical(r):
        return False
    key = decode(public)
    if is_small_order(key) or is_small_order(decode(r)):
        return False
    h = hash_wide(r, public, message) % L
    return encode(add(multiply(s, BASE), negate(multiply(h, key)))) == r
