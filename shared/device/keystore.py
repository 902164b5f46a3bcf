"""A seed at rest: it is sealed into 105 bytes, and the same secret opens it again.

The seed is encrypted with AES-256 in CBC mode (FIPS 197, SP 800-38A), and HMAC-SHA256 (RFC 2104)
covers all that stands before it: encrypt, then MAC. Both keys come from one main key by a step of
HKDF-Expand each (RFC 5869). That main key is the device secret, or the passphrase stretched by
PBKDF2-HMAC-SHA256 (RFC 8018) to one block. One block for each key would cost the board twice the
time, and cost an attacker no more: the block of the MAC's key is enough to test a guess.
"""

from joulestream.compat import TYPE_CHECKING, const
from joulestream.device.kdf import hmac_sha256, pbkdf2_sha256, same
from joulestream.errors import MalformedError
from joulestream.fields import BYTES, UINT, Record, size_of

try:
    import cryptolib
except ImportError:  # no other cipher, and no plain text, takes its place
    cryptolib = None  # type: ignore[assignment]

if TYPE_CHECKING:
    pass

SOURCE_PASSPHRASE = const(1)
SOURCE_DEVICE = const(2)

MAGIC = b"JSK1"
SEED_SIZE = const(32)
SALT_SIZE = const(16)
IV_SIZE = const(16)
DEVICE_SECRET_SIZE = const(32)
MIN_ITERATIONS = const(1_000)
MAX_ITERATIONS = const(1_000_000)
_TAG_SIZE = const(32)
_CBC = const(2)

# source: (name, smallest and largest secret in bytes, fewest and most iterations)
_SOURCES = {
    SOURCE_PASSPHRASE: ("passphrase", 1, 1_024, MIN_ITERATIONS, MAX_ITERATIONS),
    SOURCE_DEVICE: ("device secret", DEVICE_SECRET_SIZE, DEVICE_SECRET_SIZE, 0, 0),
}


class KeystoreError(ValueError):
    """A seed cannot be sealed or opened: one sentence, which never shows a secret."""


class Sealed(Record):
    """A sealed seed as it is stored; `tag` is the HMAC of all fields before it."""

    magic: bytes
    source: int
    iterations: int
    salt: bytes
    iv: bytes
    ciphertext: bytes
    tag: bytes
    LAYOUT = (
        ("magic", len(MAGIC), BYTES),
        ("source", 1, UINT),
        ("iterations", 4, UINT),
        ("salt", SALT_SIZE, BYTES),
        ("iv", IV_SIZE, BYTES),
        ("ciphertext", SEED_SIZE, BYTES),
        ("tag", _TAG_SIZE, BYTES),
    )


SEALED_SIZE = size_of(Sealed.LAYOUT)


def source_name(source: int) -> str:
    """Return the name of the secret of that source, SOURCE_PASSPHRASE or SOURCE_DEVICE."""
    return _SOURCES[source][0]


def seal(
    seed: bytes, secret: bytes, source: int, iterations: int, salt: bytes, iv: bytes
) -> bytes:
    """Return a seed sealed with a secret, as SEALED_SIZE bytes.

    Args:
        seed: 32 secret bytes.
        secret: the passphrase, 1 to 1,024 bytes, or the device secret, 32 random bytes.
        source: SOURCE_PASSPHRASE or SOURCE_DEVICE.
        iterations: those of PBKDF2, MIN_ITERATIONS to MAX_ITERATIONS; 0 for a device secret.
        salt: 16 bytes that no other sealed seed has.
        iv: 16 random bytes.

    Raises:
        KeystoreError: an argument has another size, or there is no cipher on this board.
    """
    _check_cipher()
    if (len(seed), len(salt), len(iv)) != (SEED_SIZE, SALT_SIZE, IV_SIZE):
        raise KeystoreError("a seal takes a seed of 32 bytes, a salt of 16 and an IV of 16")
    _check_iterations(source, iterations)
    _check_secret(source, secret)
    cipher_key, tag_key = _keys(secret, iterations, salt)
    record = Sealed(
        magic=MAGIC,
        source=source,
        iterations=iterations,
        salt=salt,
        iv=iv,
        ciphertext=cryptolib.aes(cipher_key, _CBC, iv).encrypt(seed),
        tag=bytes(_TAG_SIZE),
    )
    covered = record.to_bytes()[:-_TAG_SIZE]
    return covered + hmac_sha256(tag_key, covered)


def read_sealed(data: bytes) -> Sealed:
    """Return the Sealed in `data`. Its `source` names the secret. Verifies nothing yet.

    Raises KeystoreError for another length, format or source, for too few or too many
    iterations, or when there is no cipher on this board.
    """
    _check_cipher()
    if data[: len(MAGIC)] != MAGIC:
        raise KeystoreError("this is no sealed key; `joulestream keys reseal` seals a plain one")
    try:
        record = Sealed.from_bytes(data)
    except MalformedError:
        raise KeystoreError("the sealed key is cut short or too long; restore a copy of it")
    _check_iterations(record.source, record.iterations)
    return record


def open_sealed(data: bytes, secret: bytes) -> bytearray:
    """Return the seed sealed in `data`, as a bytearray of 32 bytes, for the caller to wipe.

    Decrypts only after the tag proved that no byte of `data` was changed.

    Args:
        data: bytes that seal() returned.
        secret: the passphrase or the device secret, as bytes.

    Raises:
        KeystoreError: the secret is another, `data` was changed, or there is no cipher on this
            board.
    """
    record = read_sealed(data)
    _check_secret(record.source, secret)
    cipher_key, tag_key = _keys(secret, record.iterations, record.salt)
    if not same(hmac_sha256(tag_key, data[:-_TAG_SIZE]), record.tag):
        raise KeystoreError("the %s is wrong or the file was changed" % source_name(record.source))
    seed = bytearray(SEED_SIZE)
    cryptolib.aes(cipher_key, _CBC, record.iv).decrypt(record.ciphertext, seed)
    return seed


def _keys(secret: bytes, iterations: int, salt: bytes) -> "tuple[bytes, bytes]":
    """Return the keys of the cipher and of the MAC. Another salt gives other keys."""
    main_key = pbkdf2_sha256(secret, salt, iterations) if iterations else secret
    return (
        hmac_sha256(main_key, b"joulestream keystore cipher" + salt + b"\1"),
        hmac_sha256(main_key, b"joulestream keystore tag" + salt + b"\1"),
    )


def _check_cipher() -> None:
    if cryptolib is None:
        raise KeystoreError(
            "this board has no cryptolib and so cannot open an encrypted key; "
            "use a MicroPython that has it"
        )


def _check_secret(source: int, secret: bytes) -> None:
    name, least, most, _, _ = _SOURCES[source]
    if not least <= len(secret) <= most:
        raise KeystoreError("the %s is too short or too long" % name)


def _check_iterations(source: int, iterations: int) -> None:
    if source not in _SOURCES:
        raise KeystoreError("the key is sealed with a kind of secret that is not known here")
    name, _, _, least, most = _SOURCES[source]
    if not least <= iterations <= most:
        raise KeystoreError("%d iterations are too few or too many for a %s" % (iterations, name))
