"""All fuzz targets by name. A target is a function that takes an input's bytes.

It raises choices.InvariantBroken if an invariant does not hold. Any other exception is a fault.
"""

from collections.abc import Callable
from importlib import import_module

# name: the longest input to try, in bytes; a longer one only repeats acts and is slow
TARGETS = {
    "framing": 2_048,
    "isotp": 512,
    "messages": 600,
    "session": 1_024,
    "charging": 512,
    "journal": 512,
    "service": 512,
}


def load(name: str) -> Callable[[bytes], None]:
    """Return the function that checks one input of the target `name`."""
    check: Callable[[bytes], None] = import_module("joulestream.host_tools.fuzz." + name).check
    return check
