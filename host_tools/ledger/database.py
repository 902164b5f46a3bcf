"""The ledger's database: it opens, runs whole transactions, and turns errors into sentences."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from joulestream.host_tools.files import NewFile
from joulestream.host_tools.ledger.checks import check_range
from joulestream.host_tools.ledger.errors import CommitUncertain, DatabaseError, LedgerError
from joulestream.host_tools.ledger.schema import METADATA, SCHEMA_VERSION, meta

LOCK_TIMEOUT_S = 10.0
_MOST_NUMBER = (1 << 64) - 1
_NOT_A_LEDGER = "is not a Joulestream ledger; name another file, or make one with 'ledger init'"
# Neither is the time at which the transaction began: it may have waited for the lock since.
_CLOCKS = {
    "sqlite": "SELECT strftime('%s', 'now')",
    "postgresql": "SELECT floor(extract(epoch FROM clock_timestamp()))",
}

# SQLite's primary error name: the rest of the sentence for people.
_SQLITE_ERRORS = {
    "SQLITE_BUSY": "is locked by another process; try again when that has finished",
    "SQLITE_LOCKED": "is locked by another process; try again when that has finished",
    "SQLITE_NOTADB": _NOT_A_LEDGER,
    "SQLITE_CORRUPT": "is damaged; restore it from a backup",
    "SQLITE_CANTOPEN": "cannot be opened; check that file and directory exist and are yours",
    "SQLITE_PERM": "cannot be opened; check that file and directory are yours",
    "SQLITE_READONLY": "cannot be written; check the rights of the file and its directory",
    "SQLITE_FULL": "cannot be written because the disk is full; make room and try again",
    "SQLITE_IOERR": "cannot be read or written; check the disk it is on",
}


class Database:
    """A database that holds one ledger.

    Args:
        location: path of an SQLite file, or an SQLAlchemy URL such as postgresql+psycopg://...
        lock_timeout_s: longest wait for the transaction of another process (SQLite).

    Attributes:
        name: the location as messages show it, without a password.

    Raises LedgerError if the location is not a URL, or its driver is not installed.
    """

    def __init__(self, location: str | Path, lock_timeout_s: float = LOCK_TIMEOUT_S) -> None:
        self._path: Path | None = None
        self._read_options: dict[str, Any] = {}
        self.name = str(location)
        if "://" not in self.name:
            self._path = Path(location)
        else:
            url = _url(self.name)
            self.name = url.render_as_string(hide_password=True)
            if url.get_backend_name() == "sqlite":
                self._path = _sqlite_path(url)
        if self._path is not None:
            self._engine = _sqlite_engine(self._path, lock_timeout_s)
            return
        try:
            self._engine = create_engine(url)
        except ArgumentError:
            raise LedgerError(f"{self.name} is no database URL; correct it") from None
        except ImportError as error:
            raise LedgerError(f"{self.name} needs a driver: {error}; install it") from None
        # Everything that a transaction reads is of one moment. SQLite does this always.
        self._read_options = {"isolation_level": "REPEATABLE READ"}

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection on which everything read belongs to one moment."""
        with self._translated(), self._engine.connect() as plain:
            connection = plain.execution_options(**self._read_options)
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection for one transaction. It is stored whole at the end, or not at all.

        Only one transaction writes at a time. A row that it reads cannot change before its end.
        """
        with self._translated(), self._engine.connect() as plain:
            connection = plain.execution_options(writes=True)
            with connection.begin():
                # On SQLite, BEGIN IMMEDIATE took the lock already. Elsewhere this row is the lock.
                connection.execute(select(meta.c.schema_version).with_for_update()).all()
                yield connection

    def check_free(self) -> None:
        """Raise LedgerError unless an empty ledger can be created here."""
        if self._path is not None:
            if os.path.lexists(self._path):
                raise LedgerError(f"{self.name} exists already; name another file")
            return
        with self.reading() as connection:
            if inspect(connection).get_table_names():
                raise LedgerError(f"{self.name} holds tables already; name another database")

    def create(self, ledger_number: int, ledger_key: bytes) -> None:
        """Create an empty ledger: all of it, or nothing.

        Raises:
            CommitUncertain: the ledger may be there.
            LedgerError: there is no new ledger; the file or the tables exist already, or the disk
                is full.
        """
        check_range("ledger number", ledger_number, 0, _MOST_NUMBER)
        if self._path is None:
            self._make_tables(self._engine, ledger_number, ledger_key)
            return
        try:
            with NewFile(self._path) as new:
                engine = _sqlite_engine(new.unfinished, LOCK_TIMEOUT_S)
                try:
                    self._make_tables(engine, ledger_number, ledger_key)
                finally:
                    engine.dispose()
                new.publish()
        except FileExistsError:
            raise LedgerError(f"{self.name} exists already; name another file") from None
        except CommitUncertain as error:  # the file that is thrown away
            raise DatabaseError(str(error)) from None
        except OSError as error:
            raise DatabaseError(f"{self.name} cannot be created: {error.strerror}") from None

    def _make_tables(self, engine: Engine, ledger_number: int, ledger_key: bytes) -> None:
        """Store an empty ledger in a database without tables, in one transaction."""
        with self._translated(), engine.connect() as plain:
            connection = plain.execution_options(writes=True)
            with connection.begin() as transaction:
                if inspect(connection).get_table_names():
                    raise LedgerError(f"{self.name} holds tables already; name another database")
                METADATA.create_all(connection)
                connection.execute(
                    insert(meta).values(
                        schema_version=SCHEMA_VERSION,
                        ledger_number=ledger_number,
                        ledger_key=ledger_key,
                    )
                )
                try:
                    transaction.commit()
                except BaseException as error:
                    why = _sentence(getattr(error, "orig", error))
                    raise CommitUncertain(f"{self.name} {why}") from error

    def clock_s(self, connection: Connection) -> int:
        """Return the database's unix time at this very moment of a transaction."""
        dialect = connection.dialect.name
        if dialect not in _CLOCKS:
            raise LedgerError(f"the clock of {dialect} is not known; use SQLite or PostgreSQL")
        return int(connection.execute(text(_CLOCKS[dialect])).scalar_one())

    def identity(self) -> tuple[int, bytes]:
        """Return the ledger's number and key.

        Raises LedgerError if there is no ledger, or this version cannot read it.
        """
        if self._path is not None and not self._path.is_file():
            raise LedgerError(f"there is no file {self.name}; make a ledger with 'ledger init'")
        with self.reading() as connection:
            if not inspect(connection).has_table(meta.name):
                raise LedgerError(f"{self.name} {_NOT_A_LEDGER}")
            columns = {column["name"] for column in inspect(connection).get_columns(meta.name)}
            if "schema_version" not in columns:
                raise LedgerError(f"{self.name} {_NOT_A_LEDGER}")
            versions = connection.execute(select(meta.c.schema_version)).scalars().all()
            if versions != [SCHEMA_VERSION]:
                raise LedgerError(
                    f"{self.name} has schema {versions}, not {SCHEMA_VERSION}; "
                    "use the version of Joulestream that made it"
                )
            row = connection.execute(select(meta)).one()
            return row.ledger_number, row.ledger_key

    def dispose(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise DatabaseError(f"{self.name} {_sentence(error.orig)}") from error
        except SQLAlchemyError as error:
            first = str(error).splitlines()[0]
            raise DatabaseError(f"{self.name} failed: {first}") from error


def _url(location: str) -> URL:
    try:
        return make_url(location)
    except (ArgumentError, ValueError):
        raise LedgerError("the ledger's location is no database URL; correct it") from None


def _sqlite_path(url: URL) -> Path:
    """Return the file of an SQLite URL, which is opened as if the file was named alone.

    SQLite's own driver would make a missing file, and would not lock before it reads.
    """
    name = url.database or ""
    if url.drivername != "sqlite" or url.query or name in ("", ":memory:"):
        raise LedgerError(f"{url} is not supported; name the path of an SQLite file")
    return Path(name)


def _sqlite_engine(path: Path, lock_timeout_s: float) -> Engine:
    def connect() -> sqlite3.Connection:
        # mode=rw: opening never creates. isolation_level None: the driver adds no BEGIN.
        connection = sqlite3.connect(
            path.absolute().as_uri() + "?mode=rw",
            uri=True,
            timeout=lock_timeout_s,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA foreign_keys = ON")
        # EXTRA also syncs the directory, so that a power cut undoes no committed payment.
        connection.execute("PRAGMA synchronous = EXTRA")
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # IMMEDIATE takes the write lock before the first read, so that two writers never overlap.
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _sentence(error: Any) -> str:
    name = getattr(error, "sqlite_errorname", "")
    for known, sentence in _SQLITE_ERRORS.items():
        if name == known or name.startswith(known + "_"):
            return sentence
    lines = str(error).splitlines() or [type(error).__name__]
    return f"failed: {lines[0]}"
