"""Ed25519 signatures. No other file calls the signatures of the native module.

Signing is plain Ed25519 (RFC 8032). Verifying accepts exactly the signatures that libsodium
accepts. There is no second implementation to fall back to: native.py says so of the whole module.
"""

from joulestream.native import ed25519 as _ed25519

SEED_SIZE = 32
PUBLIC_KEY_SIZE = 32
SIGNATURE_SIZE = 64
TABLE_SIZE = 6144
_EXPANDED_SIZE = 96


def public_key(seed: bytes | bytearray | memoryview) -> bytes:
    """Return the public key (32 bytes) of a seed (32 secret bytes).

    Raises ValueError if the seed has another length, TypeError if it is not bytes-like.
    """
    return _ed25519.public_key(seed)


def sign(seed: bytes | bytearray | memoryview, message: bytes | bytearray | memoryview) -> bytes:
    """Return the signature (64 bytes) of a message under a seed (32 secret bytes).

    The seed is expanded for this one signature, which doubles the work of Signer.sign(). Raises
    ValueError for another length of seed, TypeError for an argument that is not bytes-like.
    """
    signer = Signer(seed)
    try:
        return signer.sign(message)
    finally:
        signer.close()


def verify(
    public_key: bytes | bytearray | memoryview,
    message: bytes | bytearray | memoryview,
    signature: bytes | bytearray | memoryview,
) -> bool:
    """Tell whether a signature (64 bytes) of a message is good under a public key (32 bytes).

    Raises ValueError for another length of key or signature, TypeError for an argument that is not
    bytes-like. A bad key or signature of the right length is no error: the answer is False.
    """
    return _ed25519.verify(public_key, message, signature)


class Signer:
    """A secret key that is ready to sign. The seed is expanded once; close() wipes it.

    Args:
        seed: 32 secret bytes, not kept.

    Attributes:
        public_key: the 32-byte public key.
    """

    def __init__(self, seed: bytes | bytearray | memoryview) -> None:
        self._expanded = _ed25519.expand(seed, bytearray(_EXPANDED_SIZE))
        self._open = True
        self.public_key = bytes(self._expanded[-PUBLIC_KEY_SIZE:])

    @property
    def holds_secret(self) -> bool:
        """Whether any byte of the secret is still in memory."""
        return any(self._expanded[:-PUBLIC_KEY_SIZE])

    def sign(self, message: bytes | bytearray | memoryview) -> bytes:
        """Return the 64-byte signature of a message. Raises ValueError once closed."""
        return bytes(self.sign_into(message, bytearray(SIGNATURE_SIZE)))

    def sign_into(
        self, message: bytes | bytearray | memoryview, out: bytearray | memoryview
    ) -> bytearray | memoryview:
        """Write the signature of a message into `out` (64 writable bytes); return `out`.

        Nothing is allocated on the heap. Raises ValueError after close() or for another length
        of `out`, TypeError for an argument that is not bytes-like.
        """
        if not self._open:
            raise ValueError("signer is closed")
        return _ed25519.sign(self._expanded, message, out)

    def close(self) -> None:
        """Wipe the secret. The public key stays. Signing raises ValueError from now on."""
        self._open = False
        for i in range(_EXPANDED_SIZE):
            self._expanded[i] = 0

    def __repr__(self) -> str:
        return f"Signer(public_key={self.public_key.hex()})"


class Verifier:
    """A public key that is checked once and then verifies many signatures.

    It costs as much as four verifications to make one, and a table of 6 KB. The table makes each
    verification three times as fast as verify().

    Args:
        public_key: 32 bytes. Any 32 bytes are accepted: if no signature can be good under them,
            verify() answers False.
        table: TABLE_SIZE writable bytes that this object uses from now on. A firmware allocates
            them at its start and uses them for one key after the other.

    Attributes:
        public_key: the key, as bytes.

    Raises:
        ValueError: public_key or table has another length, or table is not aligned to 4 bytes.
        TypeError: public_key is not bytes-like, or table is not writable.
    """

    def __init__(
        self, public_key: bytes | bytearray | memoryview, table: bytearray | None = None
    ) -> None:
        if table is None:
            table = bytearray(TABLE_SIZE)
        self._table = table if _ed25519.prepare(public_key, table) else None
        self.public_key = bytes(public_key)

    def verify(
        self,
        message: bytes | bytearray | memoryview,
        signature: bytes | bytearray | memoryview,
    ) -> bool:
        """Tell whether a signature (64 bytes) of a message is good under this key.

        Nothing is allocated on the heap. Raises ValueError for another length of signature,
        TypeError for an argument that is not bytes-like.
        """
        if self._table is None:  # the answer is False, after the same checks of the arguments
            return _ed25519.verify(self.public_key, message, signature)
        return _ed25519.verify_prepared(self._table, self.public_key, message, signature)

    def __repr__(self) -> str:
        return f"Verifier(public_key={self.public_key.hex()})"
