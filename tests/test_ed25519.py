"""The native Ed25519 module and joulestream.signing, on CPython and on MicroPython."""

import hashlib
import json
from binascii import hexlify, unhexlify

import _ed25519
from dual_runtime import VECTORS, raised
from joulestream import signing

SEED = bytes(range(32))
CLAIM = b"CLM\0" + bytes(range(32)) + bytes(8)


def load(name):
    with open(VECTORS + name) as file:
        return json.load(file)


def flipped(data, bit):
    """Return a copy of `data` with one bit inverted."""
    copy = bytearray(data)
    copy[bit >> 3] ^= 1 << (bit & 7)
    return bytes(copy)


def test_rfc8032():
    for case in load("ed25519_rfc8032.json")["cases"]:
        name = case.pop("name")
        seed, public, message, signature = [
            unhexlify(case[key]) for key in ("seed", "public_key", "message", "signature")
        ]
        assert _ed25519.public_key(seed) == public, name
        expanded = _ed25519.expand(seed)
        assert len(expanded) == 96 and expanded[64:] == public, name
        assert _ed25519.sign(expanded, message) == signature, name
        assert _ed25519.verify(public, message, signature) is True, name
        assert _ed25519.verify(public, message + b"\0", signature) is False, name


def test_edge_cases():
    cases = load("ed25519_verify.json")["cases"]
    assert len(cases) > 200
    table = bytearray(signing.TABLE_SIZE)
    for case in cases:
        public, message, signature = [
            unhexlify(case[key]) for key in ("public_key", "message", "signature")
        ]
        assert _ed25519.verify(public, message, signature) is case["valid"], case["name"]
        # The same with a table. One buffer serves all keys, so the contents of an earlier key's
        # table must not matter.
        good = _ed25519.prepare(public, table)
        good = good and _ed25519.verify_prepared(table, public, message, signature)
        assert good is case["valid"], case["name"]


def test_message_lengths():
    """Messages of every length around SHA-512's block boundaries have the right signatures.

    The vector holds one hash over all the signatures.
    """
    vector = load("ed25519_verify.json")["sign_lengths"]
    expanded = _ed25519.expand(unhexlify(vector["seed"]))
    digest = hashlib.sha256()
    for length in range(vector["count"]):
        message = bytes([(7 * i + length) & 0xFF for i in range(length)])
        signature = _ed25519.sign(expanded, message)
        assert _ed25519.verify(expanded[64:], message, signature), length
        digest.update(signature)
    assert hexlify(digest.digest()).decode() == vector["sha256"]


def test_every_flipped_bit_is_refused():
    signer = signing.Signer(SEED)
    signature = signer.sign(CLAIM)
    assert signing.verify(signer.public_key, CLAIM, signature)
    for bit in range(8 * len(signature)):
        assert not signing.verify(signer.public_key, CLAIM, flipped(signature, bit)), bit
    for bit in range(8 * len(CLAIM)):
        assert not signing.verify(signer.public_key, flipped(CLAIM, bit), signature), bit
    for bit in range(8 * len(signer.public_key)):
        assert not signing.verify(flipped(signer.public_key, bit), CLAIM, signature), bit


def test_any_buffer():
    expanded = _ed25519.expand(SEED)
    signature = _ed25519.sign(expanded, CLAIM)
    public = expanded[64:]
    for kind in (bytes, bytearray, lambda data: memoryview(bytearray(data))):
        assert _ed25519.public_key(kind(SEED)) == public
        assert _ed25519.expand(kind(SEED)) == expanded
        assert _ed25519.sign(kind(expanded), kind(CLAIM)) == signature
        assert _ed25519.verify(kind(public), kind(CLAIM), kind(signature))
    frame = bytearray(100)
    view = memoryview(frame)[10:74]
    assert _ed25519.sign(expanded, CLAIM, view) is view
    assert frame == bytes(10) + signature + bytes(26)


def test_out_may_be_the_input():
    expanded = _ed25519.expand(SEED)
    message = bytearray(range(64))
    signature = _ed25519.sign(expanded, bytes(message))
    assert _ed25519.sign(expanded, message, message) is message
    assert message == signature
    buffer = bytearray(96)
    assert _ed25519.expand(SEED, buffer) is buffer
    assert buffer == expanded
    buffer = bytearray(expanded)
    _ed25519.sign(buffer, b"", memoryview(buffer)[:64])
    assert buffer[:64] == _ed25519.sign(expanded, b"")


def test_wrong_lengths():
    expanded = _ed25519.expand(SEED)
    table = bytearray(signing.TABLE_SIZE)
    prepared = _ed25519.verify_prepared
    signature = _ed25519.sign(expanded, CLAIM)
    public = expanded[64:]
    for wrong in (0, 1, 31, 33, 63, 65, 95, 97, 128):
        data = bytes(wrong)
        for text, call, arguments in (
            ("seed must be 32 bytes", _ed25519.public_key, (data,)),
            ("seed must be 32 bytes", _ed25519.expand, (data,)),
            ("out must be 96 bytes", _ed25519.expand, (SEED, bytearray(wrong))),
            ("expanded key must be 96 bytes", _ed25519.sign, (data, CLAIM)),
            ("out must be 64 bytes", _ed25519.sign, (expanded, CLAIM, bytearray(wrong))),
            ("public key must be 32 bytes", _ed25519.verify, (data, CLAIM, signature)),
            ("signature must be 64 bytes", _ed25519.verify, (public, CLAIM, data)),
            ("public key must be 32 bytes", signing.Verifier, (data,)),
            ("public key must be 32 bytes", _ed25519.prepare, (data, table)),
            ("table must be 6144 bytes", _ed25519.prepare, (public, bytearray(wrong))),
            ("table must be 6144 bytes", signing.Verifier, (public, bytearray(wrong))),
            ("table must be 6144 bytes", prepared, (data, public, CLAIM, signature)),
            ("public key must be 32 bytes", prepared, (table, data, CLAIM, signature)),
            ("signature must be 64 bytes", prepared, (table, public, CLAIM, data)),
            ("seed must be 32 bytes", signing.sign, (data, CLAIM)),
            ("seed must be 32 bytes", signing.Signer, (data,)),
        ):
            error = raised(call, *arguments)
            assert isinstance(error, ValueError) and str(error) == text, (wrong, text, error)


def test_wrong_types():
    expanded = _ed25519.expand(SEED)
    signature = _ed25519.sign(expanded, CLAIM)
    public = expanded[64:]
    required = "a bytes-like object is required"
    table = bytearray(signing.TABLE_SIZE)
    prepared = _ed25519.verify_prepared
    for wrong in (None, 32, 1.5, "x" * 32, [0] * 32, (0,) * 32):
        for call, arguments in (
            (_ed25519.public_key, (wrong,)),
            (_ed25519.expand, (wrong,)),
            (_ed25519.sign, (wrong, CLAIM)),
            (_ed25519.sign, (expanded, wrong)),
            (_ed25519.verify, (wrong, CLAIM, signature)),
            (_ed25519.verify, (public, wrong, signature)),
            (_ed25519.verify, (public, CLAIM, wrong)),
            (_ed25519.prepare, (wrong, table)),
            (prepared, (wrong, public, CLAIM, signature)),
            (prepared, (table, wrong, CLAIM, signature)),
            (prepared, (table, public, wrong, signature)),
            (prepared, (table, public, CLAIM, wrong)),
            (signing.sign, (wrong, CLAIM)),
            (signing.sign, (SEED, wrong)),
            (signing.Verifier, (wrong,)),
            (signing.Signer, (wrong,)),
        ):
            error = raised(call, *arguments)
            assert isinstance(error, TypeError) and str(error) == required, (wrong, error)
    for out in (bytes(64), "x" * 64, 64, None):
        error = raised(_ed25519.sign, expanded, CLAIM, out)
        assert isinstance(error, TypeError) and str(error).startswith("out must be"), error
    for call in (_ed25519.public_key, _ed25519.expand, _ed25519.sign, _ed25519.verify):
        assert isinstance(raised(call), TypeError)
        assert isinstance(raised(call, SEED, SEED, SEED, SEED), TypeError)


def test_signer():
    signer = signing.Signer(SEED)
    assert signer.public_key == signing.public_key(SEED)
    assert isinstance(signer.public_key, bytes)
    signature = signer.sign(CLAIM)
    assert isinstance(signature, bytes) and len(signature) == signing.SIGNATURE_SIZE
    out = bytearray(64)
    assert signer.sign_into(CLAIM, out) is out
    assert out == signature
    assert signing.verify(signer.public_key, CLAIM, signature)


def test_signer_wipes_its_key():
    signer = signing.Signer(SEED)
    public = signer.public_key
    assert signer.holds_secret
    signer.close()
    assert not signer.holds_secret
    assert signer.public_key == public
    for error in (raised(signer.sign, CLAIM), raised(signer.sign_into, CLAIM, bytearray(64))):
        assert isinstance(error, ValueError) and str(error) == "signer is closed"
    signer.close()


def test_repr_shows_no_secret():
    signer = signing.Signer(SEED)
    public = hexlify(signer.public_key).decode()
    assert repr(signer) == "Signer(public_key=" + public + ")"
    assert repr(signing.Verifier(signer.public_key)) == "Verifier(public_key=" + public + ")"


def test_verifier():
    signer = signing.Signer(SEED)
    signature = signer.sign(CLAIM)
    key = bytearray(signer.public_key)
    verifier = signing.Verifier(key)
    key[0] ^= 1  # the verifier has its own copy
    assert verifier.public_key == signer.public_key
    assert verifier.verify(CLAIM, signature) is True
    assert verifier.verify(CLAIM + b"\0", signature) is False
    assert isinstance(raised(verifier.verify, CLAIM, signature[:63]), ValueError)
    assert signing.Verifier(bytes(32)).verify(CLAIM, signature) is False


def test_sign_at_once():
    assert signing.sign(SEED, CLAIM) == signing.Signer(SEED).sign(CLAIM)


def test_table_given():
    signer = signing.Signer(SEED)
    signature = signer.sign(CLAIM)
    table = bytearray(signing.TABLE_SIZE)
    assert signing.Verifier(signer.public_key, table).verify(CLAIM, signature)
    assert any(table)
    error = raised(signing.Verifier, signer.public_key, memoryview(bytearray(6145))[1:])
    assert isinstance(error, ValueError) and str(error) == "table must be aligned to 4 bytes"
    for wrong in (bytes(6144), "x" * 6144, 6144):
        error = raised(signing.Verifier, signer.public_key, wrong)
        assert isinstance(error, TypeError) and str(error).startswith("out must be"), error


def test_hot_path_allocates_nothing():
    try:
        from micropython import heap_lock, heap_unlock
    except ImportError:
        return  # CPython
    signer = signing.Signer(SEED)
    verifier = signing.Verifier(signer.public_key)
    out = bytearray(64)
    heap_lock()
    try:
        signer.sign_into(CLAIM, out)
        good = verifier.verify(CLAIM, out)
    finally:
        heap_unlock()
    assert good
