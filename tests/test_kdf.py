"""HMAC-SHA256 and PBKDF2 against their RFCs' vectors, on both runtimes and the emulated board."""

from binascii import unhexlify

from dual_runtime import raised
from joulestream.device.kdf import hmac_sha256, pbkdf2_sha256, same, wipe

# RFC 4231, sections 4.2 to 4.5, 4.7 and 4.8: key, data, HMAC-SHA-256.
HMAC = (
    (
        b"\x0b" * 20,
        b"Hi There",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    ),
    (
        b"Jefe",
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    (
        b"\xaa" * 20,
        b"\xdd" * 50,
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
    ),
    (
        bytes(range(1, 26)),
        b"\xcd" * 50,
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
    ),
    (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        b"\xaa" * 131,
        b"This is a test using a larger than block-size key and a larger than block-size data."
        b" The key needs to be hashed before being used by the HMAC algorithm.",
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
)
# RFC 7914, section 11 (the first half of its 64 bytes), and the SHA-256 twin of RFC 6070's fourth.
PBKDF2 = (
    (b"passwd", b"salt", 1, "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"),
    (
        b"password",
        b"salt",
        4096,
        "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a",
    ),
    (
        b"Password",
        b"NaCl",
        80000,
        "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56",
    ),
)


def test_hmac_vectors():
    for key, message, expected in HMAC:
        assert hmac_sha256(key, message) == unhexlify(expected)
        assert hmac_sha256(bytearray(key), memoryview(message)) == unhexlify(expected)


def test_pbkdf2_vectors():
    for password, salt, iterations, expected in PBKDF2:
        assert pbkdf2_sha256(password, salt, iterations) == unhexlify(expected)


def test_a_password_longer_than_a_block_is_hashed_first():
    long = b"passphrase" * 13
    expected = "c9917b2c4d02cfe87b5ce33a9bed0d8edb23d67fd26995bc01d0918ef3b6c948"
    assert pbkdf2_sha256(long, b"salt", 3) == unhexlify(expected)


def test_pbkdf2_needs_an_iteration():
    for iterations in (0, -1):
        assert isinstance(raised(pbkdf2_sha256, b"password", b"salt", iterations), ValueError)


def test_same_compares_all_of_both():
    value = bytes(range(32))
    assert same(value, bytearray(value)) and same(b"", b"")
    for at in range(32):
        other = bytearray(value)
        other[at] ^= 0x80
        assert not same(value, other)
    assert not same(value, value[:31]) and not same(value, value + b"\0") and not same(b"", b"\0")


def test_wipe_leaves_zeros():
    buffer = bytearray(range(1, 100))
    wipe(buffer)
    assert buffer == bytearray(99)
