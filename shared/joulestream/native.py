"""The native module `_ed25519`: signatures, frames, checksums, fields and ticks.

There is no second implementation to fall back to on a board. Without the right native module this
import fails on a computer. A firmware must open its contactor before it says so: it calls
check_native(), and until then every function of the module raises ImportError. signing.py alone
calls the signatures.
"""

import sys

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any, NoReturn

# The version of the native module's functions that our files call. shared/ed25519/ed25519.h has
# the same number; both go up when a function takes or returns something else, or is new.
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
except (ValueError, RuntimeError):  # MicroPython refuses the file, or the module refuses it
    _fault = "is for another processor or another MicroPython"


def check_native() -> None:
    """Raise ValueError, in one sentence, unless the native module can be used."""
    if _fault:
        raise ValueError(_fault + "copy the one for this board's processor from the same release")


if _fault:
    _fault = "the native module _ed25519 %s: " % _fault
    if sys.implementation.name != "micropython":
        raise ImportError(_fault + "run `make setup`")

    def _refuse(*_: "Any") -> "NoReturn":
        raise ImportError(_fault)

    class _Refuses:
        def __getattr__(self, name: str) -> "Any":
            return _refuse

    _ed25519 = _Refuses()  # type: ignore[assignment]


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
