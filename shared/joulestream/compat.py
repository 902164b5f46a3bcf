"""What both runtimes need to share one source.

`const` is folded away by MicroPython's compiler and the identity on CPython. A type checker takes
`TYPE_CHECKING` for true; neither runtime does, and MicroPython has no `typing` to have it from.
"""

TYPE_CHECKING = False

try:
    from micropython import const
except ImportError:

    def const(value):
        """Return `value`, as MicroPython's `const` does."""
        return value
