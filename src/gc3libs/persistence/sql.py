"""A store in the tables of a database server: PostgreSQL, MariaDB or MySQL."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

import msgspec
from msgspec.structs import replace

from gc3libs.exceptions import Conflict, InvalidOperation, InvalidValue, SaveError, StoreUnavailable

try:
    import sqlalchemy as sa
    from sqlalchemy import exc

    from gc3libs.persistence import sql_tables
    from gc3libs.persistence.sql_dialects import MariaDB, PostgreSQL, ServerDialect
    from gc3libs.persistence.sql_transaction import SqlTransaction
except ImportError as err:
    raise StoreUnavailable(
        f"stores in database servers need packages that are not installed ({err}):"
        " pip install gc3libs[postgresql], or gc3libs[mysql]"
    ) from err

from gc3libs.persistence.columns import Row, storable
from gc3libs.persistence.extra import ExtraFields
from gc3libs.persistence.record import FORMAT, Guard, Record, Stamp
from gc3libs.persistence.relational import RelationalStore
from gc3libs.persistence.relational_queries import DuplicateKey, Transaction

T = TypeVar("T")

_DIALECTS: Mapping[str, type[ServerDialect]] = {
    "postgresql": PostgreSQL,
    "postgresql+psycopg": PostgreSQL,
    "mysql": MariaDB,
    "mysql+pymysql": MariaDB,
}
_SECRETS = ("password", "passwd")
_ATTEMPTS = 6
_LONGEST_PAUSE = 0.1


class AnswerLost(StoreUnavailable):
    """The connection broke while a transaction was being committed: it may have been, or not."""


class SqlStore(RelationalStore):
    """Keeps objects in tables of a database server, made at the first use.

    A saved object outlives a killed process and, as the server is set up, a power failure at once.
    Several threads, processes and hosts may use it.

    Args:
        url: `postgresql://USER@HOST:PORT/DATABASE` or `mysql://...`.
        table: Beginning of its tables' names.
        extra_fields: More columns: a name (then it holds text) or a `sqlalchemy.Column`, and a
            function that computes the value from an object, at each save.
        password: Instead of one in the URL, `PGPASSWORD`, `~/.pgpass`, `MYSQL_PWD` or `~/.my.cnf`.
        connect_args: Passed on to the driver.
    """

    def __init__(
        self,
        url: str,
        *,
        table: str = "store",
        extra_fields: Mapping[Any, Callable[[Any], Any]] | None = None,
        password: str | None = None,
        connect_args: Mapping[str, Any] | None = None,
    ) -> None:
        address = _parsed(url)
        self._server = _DIALECTS[address.drivername]()
        self.url = _without_password(address)
        if table != "store":
            self.url += f"#table={table}"
        super().__init__(self._server, table, ExtraFields(extra_fields, as_text=True))
        if password is not None:
            address = address.set(password=password)
        self._engine = self._make_engine(address, connect_args or {})
        self._where = f"{self._server.name} at {address.host}:{address.port or self._server.port}"
        self._pid = os.getpid()
        self._has_tables = False
        self._disposed = False
        self._doubtful: frozenset[str] = frozenset()

    def _make_engine(self, address: sa.URL, connect_args: Mapping[str, Any]) -> sa.Engine:
        try:
            return sa.create_engine(
                address.set(drivername=self._server.driver),
                isolation_level="READ COMMITTED",
                pool_pre_ping=True,
                hide_parameters=True,
                connect_args={**self._server.login(address), **connect_args},
            )
        except ImportError as err:
            raise StoreUnavailable(
                f"{self.url} needs a package that is not installed ({err}):"
                f" pip install gc3libs[{self._server.extra}]"
            ) from err

    # transactions

    def _run(
        self, work: Callable[[Transaction], T], *, write: bool = False, durable: bool = False
    ) -> T:
        if self._disposed:
            raise InvalidOperation(f"{self.url} is closed")
        if self._pid != os.getpid():
            self._engine.dispose(close=False)  # the connections are the parent's
            self._pid = os.getpid()
        for attempt in range(_ATTEMPTS):
            try:
                if not self._has_tables:
                    self._find_tables()
                return self._attempt(work)
            except exc.DBAPIError as err:
                if attempt == _ATTEMPTS - 1 or not self._helps_to_retry(err):
                    self._report(err)
            except DuplicateKey as err:
                if attempt == _ATTEMPTS - 1 or err.table == self._table:
                    raise
            self.clock.sleep(random.uniform(0, _LONGEST_PAUSE) * (attempt + 1))
        raise AssertionError("unreachable")

    def _attempt(self, work: Callable[[Transaction], T]) -> T:
        with self._engine.connect() as connection:
            transaction = connection.begin()
            result = work(SqlTransaction(connection, self._server))
            try:
                transaction.commit()
            except exc.DBAPIError as err:
                if err.connection_invalidated:
                    raise AnswerLost(f"{self._where}: {_first_line(err)}") from err
                raise
            return result

    def _helps_to_retry(self, err: exc.DBAPIError) -> bool:
        return self._server.code(err.orig) in self._server.retried

    def _report(self, err: exc.DBAPIError) -> NoReturn:
        if isinstance(err, exc.DataError):
            raise SaveError(f"records in {self.url}", _first_line(err)) from err
        hint = self._server.hints.get(self._server.code(err.orig), "")
        raise StoreUnavailable(f"{self._where}: {_first_line(err)}{hint}") from err

    # writing again what may have been written

    def _write(
        self,
        records: Sequence[Record],
        *,
        guard: Guard | None = None,
        blobs: Mapping[str, bytes] = {},
        stamp: Stamp | None = None,
        durable: bool = False,
    ) -> None:
        try:
            super()._write(records, guard=guard, blobs=blobs, stamp=stamp, durable=durable)
        except AnswerLost:
            self._doubtful = frozenset(record.id for record in records)
            if not self._has_arrived(records):
                super()._write(records, guard=guard, blobs=blobs, stamp=stamp, durable=durable)
        except Conflict:
            if not self._doubtful.issuperset(record.id for record in records):
                raise
            if not self._has_arrived(records):
                raise
        self._doubtful = frozenset()

    def _has_arrived(self, records: Sequence[Record]) -> bool:
        """What the server has of these records is what was sent, so that it did arrive."""
        found = self._read([record.id for record in records])
        return all(
            isinstance(there := found.get(record.id), Record)
            and there.revision == record.revision
            and there.payload == record.payload
            for record in records
        )

    def _row(self, record: Record) -> Row:
        """PostgreSQL's JSON takes no NUL, not even escaped."""
        summary = record.summary
        if "\\u0000" in summary.parameters_json:
            plain = {
                storable(name): storable(value) if isinstance(value, str) else value
                for name, value in summary.parameters.items()
            }
            encoded = msgspec.json.encode(plain).decode()
            record = replace(record, summary=replace(summary, parameters_json=encoded))
        return super()._row(record)

    # tables

    def _find_tables(self) -> None:
        with self._engine.begin() as connection:
            tx = SqlTransaction(connection, self._server)
            names = sa.inspect(connection).get_table_names()
            have = self._check_format(tx, names)
        if not have:
            self._make_tables()
        self._add_extra_columns()
        self._has_tables = True

    def _make_tables(self) -> None:
        """Another process may be about to do the same, so that the order matters.

        Where there is the last table, there are all.
        """
        before, after = self._server.ignore_duplicates
        for attempt in range(_ATTEMPTS):
            try:
                metadata = sql_tables.metadata(self._name, self._server, self._extra)
                with self._engine.begin() as connection:
                    for end in ("_meta", "_sessions", "_blobs", "_relation", ""):
                        metadata.tables[self._name + end].create(connection, checkfirst=True)
                    connection.execute(
                        sa.text(
                            f"INSERT {before} INTO {self._meta} (name, value)"
                            f" VALUES ('format', {FORMAT}), ('next', 1) {after}"
                        )
                    )
                return
            except (exc.IntegrityError, exc.ProgrammingError, exc.OperationalError):
                if attempt == _ATTEMPTS - 1:
                    raise
                self.clock.sleep(random.uniform(0, _LONGEST_PAUSE))

    def _add_extra_columns(self) -> None:
        if not self._extra.names:
            return
        with self._engine.begin() as connection:
            have = {column["name"] for column in sa.inspect(connection).get_columns(self._name)}
            for name in self._extra.names:
                if name not in have:
                    kind = sql_tables.extra_type(name, self._server, self._extra)
                    sql = kind.compile(dialect=connection.dialect)
                    quoted = self._server.quote(name)
                    connection.execute(
                        sa.text(f"ALTER TABLE {self._table} ADD COLUMN {quoted} {sql}")
                    )

    # durability

    def _sync(self) -> None:
        """A server's commits are as durable as the server is set up to make them."""

    def _dispose(self) -> None:
        self._disposed = True
        self._engine.dispose(close=self._pid == os.getpid())


def _parsed(url: str) -> sa.URL:
    try:
        address = sa.make_url(url)
    except exc.ArgumentError:
        address = None
    if address is not None and address.drivername == "sqlite":
        raise InvalidValue(f"{url} is no database server: open it by gc3libs.persistence.SqlStore")
    if address is None or address.drivername not in _DIALECTS or not address.database:
        known = " or ".join(f"{name}://USER@HOST:PORT/DATABASE" for name in ("postgresql", "mysql"))
        raise InvalidValue(f"the URL of a store in a database server is {known}")
    secrets = [address.query[name] for name in _SECRETS if name in address.query]
    address = address.difference_update_query(_SECRETS)
    return address.set(password=str(secrets[0])) if secrets else address


def _without_password(address: sa.URL) -> str:
    return sa.URL.create(
        address.drivername.partition("+")[0],
        address.username,
        None,
        address.host,
        address.port,
        address.database,
        address.query,
    ).render_as_string()


def _first_line(err: exc.DBAPIError) -> str:
    """What the server or its driver says."""
    args = getattr(err.orig, "args", ())
    text = str(args[-1]) if args else str(err.orig)
    return text.strip().partition("\n")[0]
