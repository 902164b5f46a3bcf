"""Writes ed25519_verify.json: signatures that verifiers judge differently, and our answer.

    python tests/vectors/make_ed25519.py [--check]

--check writes nothing and fails if the file differs from the output of this script. Every case is
constructed with edwards25519.py and judged by its verify(), which states the rules in one place;
test_ed25519_oracle.py holds the same cases against libsodium.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

from joulestream.testkit import edwards25519 as ed

HERE = Path(__file__).resolve().parent


FILE = HERE / "ed25519_verify.json"
SEED = bytes(range(32))
LENGTHS = 301  # messages of 0 to 300 bytes cross every block boundary of three SHA-512 blocks


def number(label):
    """Return an integer below L that depends on the label alone."""
    return ed.hash_wide(label.encode()) % ed.L


def forge(public, scalar, message, nonce, torsion=ed.IDENTITY, r=None):
    """Return R | S that satisfy the equation up to parts of small order.

    Args:
        public: 32-byte encoding of the key, as it goes into the hash.
        scalar: discrete logarithm of the key's part in the prime-order subgroup.
        message: bytes.
        nonce: discrete logarithm of R, before torsion is added to it.
        torsion: point added to R.
        r: 32 bytes to use as the encoding of R instead.
    """
    r = r or ed.encode(ed.add(ed.multiply(nonce, ed.BASE), torsion))
    s = (nonce + ed.hash_wide(r, public, message) * scalar) % ed.L
    return r + s.to_bytes(32, "little")


def all_encodings(point):
    """Return every 32-byte string that decodes to a point of small order, canonical first."""
    found = [ed.encode(point)]
    for sign in (0, 1):
        for y in (point[1], point[1] + ed.P):
            data = (y % 2**256 | sign << 255).to_bytes(32, "little") if y < 2**255 else b""
            if data and data not in found and ed.decode(data) == point:
                found.append(data)
    return found


def edge_cases():
    """Yield (name, public key, message, signature)."""
    torsion = ed.torsion_points()
    scalar, _ = ed.secret_scalar(SEED)
    point = ed.multiply(scalar, ed.BASE)
    public = ed.encode(point)
    message = b"CLM\0 edge case"
    good = ed.sign(SEED, message)
    yield "good signature", public, message, good

    s = int.from_bytes(good[32:], "little")
    for k in range(1, (2**256 - s) // ed.L + 1):
        if s + k * ed.L < 2**256:
            yield f"S + {k} L", public, message, good[:32] + (s + k * ed.L).to_bytes(32, "little")
    for name, value in (
        ("0", 0),
        ("L - 1", ed.L - 1),
        ("L", ed.L),
        ("L + 1", ed.L + 1),
        ("2^252", 2**252),
        ("2^253 - 1", 2**253 - 1),
        ("2^256 - 1", 2**256 - 1),
    ):
        yield f"S = {name}", public, message, good[:32] + value.to_bytes(32, "little")

    # An equation that holds for S = 0: R = -hA for a key of small order.
    for i in range(8):
        for j, data in enumerate(all_encodings(torsion[i])):
            label = f"{i} T, encoding {j}"
            r = ed.encode(torsion[i]) if j == 0 else data
            yield f"R = {label}, s = h a", public, message, forge(public, scalar, message, 0, r=r)
            # Tried until h cancels the key, so that only the rule about its order can refuse it.
            for trial in range(1000):
                text = b"small-order key %d" % trial
                signature = forge(data, 0, text, number(label))
                if ed.hash_wide(signature[:32], data, text) % ed.L * i % 8 == 0:
                    yield f"A = {label}, equation holds", data, text, signature
                    break
            yield f"A and R = {label}, s = 0", data, message, data + bytes(32)

    for i in range(1, 8):
        nonce = number(f"R plus torsion {i}")
        signature = forge(public, scalar, message, nonce, torsion[i])
        yield f"R + {i} T, honest key", public, message, signature

    for i in range(1, 8):
        yield from mixed_order_cases(scalar, point, torsion, i)

    for y in range(ed.P, 2**255):
        for sign in (0, 1):
            data = (y | sign << 255).to_bytes(32, "little")
            yield f"A with y = p + {y - ed.P}, sign {sign}", data, message, good
            yield f"R with y = p + {y - ed.P}, sign {sign}", public, message, data + good[32:]

    off_curve = next(y for y in range(2, 99) if ed.recover_x(y, 0) is None).to_bytes(32, "little")
    yield "A not on the curve", off_curve, message, good
    yield "R not on the curve", public, message, off_curve + good[32:]

    # Scalars that meet the identity, doublings and cancellations inside a verifier's ladder.
    scalars = {"1": 1, "2": 2, "8": 8, "-1": ed.L - 1, "-2": ed.L - 2, "2^252": 2**252}
    for a in scalars:
        key = ed.encode(ed.multiply(scalars[a], ed.BASE))
        for r in ("1", "2", "-1", "2^252"):
            signature = forge(key, scalars[a], message, scalars[r])
            yield f"A = {a} B, R = {r} B", key, message, signature
    yield "A = -A", ed.encode(ed.negate(point)), message, good
    yield "R = -R", public, message, bytes(good[:31]) + bytes([good[31] ^ 0x80]) + good[32:]
    yield "R and S swapped", public, message, good[32:] + good[:32]


def mixed_order_cases(scalar, point, torsion, i):
    """Yield cases for the key A + i T: the answer depends on h modulo 8, taken after reduction."""
    public = ed.encode(ed.add(point, torsion[i]))
    wanted = {(reduced, unreduced) for reduced in (0, 1) for unreduced in (0, 1)}
    compensated = False
    for trial in range(10000):
        message = b"mixed-order key %d" % trial
        nonce = number(f"mixed {i} {trial}")
        signature = forge(public, scalar, message, nonce)
        h = ed.hash_wide(signature[:32], public, message)
        kind = (int(h % ed.L * i % 8 == 0), int(h * i % 8 == 0))
        if kind in wanted:
            wanted.remove(kind)
            words = [("does not cancel", "cancels")[flag] for flag in kind]
            name = f"A + {i} T, reduced h {words[0]} it, unreduced {words[1]}"
            yield name, public, message, signature
        # R with the very torsion that -h i T leaves: both are of mixed order, and it is good.
        j = 1 + trial % 7
        signature = forge(public, scalar, message, nonce, torsion[j])
        h = ed.hash_wide(signature[:32], public, message) % ed.L
        if not compensated and (h * i + j) % 8 == 0:
            compensated = True
            yield f"A + {i} T, R + {j} T, equation holds", public, message, signature
        if not wanted and compensated:
            return


def message_of(length):
    """Return the test message of a length; test_ed25519.py makes the same."""
    return bytes((7 * i + length) & 0xFF for i in range(length))


def make():
    """Return the text of the file."""
    cases = [
        {
            "name": name,
            "public_key": public.hex(),
            "message": message.hex(),
            "signature": signature.hex(),
            "valid": ed.verify(public, message, signature),
        }
        for name, public, message, signature in edge_cases()
    ]
    digest = hashlib.sha256()
    for length in range(LENGTHS):
        digest.update(ed.sign(SEED, message_of(length)))
    lengths = {"seed": SEED.hex(), "count": LENGTHS, "sha256": digest.hexdigest()}
    document = {
        "source": "tests/vectors/make_ed25519.py",
        "sign_lengths": lengths,
        "cases": cases,
    }
    return json.dumps(document, indent=1) + "\n"


def main():
    """Write or check the file; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare only, write nothing")
    text = make()
    if not parser.parse_args().check:
        FILE.write_text(text)
    elif not FILE.is_file() or FILE.read_text() != text:
        print(f"{FILE.name} is out of date: run {Path(__file__).name}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
