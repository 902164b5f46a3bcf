"""Makes the board's keys on the board: the device secret, and the seed of its Ed25519 key.

The secrets never leave the board; only the public key does. Each secret is a SHA-256 over random
bytes of the board and of the host, so it is as hard to guess as the better of the two: an ESP32's
generator is a true source while its radio is on, a Pico's ring oscillator is not.

A key that is there stays: with its key, a wallet or a pole loses its money.
"""

import os
import time
from hashlib import sha256

from joulestream.compat import const
from joulestream.device.keyfile import open_signer
from joulestream.device.keystore import IV_SIZE, SALT_SIZE, SOURCE_DEVICE, seal
from joulestream.parts.device_secret import read_device_secret

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

_DRAW = const(64)
_JITTERS = const(64)


def make_key(seed_path: str, secret_path: str, host_random: bytes) -> bytes:
    """Return the public key of the board. Keys that are missing are made.

    Args:
        seed_path: the file of the sealed seed.
        secret_path: the file of the device secret.
        host_random: 32 random bytes of the host, which are no secret.

    Raises ValueError, in one sentence, when the board has no random source, or a key cannot be
    opened or stored.
    """
    if not _exists(seed_path):
        if not hasattr(os, "urandom"):
            raise ValueError("this MicroPython has no os.urandom, so no key can be made on it")
        radio = _radio()
        was_on = radio is None or radio.active()
        try:
            if not was_on:
                radio.active(True)
            _make(seed_path, secret_path, host_random)
        finally:
            if not was_on:
                radio.active(False)
    signer = open_signer(seed_path, lambda source: read_device_secret(secret_path))
    signer.close()
    return signer.public_key


def _make(seed_path: str, secret_path: str, host_random: bytes) -> None:
    if not _exists(secret_path):
        text = "".join(["%02x" % byte for byte in _draw(b"device secret", host_random)])
        _write(secret_path, text.encode())
    sealed = seal(
        _draw(b"seed", host_random),
        read_device_secret(secret_path),
        SOURCE_DEVICE,
        0,
        _draw(b"salt", host_random)[:SALT_SIZE],
        _draw(b"iv", host_random)[:IV_SIZE],
    )
    _write(seed_path, sealed)


def _draw(purpose: bytes, host_random: bytes) -> bytes:
    """Return 32 bytes that nobody can predict without the board's and the host's random bytes."""
    # Of fixed size each, so that no two inputs make the same text.
    drawn = sha256(b"joulestream key" + sha256(purpose).digest() + sha256(host_random).digest())
    drawn.update(os.urandom(_DRAW))
    ticks: Any = time
    count = ticks.ticks_us if hasattr(time, "ticks_us") else time.perf_counter_ns
    for _ in range(_JITTERS):
        # The time of a draw depends on caches and interrupts. It is an addition, and no source.
        drawn.update(os.urandom(1) + (count() & 0xFFFFFFFF).to_bytes(4, "big"))
    return drawn.digest()


def _radio() -> "Any":
    """Return the radio of the chip, None where it has none."""
    try:
        from network import WLAN
    except ImportError:
        return None
    return WLAN(WLAN.IF_STA)


def _write(path: str, data: bytes) -> None:
    """Write a file whole or not at all."""
    try:
        with open(path + ".new", "wb") as file:
            file.write(data)
        os.rename(path + ".new", path)
    except OSError:
        raise ValueError("%s cannot be stored; the flash is full or fails" % path)


def _exists(path: str) -> bool:
    try:
        os.stat(path)
    except OSError:
        return False
    return True
