"""`const` for both runtimes: folded away by MicroPython's compiler, the identity on CPython."""

try:
    from micropython import const
except ImportError:

    def const(value):
        """Return `value`, as MicroPython's `const` does."""
        return value
