"""The embedded ledger: accounts, channels, certificates and claims on an SQL database."""

from host_tools.ledger.errors import LedgerError
from host_tools.ledger.ledger import Ledger

__all__ = ["Ledger", "LedgerError"]
