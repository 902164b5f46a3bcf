"""A program that fails is tried once more: the journal goes on in its next block."""

from joulestream.compat import const
from joulestream.device.journal import JournalFull

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.device.journal import Journal
    from joulestream.fields import Buffer


def put_again(
    journal: "Journal", key: bytes, value: "Buffer", instead_of: "bytes | None" = None
) -> None:
    """Store a record as Journal.put does, and try once more when a program fails.

    Raises JournalFull, or the error of the first program if the second fails too.
    """
    try:
        journal.put(key, value, instead_of)
    except JournalFull:
        raise
    except OSError as error:
        try:
            journal.put(key, value, instead_of)
        except OSError:
            raise error
