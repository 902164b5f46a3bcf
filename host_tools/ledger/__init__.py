"""The embedded ledger: accounts, channels, certificates and claims on an SQL database."""

from joulestream.host_tools.ledger.errors import LedgerError
from joulestream.host_tools.ledger.ledger import Ledger

__all__ = ["Ledger", "LedgerError"]
