"""Names that only one of the two Python runtimes has, so that both can run the same source.

MicroPython's compiler replaces `const(x)` by its value. A type checker believes that
`TYPE_CHECKING` is true; no runtime does, and MicroPython has no `typing` module to ask.
"""

TYPE_CHECKING = False

try:
    from micropython import const
except ImportError:

    def const(value: int) -> int:
        """Return `value`, as MicroPython's `const` does."""
        return value


if TYPE_CHECKING:
    from typing import dataclass_transform as dataclass_transform
else:

    def dataclass_transform(**options):
        """Return a decorator that changes nothing; the mark is for a type checker."""
        return lambda decorated: decorated
