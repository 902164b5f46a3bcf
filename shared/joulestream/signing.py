"""Ed25519 signatures: the only caller of the native module.

Plain Ed25519 (RFC 8032), verified exactly as libsodium does. There is no other implementation
to fall back to: without the native module this import fails.
"""

try:
    import _ed25519
except (ImportError, ValueError):  # ValueError: an .mpy built for another architecture
    raise ImportError("the native module _ed25519 is missing or unusable: run `make setup`")

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

    Expands the seed anew, which doubles the work of Signer.sign(). Raises ValueError on another
    length of seed, TypeError on anything not bytes-like.
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

    Raises ValueError on another length of key or signature, TypeError on anything not
    bytes-like. A key or signature that is merely bad is no error: the answer is False.
    """
    return _ed25519.verify(public_key, message, signature)


class Signer:
    """A secret key, ready to sign: the seed is expanded once, and can be wiped.

    Args:
        seed: 32 secret bytes, not kept.

    Attributes:
        public_key: the 32-byte public key.
    """

    def __init__(self, seed: bytes | bytearray | memoryview) -> None:
        self._expanded = _ed25519.expand(seed, bytearray(_EXPANDED_SIZE))
        self._open = True
        self.public_key = bytes(self._expanded[-PUBLIC_KEY_SIZE:])

    def sign(self, message: bytes | bytearray | memoryview) -> bytes:
        """Return the 64-byte signature of a message. Raises ValueError once closed."""
        return bytes(self.sign_into(message, bytearray(SIGNATURE_SIZE)))

    def sign_into(
        self, message: bytes | bytearray | memoryview, out: bytearray | memoryview
    ) -> bytearray | memoryview:
        """Write the signature of a message into out (64 writable bytes) and return out.

        Allocates nothing on the heap. Raises ValueError once closed or on another length of
        out, TypeError on anything not bytes-like.
        """
        if not self._open:
            raise ValueError("signer is closed")
        return _ed25519.sign(self._expanded, message, out)

    def close(self) -> None:
        """Wipe the secret. The public key stays; signing raises ValueError from now on."""
        self._open = False
        for i in range(_EXPANDED_SIZE):
            self._expanded[i] = 0

    def __repr__(self) -> str:
        return f"Signer(public_key={self.public_key.hex()})"


class Verifier:
    """A public key, checked once and ready to verify many signatures.

    Making one costs what four verifications do, and 6 KB of memory: a table that makes each
    verification three times as fast as verify().

    Args:
        public_key: 32 bytes. Any 32 bytes are taken: under a key that no signature can be good
            for, verify() answers False.
        table: memory for the table, TABLE_SIZE writable bytes, given up to this object; for
            firmware that sets it aside at its start and uses it for one key after the other.

    Attributes:
        public_key: the same, as bytes.

    Raises:
        ValueError: public_key or table has another length, or table is not aligned to 4 bytes.
        TypeError: public_key is not bytes-like, or table not writable.
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

        Allocates nothing on the heap. Raises ValueError on another length of signature,
        TypeError on anything not bytes-like.
        """
        if self._table is None:  # False, after the same checks of the arguments
            return _ed25519.verify(self.public_key, message, signature)
        return _ed25519.verify_prepared(self._table, self.public_key, message, signature)

    def __repr__(self) -> str:
        return f"Verifier(public_key={self.public_key.hex()})"
