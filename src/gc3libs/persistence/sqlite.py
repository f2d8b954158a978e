"""A store in one SQLite file, by the standard library alone."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote_from_bytes

from gc3libs._atomic import sync_directory
from gc3libs.exceptions import DamagedStore, InvalidOperation, LoadError, StoreUnavailable
from gc3libs.persistence import sqlite_file
from gc3libs.persistence.columns import COLUMNS, Row
from gc3libs.persistence.conditions import NONE, Parameters
from gc3libs.persistence.extra import ExtraFields
from gc3libs.persistence.record import FORMAT, Query, Record
from gc3libs.persistence.relational import RelationalStore
from gc3libs.persistence.relational_queries import DuplicateKey, Transaction
from gc3libs.persistence.sqlite_dialect import SqliteDialect

T = TypeVar("T")

_KINDS: Final = {"key": "INTEGER PRIMARY KEY", "boolean": "INTEGER", "json": "TEXT"}

_inherited: list[sqlite3.Connection] = []
"""Connections of a parent process: they may neither be used nor closed here."""


class SqliteStore(RelationalStore):
    """Keeps objects in a table of an SQLite file, which may hold other tables, too.

    The file is made at the first save. On local filesystems a saved object outlives a killed
    process at once and a power failure after `flush`; elsewhere both at once. Several threads and
    processes may use the same file; a process made by fork opens it anew.

    Args:
        path: Of the file; its directory must exist.
        table: Beginning of its tables' names.
        read_only: Refuse to change anything.
        extra_fields: More columns: a name (or a `sqlalchemy.Column`) and a function that computes
            the value from an object, at each save.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        table: str = "store",
        read_only: bool = False,
        extra_fields: Mapping[Any, Callable[[Any], Any]] | None = None,
    ) -> None:
        self.path = Path(path).absolute()
        """The file."""
        self.url = f"sqlite://{quote_from_bytes(os.fsencode(self.path))}"
        if table != "store":
            self.url += f"#table={table}"
        super().__init__(SqliteDialect(), table, ExtraFields(extra_fields))
        self._read_only = read_only
        self._pid = os.getpid()
        self._mutex = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._has_tables = False
        self._has_digests = False
        self._full = self._always_full = False
        self._unsynced = False
        self._synced_version = self._log = -1
        self._disposed = False
        if self.path.exists():
            self._run(lambda tx: None)
        elif not read_only and not os.access(self.path.parent, os.W_OK | os.X_OK):
            there = self.path.parent.is_dir()
            reason = "may not be written" if there else "there is no such directory"
            raise StoreUnavailable(f"cannot make {self.path}: {self.path.parent}: {reason}")

    # transactions

    def _run(
        self, work: Callable[[Transaction], T], *, write: bool = False, durable: bool = False
    ) -> T:
        with self._opened(write) as connection:
            if not write:
                return work(_SqliteTransaction(connection))
            if connection.in_transaction:  # one that was cut off, and its end with it
                connection.execute("ROLLBACK")
            self._set_synchronous(connection, full=durable)
            try:
                connection.execute("BEGIN IMMEDIATE")
                result = work(_SqliteTransaction(connection))
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            self._unsynced = not durable
            return result

    @contextmanager
    def _opened(self, write: bool) -> Iterator[sqlite3.Connection]:
        """A connection that no other thread uses, to a file that has our tables."""
        if write and self._read_only:
            raise StoreUnavailable(f"{self.path} was opened for reading only")
        if self._pid != os.getpid():
            self._leave_to_parent()
        with self._mutex:
            try:
                if not self._has_tables and not self._open(write):
                    connection = self._stand_in()
                    try:
                        yield connection
                    finally:
                        connection.close()
                else:
                    assert self._connection is not None
                    yield self._connection
            except sqlite3.Error as err:
                raise sqlite_file.translate(err, self.path) from err
            except UnicodeDecodeError as err:  # in SQLite's words about what is damaged
                raise DamagedStore(str(self.path), str(err)) from err

    def _leave_to_parent(self) -> None:
        if self._connection is not None:
            _inherited.append(self._connection)
        self._pid = os.getpid()
        self._mutex = threading.RLock()
        self._connection = None
        self._has_tables = self._full = self._unsynced = False
        self._synced_version = -1

    def _open(self, write: bool) -> bool:
        """Have a connection; False if there is nothing to read yet."""
        if self._disposed:
            raise InvalidOperation(f"{self.url} is closed")
        if not write and not self.path.exists():
            return False
        if self._connection is None:
            self._connection = self._connect(write)
        self._has_tables = self._find_tables(write)
        return self._has_tables

    def _connect(self, write: bool) -> sqlite3.Connection:
        if self._read_only:
            return sqlite_file.connect_read_only(self.path)
        try:
            connection = sqlite_file.connect(self.path)
        except sqlite3.OperationalError as err:
            code = err.sqlite_errorcode & 0xFF
            if write or code not in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
                raise
            return sqlite_file.connect_read_only(self.path)
        self._full = not sqlite_file.is_logged(connection)
        self._always_full = self._full
        return connection

    def _find_tables(self, write: bool) -> bool:
        assert self._connection is not None
        tx = _SqliteTransaction(self._connection)
        sql = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
        if not self._check_format(tx, [name for (name,) in tx.query(sql)]):
            if not write:
                return False
            self._set_synchronous(self._connection, full=True)
            self._make_tables(self._connection)
            sync_directory(self.path.parent)
        if not self._read_only:
            self._add_extra_columns(self._connection)
        self._has_digests = bool(
            tx.query("SELECT 1 FROM sqlite_master WHERE name = :name", {"name": self._digest_index})
        )
        return True

    def _stand_in(self) -> sqlite3.Connection:
        """An empty store in memory: what a missing file is read as."""
        connection = sqlite3.connect(":memory:", isolation_level=None)
        self._make_tables(connection)
        return connection

    def _make_tables(self, connection: sqlite3.Connection) -> None:
        columns = [
            f"{name} {_KINDS.get(kind, kind.rstrip('?').upper())}" for name, kind in COLUMNS.items()
        ]
        columns[-2:-2] = self._extra_columns_sql()
        connection.execute("BEGIN IMMEDIATE")
        for statement in (
            f"CREATE TABLE IF NOT EXISTS {self._table} ({', '.join(columns)})",
            self._index("place", "session, position"),
            self._index("counts", "session, leaf, state, returncode, held, cpu_time"),
            f"CREATE TABLE IF NOT EXISTS {self._relation} (parent INTEGER, position INTEGER,"
            " child INTEGER, prefix TEXT, checksum INTEGER, PRIMARY KEY (parent, position))"
            " WITHOUT ROWID",
            f"CREATE INDEX IF NOT EXISTS {self._name}_owners ON {self._relation} (child)",
            f"CREATE TABLE IF NOT EXISTS {self._blobs} (name TEXT PRIMARY KEY, data BLOB)",
            f"CREATE TABLE IF NOT EXISTS {self._sessions}"
            " (uuid TEXT PRIMARY KEY, stamp TEXT, epoch INTEGER)",
            f"CREATE TABLE IF NOT EXISTS {self._meta} (name TEXT PRIMARY KEY, value INTEGER)",
            f"INSERT OR IGNORE INTO {self._meta} VALUES ('format', {FORMAT}), ('next', 1)",
        ):
            connection.execute(statement)
        connection.execute("COMMIT")

    def _index(self, name: str, columns: str) -> str:
        return f"CREATE INDEX IF NOT EXISTS {self._name}_{name} ON {self._table} ({columns})"

    def _extra_columns_sql(self) -> list[str]:
        return [
            f"{self._dialect.quote(name)} {'' if column is None else column.type}"
            for name, column in self._extra.columns.items()
        ]

    def _add_extra_columns(self, connection: sqlite3.Connection) -> None:
        if not self._extra.names:
            return
        rows = connection.execute(f"PRAGMA table_info({self._table})")
        have = {row[1] for row in rows}
        for name, sql in zip(self._extra.names, self._extra_columns_sql(), strict=True):
            if name not in have:
                connection.execute(f"ALTER TABLE {self._table} ADD COLUMN {sql}")

    # durability

    def _set_synchronous(self, connection: sqlite3.Connection, *, full: bool) -> None:
        """FULL makes the next commit sync the log, with all that was committed before."""
        if full != self._full and not self._always_full:
            connection.execute(f"PRAGMA synchronous = {'FULL' if full else 'NORMAL'}")
            self._full = full

    def _sync(self) -> None:
        """All commits that are not in the file yet are in its log, by whichever process."""
        if not self.path.exists():
            return
        with self._opened(write=False) as connection:
            if self._always_full:
                return
            version = connection.execute("PRAGMA data_version").fetchone()[0]
            if self._unsynced or version != self._synced_version:
                try:
                    self._log = sqlite_file.sync_log(self.path, self._log)
                except OSError as err:
                    raise StoreUnavailable(f"{self.path}: cannot be synced: {err}") from err
                self._unsynced, self._synced_version = False, version

    def _dispose(self) -> None:
        """Closing the last connection to a file moves the log into it, synced."""
        if self._pid != os.getpid():
            self._leave_to_parent()
        with self._mutex:
            if self._unsynced:
                self._sync()
            self._disposed = True
            self._has_tables = False
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    # reading

    def _read_some(self, ids: Sequence[str]) -> Mapping[str, Record | LoadError]:
        """Where pages are damaged, one by one: the others' records are worth having."""
        try:
            return super()._read_some(ids)
        except DamagedStore as err:
            if len(ids) == 1:
                return {ids[0]: LoadError(ids[0], str(self.path), err.reason)}
        found: dict[str, Record | LoadError] = {}
        for id_ in ids:
            found.update(self._read_some([id_]))
        return found

    @property
    def _digest_index(self) -> str:
        return f"{self._name}_digests"

    def _prepare(self, query: Query) -> None:
        """Digests are looked up by an index that is made at the first time.

        It costs as much as all the rest of an insert, and most stores are never asked.
        """
        if query.digests is None or self._has_digests or self._read_only:
            return
        with self._opened(write=False) as connection:
            self._has_digests = self._has_tables
            if self._has_tables:
                with suppress_refusal():
                    connection.execute(
                        f"CREATE INDEX IF NOT EXISTS {self._digest_index} ON {self._table}"
                        " (digest) WHERE digest <> ''"
                    )


@contextmanager
def suppress_refusal() -> Iterator[None]:
    """Let pass that a file cannot be written."""
    try:
        yield
    except sqlite3.OperationalError as err:
        if err.sqlite_errorcode & 0xFF not in (
            sqlite3.SQLITE_READONLY,
            sqlite3.SQLITE_BUSY,
            sqlite3.SQLITE_FULL,
        ):
            raise


class _SqliteTransaction:
    """Statements on one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def query(self, sql: str, parameters: Parameters = NONE) -> list[Row]:
        return self._connection.execute(sql, dict(parameters)).fetchall()

    def change(self, sql: str, parameters: Parameters = NONE) -> int:
        return self._connection.execute(sql, dict(parameters)).rowcount

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        places = ", ".join("?" * len(columns))
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"
        try:
            self._connection.executemany(sql, rows)
        except sqlite3.IntegrityError as err:
            raise DuplicateKey(table) from err

    def update(
        self, table: str, columns: Sequence[str], keys: Sequence[str], rows: Sequence[Row]
    ) -> int:
        values = ", ".join(f"{name} = ?" for name in columns)
        condition = " AND ".join(f"{name} = ?" for name in keys)
        sql = f"UPDATE {table} SET {values} WHERE {condition}"
        return self._connection.executemany(sql, rows).rowcount
