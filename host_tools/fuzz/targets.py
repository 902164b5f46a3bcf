"""All fuzz targets by name: each is a function that takes an input's bytes.

A target raises whatever goes wrong: fuzz.choices.Broken where an invariant does not hold.
"""

from importlib import import_module

# name: the longest input that is worth trying, in bytes
TARGETS = {
    "framing": 2_048,
    "messages": 600,
    "session": 1_024,
    "charging": 512,
    "journal": 512,
}


def load(name):
    """Return the function that checks one input of the target `name`."""
    return import_module("joulestream.host_tools.fuzz." + name).check
