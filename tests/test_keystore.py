"""Sealed seeds: they open with their secret alone, and not after any change."""

from binascii import unhexlify

import cryptolib
from dual_runtime import raised
from joulestream.device.keystore import (
    MAX_ITERATIONS,
    MIN_ITERATIONS,
    SEALED_SIZE,
    SOURCE_DEVICE,
    SOURCE_PASSPHRASE,
    KeystoreError,
    open_sealed,
    read_sealed,
    seal,
    source_name,
)

SEED = bytes(range(32))
SALT = bytes(range(0x40, 0x50))
IV = bytes(range(0x60, 0x70))
PASSPHRASE = b"correct horse battery"
DEVICE_SECRET = bytes(range(0x80, 0xA0))
SECRETS = (SEED, PASSPHRASE, DEVICE_SECRET)

# Written by the same rules with CPython's hashlib and hmac, and with OpenSSL's AES.
BY_PASSPHRASE = unhexlify(
    "4a534b3101000003e8404142434445464748494a4b4c4d4e4f606162636465666768696a6b6c6d6e6f"
    "0698715cbb8d86e858d634774eebd0caea69339c7fb55ff9a162da30eedef8ef"
    "b4763f8e968053344a9ecd01adf05f54467f945bf7e0b93e1e063c78d8a381e5"
)
BY_DEVICE = unhexlify(
    "4a534b310200000000404142434445464748494a4b4c4d4e4f606162636465666768696a6b6c6d6e6f"
    "7afa973cf535c44cc8d883f9eb062438fc50af6ca5e2e44b745953bbfa43470c"
    "71e30e5f5dece9b670dd1586f2e8827fbdf9526b371c4254a354e1ba5ef6b30e"
)
SOURCE_AT, ITERATIONS_AT = 4, 5


def refusal(data, secret):
    """Return the sentence with which opening is refused, which shows no secret."""
    error = raised(open_sealed, data, secret)
    assert isinstance(error, KeystoreError), error
    said = str(error)
    assert "\n" not in said
    for text in (said, repr(error)):
        for kept in SECRETS:
            assert str(kept)[2:-1] not in text and kept.hex() not in text, text
    return said


def changed(data, at, mask):
    """Return `data` with the bits of `mask` flipped in the byte at `at`."""
    result = bytearray(data)
    result[at] ^= mask
    return bytes(result)


def with_iterations(data, iterations):
    """Return `data` that claims another count of iterations."""
    end = ITERATIONS_AT + 4
    return data[:ITERATIONS_AT] + iterations.to_bytes(4, "big") + data[end:]


def test_cipher_is_aes_256_in_cbc():
    """NIST SP 800-38A, sections F.2.5 and F.2.6, in two calls."""
    key = unhexlify("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
    iv = unhexlify("000102030405060708090a0b0c0d0e0f")
    plain = unhexlify("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")
    cipher = unhexlify("f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d")
    aes = cryptolib.aes(key, 2, iv)
    assert aes.encrypt(plain[:16]) + aes.encrypt(plain[16:]) == cipher
    out = bytearray(32)
    assert cryptolib.aes(bytearray(key), 2, bytearray(iv)).decrypt(cipher, out) is out
    assert out == plain
    for broken in ((key[1:], 2, iv), (key, 2, iv[1:])):
        assert isinstance(raised(cryptolib.aes, *broken), ValueError)
    assert isinstance(raised(cryptolib.aes(key, 2, iv).decrypt, cipher[1:]), ValueError)


def test_vectors():
    sealed = seal(SEED, PASSPHRASE, SOURCE_PASSPHRASE, MIN_ITERATIONS, SALT, IV)
    assert sealed == BY_PASSPHRASE and len(sealed) == SEALED_SIZE == 105
    assert seal(SEED, DEVICE_SECRET, SOURCE_DEVICE, 0, SALT, IV) == BY_DEVICE
    for data, secret in ((BY_PASSPHRASE, PASSPHRASE), (BY_DEVICE, DEVICE_SECRET)):
        seed = open_sealed(data, secret)
        assert isinstance(seed, bytearray) and seed == SEED


def test_what_is_sealed_opens():
    for number in range(8):
        seed = bytes([(7 * number + at) & 0xFF for at in range(32)])
        secret = bytes([number]) * (1 + 100 * number)
        data = seal(seed, secret, SOURCE_PASSPHRASE, MIN_ITERATIONS + number, SALT, IV)
        assert seed not in data and open_sealed(data, secret) == seed
        data = seal(bytearray(seed), seed, SOURCE_DEVICE, 0, bytes([number]) * 16, IV)
        assert open_sealed(data, bytearray(seed)) == seed


def test_salt_and_iv_change_all_that_is_secret():
    sealed = seal(SEED, DEVICE_SECRET, SOURCE_DEVICE, 0, IV, IV)
    assert sealed[41:73] != BY_DEVICE[41:73] and sealed[73:] != BY_DEVICE[73:]
    sealed = seal(SEED, DEVICE_SECRET, SOURCE_DEVICE, 0, SALT, SALT)
    assert sealed[41:73] != BY_DEVICE[41:73] and sealed[73:] != BY_DEVICE[73:]


def test_it_tells_how_it_is_sealed():
    record = read_sealed(BY_PASSPHRASE)
    assert (record.source, record.iterations) == (SOURCE_PASSPHRASE, MIN_ITERATIONS)
    assert source_name(record.source) == "passphrase"
    assert source_name(read_sealed(BY_DEVICE).source) == "device secret"


def test_another_secret_is_refused():
    for secret in (b"correct horse batterz", b"correct horse batter", PASSPHRASE + b"\1", SEED):
        assert "passphrase is wrong" in refusal(BY_PASSPHRASE, secret)
    for at in range(32):
        assert "device secret is wrong" in refusal(BY_DEVICE, changed(DEVICE_SECRET, at, 1))
    for secret in (b"", DEVICE_SECRET[1:], DEVICE_SECRET + b"\0", PASSPHRASE):
        assert "too short or too long" in refusal(BY_DEVICE, secret)
    for secret in (b"", b"x" * 1_025):
        assert "too short or too long" in refusal(BY_PASSPHRASE, secret)


def test_the_secret_of_another_source_is_refused():
    assert "passphrase is wrong" in refusal(BY_PASSPHRASE, DEVICE_SECRET)
    # Sealed by the one, claimed to be by the other.
    other = changed(BY_PASSPHRASE, SOURCE_AT, SOURCE_PASSPHRASE ^ SOURCE_DEVICE)
    refusal(other, PASSPHRASE)
    refusal(with_iterations(other, 0), DEVICE_SECRET)
    other = changed(BY_DEVICE, SOURCE_AT, SOURCE_PASSPHRASE ^ SOURCE_DEVICE)
    refusal(other, DEVICE_SECRET)
    refusal(with_iterations(other, MIN_ITERATIONS), DEVICE_SECRET)


def test_every_change_of_a_byte_is_refused():
    for at in range(SEALED_SIZE):
        for mask in (1, 2, 4, 8, 16, 32, 64, 128, 255):
            refusal(changed(BY_DEVICE, at, mask), DEVICE_SECRET)
        refusal(changed(BY_PASSPHRASE, at, 1), PASSPHRASE)


def test_every_other_length_is_refused():
    for data, secret in ((BY_DEVICE, DEVICE_SECRET), (BY_PASSPHRASE, PASSPHRASE)):
        for size in range(SEALED_SIZE):
            refusal(data[:size], secret)
            refusal(data[size + 1 :], secret)
        for more in (b"\0", b"\n", data[-1:], data):
            assert "too long" in refusal(data + more, secret)
            refusal(more + data, secret)


def test_what_is_no_sealed_key_is_refused():
    plain = (SEED.hex() + "\n").encode()
    for data in (plain, b"", b"{}", bytes(SEALED_SIZE), b"JSK2" + BY_DEVICE[4:]):
        assert "keys reseal" in refusal(data, DEVICE_SECRET)
    for source in (0, 3, 255):
        data = BY_DEVICE[:SOURCE_AT] + bytes([source]) + BY_DEVICE[SOURCE_AT + 1 :]
        assert "not known" in refusal(data, DEVICE_SECRET)


def test_counts_of_iterations_are_bounded():
    for iterations in (0, 1, MIN_ITERATIONS - 1, MAX_ITERATIONS + 1, 0x7FFFFFFF, 0xFFFFFFFF):
        said = refusal(with_iterations(BY_PASSPHRASE, iterations), PASSPHRASE)
        assert "too few or too many" in said
    for iterations in (1, MIN_ITERATIONS, 0xFFFFFFFF):
        said = refusal(with_iterations(BY_DEVICE, iterations), DEVICE_SECRET)
        assert "too few or too many" in said
    # A count that is acceptable but not the one it was sealed with.
    said = refusal(with_iterations(BY_PASSPHRASE, MIN_ITERATIONS + 1), PASSPHRASE)
    assert "the file was changed" in said


def test_a_seal_with_anything_amiss_is_not_made():
    good = (SEED, PASSPHRASE, SOURCE_PASSPHRASE, MIN_ITERATIONS, SALT, IV)
    for at, value in (
        (0, SEED[1:]),
        (0, SEED + b"\0"),
        (1, b""),
        (1, b"x" * 1_025),
        (2, 0),
        (2, SOURCE_DEVICE),
        (2, 3),
        (3, 0),
        (3, MIN_ITERATIONS - 1),
        (3, MAX_ITERATIONS + 1),
        (4, SALT[1:]),
        (5, IV + b"\0"),
    ):
        arguments = good[:at] + (value,) + good[at + 1 :]
        error = raised(seal, *arguments)
        assert isinstance(error, KeystoreError), (at, error)
        assert "horse" not in str(error)
    error = raised(seal, SEED, DEVICE_SECRET[1:], SOURCE_DEVICE, 0, SALT, IV)
    assert isinstance(error, KeystoreError)
    error = raised(seal, SEED, DEVICE_SECRET, SOURCE_DEVICE, MIN_ITERATIONS, SALT, IV)
    assert isinstance(error, KeystoreError)
