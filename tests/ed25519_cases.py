"""Random and mutated Ed25519 cases with libsodium's answers, for CPython and the emulated board.

A case is a key, a message of 44 bytes and a signature. One signature in three is honest. In the
others one thing is changed: a bit of the message or of the signature; S by a multiple of L; S to
a special number; R to a special encoding; R by a point of small order; or the whole signature to
that of another message. One key in eight has a part of small order.

JOULESTREAM_CASES sets the number of cases: 20,000 by default, a million in `make soak`. The slower
harnesses take a fixed part of it.
"""

import os

from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair
from nacl.exceptions import BadSignatureError

from joulestream.testkit import edwards25519 as ed

CASES = int(os.environ.get("JOULESTREAM_CASES", "20000"))
MESSAGE_SIZE = 44
TORSION = ed.torsion_points()
SPECIAL_S = (0, 1, ed.L - 1, ed.L, ed.L + 1, 2**252 - 1, 2**252, 2**253 - 1, 2**255, 2**256 - 1)
SPECIAL_Y = (0, 1, 2, ed.P - 1, *range(ed.P, 2**255))


def sodium_verify(public, message, signature):
    """Return whether libsodium accepts a signature."""
    try:
        return crypto_sign_open(signature + message, public) == message
    except BadSignatureError:
        return False


def key_of(rng):
    """Return a public key and a function that signs messages under it.

    One key in eight has torsion, a part of small order. Under such a key the equation holds for
    one h in two, four or eight.
    """
    seed = rng.randbytes(32)
    public, secret = crypto_sign_seed_keypair(seed)
    torsion = rng.randrange(8) if rng.randrange(8) == 0 else 0
    if not torsion:
        return public, lambda message: crypto_sign(message, secret)[:64]
    scalar, _ = ed.secret_scalar(seed)
    public = ed.encode(ed.add(ed.decode(public), TORSION[torsion]))
    nonce = rng.randrange(ed.L)
    point = ed.encode(ed.multiply(nonce, ed.BASE))

    def sign(message):
        s = (nonce + ed.hash_wide(point, public, message) * scalar) % ed.L
        return point + s.to_bytes(32, "little")

    return public, sign


def mutated(rng, message, signature, sign):
    """Return the message and the signature; in two of three cases, one thing is changed."""
    kind = rng.randrange(12)
    changed = bytearray(signature)
    if kind < 4:
        return message, signature
    if kind == 4:
        bit = rng.randrange(8 * len(message))
        copy = bytearray(message)
        copy[bit >> 3] ^= 1 << (bit & 7)
        return bytes(copy), signature
    if kind in (5, 6):
        bit = rng.randrange(512)
        changed[bit >> 3] ^= 1 << (bit & 7)
    elif kind == 7:
        s = int.from_bytes(signature[32:], "little") + rng.randrange(1, 15) * ed.L
        changed[32:] = s.to_bytes(32, "little")
    elif kind == 8:
        changed[32:] = rng.choice(SPECIAL_S).to_bytes(32, "little")
    elif kind == 9:
        y = rng.choice(SPECIAL_Y) | rng.randrange(2) << 255
        changed[:32] = y.to_bytes(32, "little")
    elif kind == 10:
        r = ed.add(ed.decode(signature[:32]), TORSION[rng.randrange(1, 8)])
        changed[:32] = ed.encode(r)
    else:
        changed[:] = sign(rng.randbytes(MESSAGE_SIZE))
    return message, bytes(changed)


def cases(rng, keys, each):
    """Yield a public key and a list of its cases, `keys` times.

    Args:
        rng: a random.Random.
        keys: the number of keys.
        each: the number of cases, tuples (message, signature, answer), in a list.
    """
    for _ in range(keys):
        public, sign = key_of(rng)
        found = []
        for _ in range(each):
            message = rng.randbytes(MESSAGE_SIZE)
            message, signature = mutated(rng, message, sign(message), sign)
            found.append((message, signature, sodium_verify(public, message, signature)))
        yield public, found
