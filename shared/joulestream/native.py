"""The native module `_ed25519`: signatures, frames, checksums, fields, ticks and records.

There is no second implementation to fall back to. Without the right native module this import
fails on a computer. A board must open its contactor before it says so. There the import goes on,
and the first call of a native function raises ValueError with the same sentence.
"""

import sys

from joulestream.compat import const

TYPE_CHECKING = const(0)

_fault = ""
try:
    import _ed25519

    # The newest function: a module of an older version lacks it.
    if not hasattr(_ed25519, "journal_record"):
        _fault = "is of another version of Joulestream"
except ImportError:
    _fault = "is missing"
except MemoryError:
    _fault = "does not fit into the memory"
except (ValueError, RuntimeError):  # MicroPython refuses the file, or the module MicroPython
    _fault = "is for another processor or another MicroPython"
if _fault:
    _fault = "the native module _ed25519 %s: " % _fault
    if sys.implementation.name != "micropython":
        raise ImportError(_fault + "run `make setup`")


def check() -> None:
    """Raise ValueError, in one sentence, unless the native module can be used."""
    if _fault:
        raise ValueError(_fault + "copy the one for this board's processor from the same release")


if TYPE_CHECKING or not _fault:
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
else:

    def _refuse(*arguments):
        check()

    class ed25519:
        """Stands for the module; every signature is refused."""

        public_key = expand = sign = verify = prepare = verify_prepared = _refuse

    crc16 = frame_encode = frame_feed = journal_record = read_fields = _refuse
    small_int = ticks_add = ticks_diff = write_fields = _refuse
