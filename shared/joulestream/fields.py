"""Fixed-width fields of a record, to bytes and back. Integers are unsigned and big-endian.

A layout is a tuple of `(name, size_in_bytes, kind)`. Sizes never vary, so a record of the wrong
length is refused before any of its fields is read. The work on bytes is native code
(shared/native/binding.c).
"""

from joulestream.compat import const, dataclass_transform
from joulestream.errors import LocalError, MalformedError
from joulestream.native import read_fields as _read
from joulestream.native import write_fields as _write

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any, ClassVar, TypeAlias, TypeVar

    Layout: TypeAlias = tuple[tuple[str, int, int], ...]
    Buffer: TypeAlias = bytes | bytearray | memoryview
    R = TypeVar("R", bound="Record")

UINT = const(0)
BYTES = const(1)

# Of an unsigned integer with 8 bytes.
_LARGEST = 0xFFFFFFFFFFFFFFFF


def size_of(layout: "Layout") -> int:
    """Return the size of a record with this layout, in bytes."""
    return sum(field[1] for field in layout)


def write_fields(layout: "Layout", source: object, out: bytearray, offset: int) -> int:
    """Write the attributes of `source` that the layout names into `out` at `offset`.

    Returns the offset behind the last byte. Raises LocalError when a value does not fit its field.
    """
    end = _write(layout, source, out, offset, _LARGEST)
    if end < 0:
        raise _misfit(layout[-1 - end])
    return end


def _misfit(row: "tuple[str, int, int]") -> LocalError:
    """Return the error for a value that does not fit the field of a layout's row."""
    verb = "does not fit" if row[2] == UINT else "is not"
    return LocalError("%s %s %d bytes" % (row[0], verb, row[1]))


def read_fields(layout: "Layout", target: object, data: "Buffer", offset: int) -> int:
    """Set the attributes of `target` that the layout names from `data` at `offset`.

    Returns the offset behind the last byte. Raises MalformedError when `data` is too short.
    """
    end = _read(layout, target, data, offset)
    if end < 0:
        raise MalformedError("truncated")
    return end


@dataclass_transform(kw_only_default=True)
class Record:
    """A value with a fixed layout that reads and writes itself.

    A subclass names its fields twice: as annotations, which a type checker reads and MicroPython
    drops, and in `LAYOUT`, which both runtimes use. A test compares the two.
    """

    LAYOUT: "ClassVar[Layout]" = ()

    if not TYPE_CHECKING:

        def __init__(self, **values):
            for name in values:
                setattr(self, name, values[name])

    @classmethod
    def from_bytes(cls: "type[R]", data: "Buffer") -> "R":
        """Return the record in `data`. Raises MalformedError unless the length is exact."""
        record: Any = cls()
        if read_fields(cls.LAYOUT, record, data, 0) != len(data):
            raise MalformedError("trailing bytes")
        return record

    def to_bytes(self) -> bytes:
        """Return the record as bytes. Raises LocalError when a value does not fit its field."""
        out = bytearray(size_of(self.LAYOUT))
        write_fields(self.LAYOUT, self, out, 0)
        return bytes(out)
