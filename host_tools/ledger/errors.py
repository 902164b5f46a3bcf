"""The error of the ledger, and the short names of ids in its messages."""

from joulestream.host_tools.errors import CommandError


class LedgerError(CommandError):
    """The ledger refuses or cannot do its work. The text is one sentence, as in CommandError."""


def short(identifier: bytes) -> str:
    """Return the first 16 hexadecimal digits of an id or key, enough to recognise it."""
    return f"{identifier[:8].hex()}..."
