"""A device's own record of a wrong size: another version wrote it, or another device.

A record that has its check sum is not torn, so it is kept for the version that can read it.
"""

from joulestream.compat import const
from joulestream.errors import MalformedError

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import TypeVar

    from joulestream.fields import Buffer, Record

    R = TypeVar("R", bound="Record")


class UnreadableRecord(OSError):
    """A record in the device's own journal is of another version.

    It is no MalformedError: the link counts those as frames of the peer, and drops them.
    """


def read_own(kind: "type[R]", data: "Buffer") -> "R":
    """Return the record of this kind in `data`, from the own journal. Raises UnreadableRecord."""
    try:
        return kind.from_bytes(data)
    except MalformedError:
        raise UnreadableRecord("a record of %d bytes is not readable" % len(data))
