"""Names that only one of the two Python runtimes has, so that both can run the same source.

MicroPython's compiler replaces `const(x)` by its value, and a name that is set to it as well. A
module with imports for a type checker alone sets `TYPE_CHECKING = const(0)` in front of them. A
type checker believes that a name so called is true; MicroPython compiles no code for the block.
"""

try:
    from micropython import const
except ImportError:

    def const(value: int) -> int:
        """Return `value`, as MicroPython's `const` does."""
        return value


TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import dataclass_transform as dataclass_transform
else:

    def dataclass_transform(**options):
        """Return a decorator that changes nothing; the mark is for a type checker."""
        return lambda decorated: decorated
