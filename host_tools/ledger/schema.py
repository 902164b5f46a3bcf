"""The ledger's tables, in portable SQL.

An account's balance is the sum of its postings; the postings of an entry sum to zero. Every
channel holds its deposit in an escrow account of its own.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

from joulestream.channel import KEY_SIZE, SIGNATURE_SIZE, Terms
from joulestream.fields import UINT
from joulestream.host_tools.ledger.errors import DatabaseError

SCHEMA_VERSION = 1
ID_SIZE = 32
# Both factors of a deposit in base units have 64 bits: claim units, base units per claim unit.
MAX_BASE_UNITS = (1 << 128) - 1
_DIGITS = 39


class Whole(TypeDecorator[int]):
    """An integer of up to 39 digits, exact on every database.

    SQLite's integers end at 2^63 - 1, and its NUMERIC turns to floating point above that. On
    SQLite the digits are therefore stored as text. Python does all arithmetic, never the database.
    """

    impl = String(_DIGITS + 1)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the column type on `dialect`."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(Numeric(_DIGITS, 0))
        return dialect.type_descriptor(String(_DIGITS + 1))

    def process_bind_param(self, value: int | None, dialect: Dialect) -> Any:
        """Return the value to store in the database for `value`."""
        if value is None or dialect.name == "postgresql":
            return value
        return str(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:
        """Return the stored integer. Raises DatabaseError if the database holds another value."""
        try:
            return None if value is None else int(value)
        except ValueError:
            raise DatabaseError(
                f"the ledger holds {value!r} where an amount belongs; restore it from a backup"
            ) from None


METADATA = MetaData()

meta = Table(
    "meta",
    METADATA,
    Column("schema_version", Integer, primary_key=True, autoincrement=False),
    Column("ledger_number", Whole, nullable=False),
    Column("ledger_key", LargeBinary(KEY_SIZE), nullable=False),
)

account = Table(
    "account",
    METADATA,
    Column("id", LargeBinary(ID_SIZE), primary_key=True),
    Column("name", String(80), nullable=False, unique=True),
    Column("kind", String(8), nullable=False),
    Column("asset", LargeBinary(ID_SIZE), nullable=False),
    Column("balance_base_units", Whole, nullable=False),
)


def _term(name: str, size: int, kind: int) -> Column[Any]:
    """Return the column of one field of a channel's terms. An account in it must exist."""
    references = [ForeignKey(account.c.id)] if name.endswith("_account") else []
    column_type = Whole() if kind == UINT else LargeBinary(size)
    return Column(name, column_type, *references, nullable=False)


# Rows are never deleted, so that a channel id in this table never opens again.
channel = Table(
    "channel",
    METADATA,
    Column("id", LargeBinary(ID_SIZE), primary_key=True),
    *(_term(name, size, kind) for name, size, kind in Terms.LAYOUT),
    Column("escrow_account", LargeBinary(ID_SIZE), ForeignKey(account.c.id), nullable=False),
    Column("deposit_claim_units", Whole, nullable=False),
    Column("paid_claim_units", Whole, nullable=False),
    Column("paid_signature", LargeBinary(SIGNATURE_SIZE)),
    Column("opened_at_s", BigInteger, nullable=False),
    Column("certified_at_s", BigInteger, nullable=False),
    Column("closes_at_s", BigInteger),
    Column("closed_at_s", BigInteger),
)

entry = Table(
    "entry",
    METADATA,
    # SQLite counts up only a column that is exactly INTEGER.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("time_s", BigInteger, nullable=False),
    Column("channel_id", LargeBinary(ID_SIZE), ForeignKey(channel.c.id), index=True),
)

posting = Table(
    "posting",
    METADATA,
    Column("entry_id", ForeignKey(entry.c.id), primary_key=True),
    Column("account_id", ForeignKey(account.c.id), primary_key=True, index=True),
    Column("amount_base_units", Whole, nullable=False),
)
