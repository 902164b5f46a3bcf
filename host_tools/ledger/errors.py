"""The one error of the ledger, and how its messages name a channel."""


class LedgerError(Exception):
    """What the ledger refuses or cannot do: one sentence saying what, where and what to do."""


def short(identifier: bytes) -> str:
    """Return the first 16 hexadecimal digits of an id or key, enough to recognise it."""
    return f"{identifier[:8].hex()}..."
