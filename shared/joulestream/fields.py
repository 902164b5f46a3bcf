"""Tables of fixed-width fields, to bytes and back. Integers are unsigned and big-endian.

A layout is a tuple of `(name, size_in_bytes, kind)`; sizes never vary, so a record of the wrong
length is refused before any field of it is read.
"""

from struct import pack_into, unpack_from

from joulestream.compat import TYPE_CHECKING, const
from joulestream.errors import LocalError, MalformedError

UINT = const(0)
BYTES = const(1)

# size in bytes: (struct format, largest value). Neither format nor bound costs an allocation,
# which slices, to_bytes() and shifts do.
_FORMATS = {
    1: (">B", 0xFF),
    4: (">I", 0xFFFFFFFF),
    6: ("", 0xFFFFFFFFFFFF),
    8: (">Q", 0xFFFFFFFFFFFFFFFF),
}


def size_of(layout):
    """Return the encoded size of `layout` in bytes."""
    return sum(field[1] for field in layout)


def write_fields(layout, source, out, offset):
    """Write the attributes of `source` named by `layout` into `out` at `offset`.

    Returns the offset after the last byte. Raises LocalError for a value that does not fit. A
    field of 6 bytes has 2 bytes or more before it in `out`.
    """
    for name, size, kind in layout:
        value = getattr(source, name)
        if kind == UINT:
            form, most = _FORMATS[size]
            if value < 0 or value > most:
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


def read_fields(layout, target, data, offset):
    """Set the attributes of `target` named by `layout` from `data` at `offset`.

    Returns the offset after the last byte. Raises MalformedError when `data` is too short.
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


def _pack_48(out, offset, value):
    """Write 6 bytes: as 8, whose first two are put back to what stood there."""
    first, second = out[offset - 2], out[offset - 1]
    pack_into(">Q", out, offset - 2, value)
    out[offset - 2] = first
    out[offset - 1] = second


class Record:
    """A value with a fixed layout that reads and writes itself."""

    LAYOUT: tuple = ()

    if TYPE_CHECKING:

        def __getattr__(self, name): ...

        def __setattr__(self, name, value): ...

    def __init__(self, **values):
        for name in values:
            setattr(self, name, values[name])

    @classmethod
    def from_bytes(cls, data):
        """Return the record in `data`; raises MalformedError unless its length is exact."""
        record = cls()
        if read_fields(cls.LAYOUT, record, data, 0) != len(data):
            raise MalformedError("trailing bytes")
        return record

    def to_bytes(self):
        """Return the encoded record. Raises LocalError for a value that does not fit."""
        out = bytearray(size_of(self.LAYOUT))
        write_fields(self.LAYOUT, self, out, 0)
        return bytes(out)
