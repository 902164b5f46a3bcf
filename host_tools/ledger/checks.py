"""Checks of the arguments that the ledger is given, and its only signature check."""

from nacl.bindings import crypto_core_ed25519_is_valid_point
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from joulestream.channel import SIGNATURE_SIZE
from joulestream.host_tools.ledger.errors import LedgerError, short

# Year 6325: with any dispute window added, a calendar of four digits still shows it.
_MAX_TIME_S = (1 << 37) - 1


def check_range(name: str, value: int, least: int, most: int) -> None:
    """Raise LedgerError unless `value` is from `least` to `most`."""
    if not least <= value <= most:
        raise LedgerError(f"the {name} is {value}; it must be from {least} to {most}")


def check_time(now_s: int) -> None:
    """Raise LedgerError unless `now_s` is a unix time that the ledger can store."""
    check_range("time in s", now_s, 0, _MAX_TIME_S)


def check_size(name: str, data: bytes, size: int) -> None:
    """Raise LedgerError unless `data` has `size` bytes."""
    if len(data) != size:
        raise LedgerError(f"the {name} has {len(data)} bytes; it must have {size}")


def check_key(side: str, key: bytes) -> None:
    """Raise LedgerError unless `key` (32 bytes) is in the prime-order subgroup of Ed25519.

    Under any other key the verifiers in the field disagree (Chalkias et al., "Taming the many
    EdDSAs", 2020). A ledger might then refuse a claim that a pole accepted.
    """
    if not crypto_core_ed25519_is_valid_point(bytes(key)):
        raise LedgerError(
            f"the {side}'s key {short(key)} is not in the prime-order subgroup of Ed25519; "
            "make a new key"
        )


def is_signed(key: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether `signature` (64 bytes) of `message` verifies under `key` (libsodium)."""
    check_size("signature", signature, SIGNATURE_SIZE)
    try:
        VerifyKey(key).verify(message, bytes(signature))
    except BadSignatureError:
        return False
    return True
