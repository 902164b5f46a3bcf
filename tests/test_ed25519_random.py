"""Random and mutated signatures get the answer that libsodium gives.

Each signature is verified twice, with a table and without.
"""

import random

import pytest

import _ed25519
from ed25519_cases import CASES, cases
from joulestream.signing import Signer, Verifier

CHUNKS = 4
EACH = 50


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_libsodiums_answer(chunk):
    rng = random.Random(f"verify {chunk} of {CASES}")
    good = total = 0
    for public, found in cases(rng, max(CASES // CHUNKS // EACH, 1), EACH):
        verifier = Verifier(public)
        for message, signature, answer in found:
            assert verifier.verify(message, signature) is answer, (public, message, signature)
            assert _ed25519.verify(public, message, signature) is answer, (public, message)
            good += answer
            total += 1
    assert total // 4 < good < total // 2


def test_signatures_of_random_keys():
    rng = random.Random("sign")
    for _ in range(CASES // 100):
        signer = Signer(rng.randbytes(32))
        verifier = Verifier(signer.public_key)
        for size in (0, 44, rng.randrange(300)):
            message = rng.randbytes(size)
            assert verifier.verify(message, signer.sign(message))
