"""Fixed-width fields of a record, to bytes and back. Integers are unsigned and big-endian.

A layout is a tuple of `(name, size_in_bytes, kind)`. Sizes never vary, so a record of the wrong
length is refused before any of its fields is read.
"""

from struct import pack_into, unpack_from

from joulestream.compat import const, dataclass_transform
from joulestream.errors import LocalError, MalformedError

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any, ClassVar, TypeAlias, TypeVar

    Layout: TypeAlias = tuple[tuple[str, int, int], ...]
    Buffer: TypeAlias = bytes | bytearray | memoryview
    R = TypeVar("R", bound="Record")

UINT = const(0)
BYTES = const(1)

# size in bytes: (struct format, largest value). Packing by format allocates nothing; slices,
# to_bytes() and shifts of large integers do. Six bytes have no format, see _pack_48.
_FORMATS = {
    1: (">B", 0xFF),
    4: (">I", 0xFFFFFFFF),
    6: ("", 0xFFFFFFFFFFFF),
    8: (">Q", 0xFFFFFFFFFFFFFFFF),
}


def size_of(layout: "Layout") -> int:
    """Return the size of a record with this layout, in bytes."""
    return sum(field[1] for field in layout)


def write_fields(layout: "Layout", source: object, out: bytearray, offset: int) -> int:
    """Write the attributes of `source` that the layout names into `out` at `offset`.

    A field of 6 bytes needs at least 2 bytes before it in `out`. Returns the offset behind the
    last byte. Raises LocalError when a value does not fit its field.
    """
    for name, size, kind in layout:
        value = getattr(source, name)
        if kind == UINT:
            form, largest = _FORMATS[size]
            if value < 0 or value > largest:
                raise LocalError("%s does not fit %d bytes" % (name, size))
            if form:
                pack_into(form, out, offset, value)
            else:
                _pack_48(out, offset, value)
        else:
            if len(value) != size:
                raise LocalError("%s is not %d bytes" % (name, size))
            out[offset : offset + size] = value
        offset += size
    return offset


def read_fields(layout: "Layout", target: object, data: "Buffer", offset: int) -> int:
    """Set the attributes of `target` that the layout names from `data` at `offset`.

    Returns the offset behind the last byte. Raises MalformedError when `data` is too short.
    """
    for name, size, kind in layout:
        end = offset + size
        if end > len(data):
            raise MalformedError("truncated")
        if kind != UINT:
            value = bytes(data[offset:end])
        elif size == 6:
            high, value = unpack_from(">HI", data, offset)
            if high:
                value |= high << 32
        else:
            value = unpack_from(_FORMATS[size][0], data, offset)[0]
        setattr(target, name, value)
        offset = end
    return offset


def _pack_48(out: bytearray, offset: int, value: int) -> None:
    """Write 6 bytes as the low end of 8, then restore the 2 bytes in front of them."""
    first, second = out[offset - 2], out[offset - 1]
    pack_into(">Q", out, offset - 2, value)
    out[offset - 2] = first
    out[offset - 1] = second


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
