"""Tables of fixed-width fields, to bytes and back. Integers are unsigned and big-endian.

A layout is a tuple of `(name, size_in_bytes, kind)`; sizes never vary, so a record of the wrong
length is refused before any field of it is read.
"""

from joulestream.compat import TYPE_CHECKING, const
from joulestream.errors import LocalError, MalformedError

UINT = const(0)
BYTES = const(1)


def size_of(layout):
    """Return the encoded size of `layout` in bytes."""
    return sum(field[1] for field in layout)


def write_fields(layout, source, out, offset):
    """Write the attributes of `source` named by `layout` into `out` at `offset`.

    Returns the offset after the last byte. Raises LocalError for a value that does not fit.
    """
    for name, size, kind in layout:
        value = getattr(source, name)
        end = offset + size
        if kind == UINT:
            if value < 0 or value >> (8 * size):
                raise LocalError("%s does not fit %d bytes" % (name, size))
            out[offset:end] = value.to_bytes(size, "big")
        else:
            if len(value) != size:
                raise LocalError("%s is not %d bytes" % (name, size))
            out[offset:end] = value
        offset = end
    return offset


def read_fields(layout, target, data, offset):
    """Set the attributes of `target` named by `layout` from `data` at `offset`.

    Returns the offset after the last byte. Raises MalformedError when `data` is too short.
    """
    for name, size, kind in layout:
        end = offset + size
        if end > len(data):
            raise MalformedError("truncated")
        raw = data[offset:end]
        setattr(target, name, int.from_bytes(raw, "big") if kind == UINT else bytes(raw))
        offset = end
    return offset


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
