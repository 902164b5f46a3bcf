"""The error of the ledger, and the short names of ids in its messages."""

from joulestream.host_tools.errors import CommandError, Unavailable


class LedgerError(CommandError):
    """The ledger refuses or cannot do its work. The text is one sentence, as in CommandError."""


class DatabaseError(LedgerError, Unavailable):
    """The ledger's database does not work, for instance because it is locked or damaged."""


class CommitUncertain(DatabaseError):
    """The database failed in the very moment of storing: it may hold the change, or not."""


def short(identifier: bytes) -> str:
    """Return the first 16 hexadecimal digits of an id or key, enough to recognise it."""
    return f"{identifier[:8].hex()}..."
