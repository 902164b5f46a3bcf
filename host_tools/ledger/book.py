"""Double entry: ledger accounts, and entries with postings that sum to zero, in base units."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection, Row, insert, select, update

from joulestream.host_tools.ledger import schema
from joulestream.host_tools.ledger.errors import LedgerError

# Kinds of account. The balance of an issuance account is minus all the money that was issued of
# its asset. It is the only kind that may be below zero.
ISSUANCE = "issuance"
OWNER = "owner"
ESCROW = "escrow"

# Kinds of entry.
ISSUE = "issue"
OPEN = "open"
CLAIM = "claim"
REFUND = "refund"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,47}")
_HEX_ID = re.compile(r"[0-9a-fA-F]{64}")
_ASSET = re.compile(r"[!-~]{1,32}")


@dataclass(frozen=True)
class Account:
    """A ledger account.

    Attributes:
        id: 32 bytes, see `account_id`.
        name: unique in its ledger.
        kind: ISSUANCE, OWNER or ESCROW.
        asset: 32 bytes, see `asset_id`.
        balance_base_units: the balance, in base units of the asset.
    """

    id: bytes
    name: str
    kind: str
    asset: bytes
    balance_base_units: int


def account_id(ledger_key: bytes, name: str) -> bytes:
    """Return the 32-byte id of the account `name`: SHA-256 of the ledger's key and the name."""
    return sha256(ledger_key + name.encode(errors="surrogateescape")).digest()


def asset_id(name: str) -> bytes:
    """Return the 32-byte id of an asset: its name in ASCII, filled up with zero bytes.

    Raises LedgerError for a name that is not 1 to 32 visible ASCII characters.
    """
    if not _ASSET.fullmatch(name):
        raise LedgerError(f"asset name {name!r} must be 1 to 32 visible ASCII characters")
    return name.encode().ljust(schema.ID_SIZE, b"\0")


def asset_name(asset: bytes) -> str:
    """Return the name of a 32-byte asset id, or its hexadecimal digits when it has none."""
    name = asset.rstrip(b"\0").decode("latin-1")
    return name if _ASSET.fullmatch(name) else asset.hex()


def check_name(name: str) -> None:
    """Raise LedgerError unless `name` may be an owner's account name."""
    if not _NAME.fullmatch(name) or _HEX_ID.fullmatch(name):
        raise LedgerError(
            f"account name {name!r} must be 1 to 48 letters, digits or '._@-', "
            "starting with a letter or digit"
        )


def add_account(connection: Connection, account: Account) -> None:
    """Store a new, empty account. Raises LedgerError if its name is taken."""
    if _find(connection, account.id) is not None:
        raise LedgerError(f"account {account.name} exists already; choose another name")
    connection.execute(
        insert(schema.account).values(
            id=account.id,
            name=account.name,
            kind=account.kind,
            asset=account.asset,
            balance_base_units=0,
        )
    )


def load_account(connection: Connection, identifier: bytes, name: str = "") -> Account:
    """Return an account by its 32-byte id.

    Raises LedgerError if there is none. The message shows `name`, or the id if `name` is empty.
    """
    row = _find(connection, identifier)
    if row is None:
        raise LedgerError(
            f"there is no account {name or identifier.hex()}; "
            "'ledger account list' shows all accounts"
        )
    return Account(**row._mapping)


def list_accounts(connection: Connection) -> list[Account]:
    """Return all accounts by name."""
    rows = connection.execute(select(schema.account).order_by(schema.account.c.name))
    return [Account(**row._mapping) for row in rows]


def check_owner(connection: Connection, role: str, identifier: bytes, asset: bytes) -> None:
    """Raise LedgerError unless an account (by id) is an owner's and holds `asset` (32 bytes).

    `role` names the account's part in the channel, for the message: "refund" or "payout".
    """
    account = load_account(connection, bytes(identifier))
    if account.kind != OWNER:
        raise LedgerError(f"the {role} account {account.name} belongs to the ledger itself")
    if account.asset != asset:
        raise LedgerError(
            f"the {role} account {account.name} holds {asset_name(account.asset)}, "
            f"not the channel's asset {asset_name(asset)}"
        )


def issuance(connection: Connection, ledger_key: bytes, asset: bytes) -> Account:
    """Return the issuance account of `asset`. It is created at the first call."""
    name = f"{ISSUANCE}:{asset_name(asset)}"
    identifier = account_id(ledger_key, name)
    if _find(connection, identifier) is None:
        add_account(connection, Account(identifier, name, ISSUANCE, asset, 0))
    return load_account(connection, identifier)


def post(
    connection: Connection,
    kind: str,
    time_s: int,
    amounts: Mapping[bytes, int],
    channel_id: bytes | None = None,
) -> None:
    """Store an entry and move the balances of its accounts.

    Args:
        connection: inside a writing transaction.
        kind: ISSUE, OPEN, CLAIM or REFUND.
        time_s: unix time of the entry.
        amounts: base units by account id. A positive amount is added to the account.
        channel_id: the channel that the entry belongs to, if any.

    Raises:
        LedgerError: an account would fall below zero or hold more than a ledger can count.
        ValueError: the amounts do not sum to zero or mix assets.
    """
    accounts = [load_account(connection, identifier) for identifier in amounts]
    if sum(amounts.values()) or len({account.asset for account in accounts}) != 1:
        raise ValueError("the postings of an entry sum to zero, in one asset")
    entry = insert(schema.entry).values(kind=kind, time_s=time_s, channel_id=channel_id)
    (entry_id,) = connection.execute(entry).inserted_primary_key or (None,)
    for account in accounts:
        amount = amounts[account.id]
        balance = account.balance_base_units + amount
        if balance < 0 and account.kind != ISSUANCE:
            raise LedgerError(
                f"account {account.name} holds {account.balance_base_units} base units, "
                f"but {-amount} are needed"
            )
        if abs(balance) > schema.MAX_BASE_UNITS:
            raise LedgerError(f"account {account.name} would pass 2^128 - 1 base units")
        connection.execute(
            insert(schema.posting).values(
                entry_id=entry_id, account_id=account.id, amount_base_units=amount
            )
        )
        connection.execute(
            update(schema.account)
            .where(schema.account.c.id == account.id)
            .values(balance_base_units=balance)
        )


def _find(connection: Connection, identifier: bytes) -> Row | None:
    where = schema.account.c.id == identifier
    return connection.execute(select(schema.account).where(where)).one_or_none()
