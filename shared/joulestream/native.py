"""The native module `_ed25519`: signatures, frames, checksums, fields and ticks.

signing.py alone calls the signatures. There is no second implementation to fall back to on a
board. Without the right native module this import fails on a computer. A firmware must open its
contactor before it says so: there, each function refuses, and the firmware calls check_native().
"""

import sys

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

# The version of the native module's functions that this tree calls. shared/ed25519/ed25519.h has
# the same number; both go up when a function takes or returns something else.
_BINDING = const(2)

_fault = ""
try:
    import _ed25519

    if getattr(_ed25519, "BINDING", None) != _BINDING:
        _fault = "is of another version of Joulestream"
except ImportError:
    _fault = "is missing"
except MemoryError:
    _fault = "does not fit into the memory"
except (RuntimeError, ValueError):  # MicroPython refuses the file, or the file MicroPython
    _fault = "is for another processor or another MicroPython"
if _fault:
    _fault = "the native module _ed25519 %s: " % _fault
    if sys.implementation.name != "micropython":
        raise ImportError(_fault + "run `make setup`")


def check_native(*_: object) -> None:
    """Raise ValueError, in one sentence, unless the native module can be used."""
    if _fault:
        raise ValueError(_fault + "copy the one for this board's processor from the same release")


class _Refusing:
    """Stands in for a module that cannot be used: each of its functions refuses."""

    def __getattr__(self, name: str) -> object:
        return check_native


ed25519: "Any" = _Refusing() if _fault else _ed25519
crc16 = ed25519.crc16
frame_encode = ed25519.frame_encode
frame_feed = ed25519.frame_feed
journal_record = ed25519.journal_record
read_fields = ed25519.read_fields
small_int = ed25519.small_int
ticks_add = ed25519.ticks_add
ticks_diff = ed25519.ticks_diff
write_fields = ed25519.write_fields
