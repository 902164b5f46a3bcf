"""The native Ed25519 module gives the same signatures and answers as libsodium (PyNaCl)."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from nacl.bindings import crypto_sign, crypto_sign_seed_keypair

import _ed25519
from ed25519_cases import sodium_verify
from joulestream import signing
from joulestream.testkit import edwards25519 as ed
from test_ed25519 import load

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    "case", load("ed25519_verify.json")["cases"], ids=lambda case: case["name"]
)
def test_libsodium_agrees_on_edge_case(case):
    public, message, signature = (
        bytes.fromhex(case[key]) for key in ("public_key", "message", "signature")
    )
    assert sodium_verify(public, message, signature) is case["valid"]


def test_signatures_are_libsodiums():
    rng = random.Random(1)
    for trial in range(3000):
        seed = rng.randbytes(32)
        message = rng.randbytes(trial % 301)
        public, secret = crypto_sign_seed_keypair(seed)
        signature = crypto_sign(message, secret)[:64]
        expanded = _ed25519.expand(seed)
        assert _ed25519.public_key(seed) == expanded[64:] == public
        assert _ed25519.sign(expanded, message) == signature
        assert _ed25519.verify(public, message, signature)


def mutate(rng, public, message, signature):
    """Return the arguments of verify() with a change in one of them."""
    parts = [bytearray(public), bytearray(message), bytearray(signature)]
    kind = rng.randrange(5)
    if kind == 0:
        part = parts[rng.randrange(3)]
        bit = rng.randrange(8 * len(part))
        part[bit >> 3] ^= 1 << (bit & 7)
    elif kind == 1:
        s = int.from_bytes(signature[32:], "little") + rng.randrange(1, 15) * ed.L
        parts[2][32:] = s.to_bytes(32, "little")
    elif kind == 2:
        s = rng.choice([0, 1, ed.L - 1, ed.L, ed.L + 1, 2**252, 2**253, 2**255])
        parts[2][32:] = s.to_bytes(32, "little")
    elif kind == 3:
        part = parts[rng.choice([0, 2])]
        part[:32] = rng.randbytes(32)
    else:
        part = parts[rng.choice([0, 2])]
        y = rng.choice([0, 1, ed.P - 1, *range(ed.P, 2**255)])
        part[:32] = (y | rng.randrange(2) << 255).to_bytes(32, "little")
    return [bytes(part) for part in parts]


def test_mutations_get_libsodiums_answer():
    rng = random.Random(2)
    for _ in range(6000):
        signer = signing.Signer(rng.randbytes(32))
        message = rng.randbytes(44)
        arguments = mutate(rng, signer.public_key, message, signer.sign(message))
        assert _ed25519.verify(*arguments) is sodium_verify(*arguments) is False, arguments


def test_torsion_gets_libsodiums_answer():
    """A key and an R with parts of small order are good for some values of h modulo 8 only."""
    rng = random.Random(3)
    torsion = ed.torsion_points()
    accepted = 0
    for _ in range(2000):
        # A few known points are enough: the parts of small order are under test, not the scalars.
        scalar, nonce = rng.choice(KNOWN), rng.choice(KNOWN)
        i, j = rng.choice(
            [(rng.randrange(8), 0), (0, rng.randrange(8)), rng.choices(range(8), k=2)]
        )
        public = ed.encode(ed.add(POINTS[scalar], torsion[i]))
        r = ed.encode(ed.add(POINTS[nonce], torsion[j]))
        message = rng.randbytes(44)
        h = ed.hash_wide(r, public, message) % ed.L
        signature = r + ((nonce + h * scalar) % ed.L).to_bytes(32, "little")
        answer = _ed25519.verify(public, message, signature)
        assert answer is sodium_verify(public, message, signature), (scalar, nonce, i, j)
        # T is the point of order 8. The equation holds exactly if -h i T = j T.
        assert answer is ((h * i + j) % 8 == 0), (scalar, nonce, i, j)
        accepted += answer
    assert 200 < accepted < 1800


KNOWN = [1, 2, 3, ed.L - 1, 2**252 - 1, *(random.Random(4).randrange(ed.L) for _ in range(40))]
POINTS = {scalar: ed.multiply(scalar, ed.BASE) for scalar in KNOWN}


def test_missing_library_says_what_to_run():
    environment = {
        **os.environ,
        "JOULESTREAM_NATIVE": "/nonexistent/library.so",
        "PYTHONPATH": f"{ROOT / 'shared'}{os.pathsep}{ROOT / 'shared/cpython'}",
    }
    for module in ("_ed25519", "joulestream.signing"):
        done = subprocess.run(
            [sys.executable, "-c", f"import {module}"],
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 1
        last = done.stderr.strip().splitlines()[-1]
        assert last.startswith("ImportError: ") and "`make setup`" in last
