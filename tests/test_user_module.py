"""The Ed25519 module linked into a firmware, as a user C module, on the emulated board."""

import fcntl
from pathlib import Path

import pytest

from host_tools import board, toolchain

ROOT = Path(__file__).resolve().parents[1]

RUN = """
import _ed25519
seed, message = bytes(range(32)), b"CLM"
expanded = _ed25519.expand(seed)
public = _ed25519.public_key(seed)
signature = _ed25519.sign(expanded, message)
table = bytearray(6144)
assert _ed25519.prepare(public, table)
assert _ed25519.verify(public, message, signature)
assert _ed25519.verify_prepared(table, public, message, signature)
assert not _ed25519.verify_prepared(table, public, b"", signature)
try:
    _ed25519.sign(b"", message)
except ValueError as error:
    print(signature.hex(), error)
"""

pytestmark = pytest.mark.xdist_group("emulated board")


def test_linked_into_a_firmware():
    import _ed25519

    modules = toolchain.BUILD / "board-usermod-src"
    modules.mkdir(parents=True, exist_ok=True)
    for source in (board.SOURCE, toolchain.ED25519):
        link = modules / source.name
        if not link.exists():
            link.symlink_to(source)
    try:
        with open(toolchain.BUILD / "board.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            variables = {
                "USER_C_MODULES": str(modules),
                "MONOCYPHER_DIR": str(toolchain.tree(toolchain.MONOCYPHER)),
            }
            firmware = board.build(variables, "board-usermod")
    except toolchain.ToolchainError as error:
        if "install" not in str(error):
            raise
        pytest.skip(f"user C module not tested: {error}")
    with board.EmulatedBoard(firmware) as machine:
        printed = machine.mpremote("exec", RUN)
    signature = _ed25519.sign(_ed25519.expand(bytes(range(32))), b"CLM").hex()
    assert printed.strip() == f"{signature} expanded key must be 96 bytes"
