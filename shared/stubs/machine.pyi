"""The part of MicroPython's module `machine` that boards use."""

from typing import NoReturn

def reset() -> NoReturn: ...
