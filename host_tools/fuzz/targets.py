"""All fuzz targets by name: each is a function that takes an input's bytes.

A target raises fuzz.choices.Broken where an invariant does not hold; any other exception is a
fault too.
"""

from collections.abc import Callable
from importlib import import_module

# name: the longest input that is worth trying, in bytes
TARGETS = {
    "framing": 2_048,
    "messages": 600,
    "session": 1_024,
    "charging": 512,
    "journal": 512,
}


def load(name: str) -> Callable[[bytes], None]:
    """Return the function that checks one input of the target `name`."""
    check: Callable[[bytes], None] = import_module("joulestream.host_tools.fuzz." + name).check
    return check
