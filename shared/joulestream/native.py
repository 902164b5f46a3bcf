"""The native module `_ed25519`: signatures, frames, checksums, fields and ticks.

There is no second implementation to fall back to on a board: without the right native module this
import fails. signing.py alone calls the signatures.
"""

try:
    import _ed25519
except (ImportError, ValueError):  # ValueError: the .mpy is for another architecture
    raise ImportError("the native module _ed25519 is missing or unusable: run `make setup`")

if not hasattr(_ed25519, "journal_record"):
    raise ImportError("the native module _ed25519 is of an older version: run `make setup`")

ed25519 = _ed25519
crc16 = _ed25519.crc16
frame_encode = _ed25519.frame_encode
frame_feed = _ed25519.frame_feed
journal_record = _ed25519.journal_record
read_fields = _ed25519.read_fields
small_int = _ed25519.small_int
ticks_add = _ed25519.ticks_add
ticks_diff = _ed25519.ticks_diff
write_fields = _ed25519.write_fields
