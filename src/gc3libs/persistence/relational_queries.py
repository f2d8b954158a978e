"""Reading summaries in databases that speak SQL, and what all that is done there rests on."""

from __future__ import annotations

import heapq
import re
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Protocol, TypeVar

from msgspec.structs import replace

from gc3libs.exceptions import (
    InvalidValue,
    NewerFormat,
    NotAStore,
)
from gc3libs.persistence import query as queries
from gc3libs.persistence.columns import (
    COLUMNS,
    SUMMARY,
    Row,
    to_summaries,
)
from gc3libs.persistence.conditions import NONE, Dialect, Parameters, where
from gc3libs.persistence.extra import ExtraFields
from gc3libs.persistence.query import NO_POSITION
from gc3libs.persistence.record import (
    FORMAT,
    Query,
    StateCount,
    Summary,
    Totals,
    split_id,
)
from gc3libs.persistence.store import Store

T = TypeVar("T")

_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,47}", re.ASCII)
BATCH = 2000
"""How many rows are asked for at once."""
_FIRST_BATCH = 100


class DuplicateKey(Exception):
    """A row with this key was there already. Never leaves this package."""

    def __init__(self, table: str) -> None:
        super().__init__(table)
        self.table = table


class Transaction(Protocol):
    """Statements that take effect together."""

    def query(self, sql: str, parameters: Parameters = NONE) -> list[Row]:
        """The rows of a SELECT."""

    def change(self, sql: str, parameters: Parameters = NONE) -> int:
        """How many rows a statement touched."""

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Add rows.

        Raises:
            DuplicateKey: One was there already.
        """

    def update(
        self, table: str, columns: Sequence[str], keys: Sequence[str], rows: Sequence[Row]
    ) -> int:
        """Set columns of the rows found by keys; how many there were.

        Each of `rows` brings the columns' values, then the keys'.
        """


class RelationalQueries(Store):
    """The reading half of a store in a database that speaks SQL."""

    mirrors_sessions = True

    def __init__(self, dialect: Dialect, table: str, extra_fields: ExtraFields) -> None:
        super().__init__()
        if not _TABLE.fullmatch(table):
            raise InvalidValue(
                f"table={table!r}: a table's name consists of letters, digits and underscores"
            )
        self._dialect = dialect
        self._extra = extra_fields
        self._name = table
        self._table = dialect.quote(table)
        self._relation = dialect.quote(f"{table}_relation")
        self._blobs = dialect.quote(f"{table}_blobs")
        self._sessions = dialect.quote(f"{table}_sessions")
        self._meta = dialect.quote(f"{table}_meta")
        self._columns = ", ".join(map(dialect.read, COLUMNS))
        self._summary_columns = ", ".join(map(dialect.read, SUMMARY))
        self._extra_names = tuple(dialect.quote(name) for name in extra_fields.names)

    @abstractmethod
    def _run(
        self, work: Callable[[Transaction], T], *, write: bool = False, durable: bool = False
    ) -> T:
        """Run `work` in one transaction; as a whole again where that helps.

        Raises:
            StoreUnavailable, DamagedStore, NotAStore, NewerFormat: In terms of this store.
        """

    def _select(self, sql: str, parameters: Parameters = NONE) -> list[Row]:
        return self._run(lambda tx: tx.query(sql, parameters))

    def _extra_columns(self, obj: Any) -> dict[str, Any]:
        return self._extra.values(obj)

    def _check_format(self, tx: Transaction, tables: Sequence[str]) -> bool:
        """Whether all our tables are among these, and none that only has their name.

        Raises:
            NotAStore: There is a table of this name, made by others.
            NewerFormat: By a later version.
        """
        where_ = f"table {self._name!r} in {self.url}"
        if f"{self._name}_meta" not in tables:
            if self._name in tables:
                raise NotAStore(where_, "the table was made by another program")
            return False
        rows = tx.query(f"SELECT value FROM {self._meta} WHERE name = 'format'")
        found = int(rows[0][0]) if rows else 0
        if found > FORMAT:
            raise NewerFormat(where_, found, FORMAT)
        return found > 0 and self._name in tables

    # summaries

    def _summaries(self, query: Query) -> Iterator[Summary]:
        self._prepare(query)
        if query.order is not None or query.reverse:
            return self._arranged(query)
        if query.ids is not None:
            parts = [replace(query, ids=some) for some in chunks(query.ids)]
            found = self._looked_up(parts, query.after)
        elif query.digests is not None:
            parts = [replace(query, digests=some) for some in chunks(query.digests)]
            found = self._looked_up(parts, query.after)
        else:
            found = self._all_in_order(query)
        return found if query.limit is None else islice(found, query.limit)

    def _prepare(self, query: Query) -> None:
        """Make ready what the query will need; called before any is answered."""

    def _all_in_order(self, query: Query) -> Iterator[Summary]:
        """First those with a position, by the index over it; then the others, by number."""
        after = query.after or (-1, -1)
        if query.top is not False and after[0] < NO_POSITION:
            yield from self._positioned(query, after)
        if query.top is not True:
            yield from self._unpositioned(query, after[1] if after[0] == NO_POSITION else -1)

    def _arranged(self, query: Query) -> Iterator[Summary]:
        """In another order than that of the indexes: first where they are, then they."""
        first = ((), {}) if query.order is None else self._dialect.order_by(query.order)
        if first is None or query.after is not None:
            found = self._summaries(replace(query, order=None, reverse=False, limit=None))
            return iter(queries.arranged(found, query))
        keys, parameters = first
        condition, values = where(query, self._dialect)
        way = " DESC" if query.reverse else ""
        order = ", ".join(f"{k}{way}" for k in (*keys, "position IS NULL", "position", "number"))
        sql = f"SELECT number FROM {self._table} WHERE {condition} ORDER BY {order}"
        if query.limit is not None:
            sql += f" LIMIT {query.limit:d}"
        rows = self._select(sql, {**parameters, **values})
        return self._by_numbers(number for (number,) in rows)

    def _by_numbers(self, numbers: Iterable[int]) -> Iterator[Summary]:
        """Those with these numbers, in this order."""
        for some in chunks(numbers):
            places = {number: place for place, number in enumerate(some)}
            condition, parameters = self._dialect.among("number", "numbers", some)
            sql = f"SELECT {self._summary_columns} FROM {self._table} WHERE {condition}"
            rows = self._select(sql, parameters)
            yield from to_summaries(sorted(rows, key=lambda row: places[row[0]]))

    def _looked_up(
        self, parts: Sequence[Query], after: tuple[int, int] | None
    ) -> Iterator[Summary]:
        """Those that one of these queries, each for few, selects: first their places, then they."""
        keys: set[tuple[int, int]] = set()
        for query in parts:
            condition, parameters = where(query, self._dialect)
            sql = f"SELECT position, number FROM {self._table} WHERE {condition}"
            rows = self._select(sql, parameters)
            keys.update((NO_POSITION if place is None else place, number) for place, number in rows)
        ordered = sorted(key for key in keys if after is None or key > after)
        yield from self._by_numbers(number for _, number in ordered)

    def _positioned(self, query: Query, after: tuple[int, int]) -> Iterator[Summary]:
        """Of several sessions, merged."""
        names = [query.session] if query.session is not None else self._session_names()
        streams = [self._positioned_in(query, name, after) for name in names]
        if len(streams) == 1:
            return streams[0]
        return heapq.merge(*streams, key=queries.order_key)

    def _session_names(self) -> list[str]:
        """Sessions that have members, one jump in the index each."""
        sql = (
            f"SELECT min(session) FROM {self._table}"
            " WHERE session > :after AND position IS NOT NULL"
        )
        names: list[str] = []
        after = ""
        if self._select(_exists(self._table, "session = '' AND position >= 0")):
            names.append("")
        while True:
            ((name,),) = self._select(sql, {"after": after})
            if name is None:
                return names
            names.append(name)
            after = name

    def _positioned_in(
        self, query: Query, session: str, after: tuple[int, int]
    ) -> Iterator[Summary]:
        def following(last: Summary) -> Parameters:
            position, number = queries.order_key(last)
            return {"position": position, "number": number}

        return self._pages(
            query,
            "session = :session AND (position, number) > (:position, :number)",
            "position, number",
            {"session": session, "position": after[0], "number": after[1]},
            following,
        )

    def _unpositioned(self, query: Query, after: int) -> Iterator[Summary]:
        return self._pages(
            query,
            "position IS NULL AND number > :number",
            "number",
            {"number": after},
            lambda last: {"number": split_id(last.id)[1]},
        )

    def _pages(
        self,
        query: Query,
        condition: str,
        order: str,
        start: Parameters,
        following: Callable[[Summary], Parameters],
    ) -> Iterator[Summary]:
        """All that fulfil query and condition. No transaction stays open between two pages."""
        wanted, parameters = where(query, self._dialect)
        parameters = parameters | dict(start)
        sql = (
            f"SELECT {self._summary_columns} FROM {self._table}"
            f" WHERE {condition} AND {wanted} ORDER BY {order} LIMIT :size"
        )
        size = _FIRST_BATCH if query.limit is None else min(max(query.limit, 1), BATCH)
        while True:
            page = {**parameters, "size": size}
            rows = self._select(sql, page)
            summaries = to_summaries(rows)
            yield from summaries
            if len(rows) < size:
                return
            parameters.update(following(summaries[-1]))
            size = BATCH

    def _counts(self, query: Query) -> list[StateCount]:
        if query.limit is not None or query.after is not None:
            return queries.count(self._summaries(query))
        self._prepare(query)
        condition, parameters = where(query, self._dialect)
        sql = (
            f"SELECT state, returncode, count(*) FROM {self._table}"
            f" WHERE {condition} GROUP BY state, returncode"
        )
        rows = self._select(sql, parameters)
        return queries.in_order(StateCount(*row) for row in rows)

    def _totals(self, query: Query) -> Totals:
        self._prepare(query)
        condition, parameters = where(query, self._dialect)
        sql = (
            f"SELECT count(*), count(cpu_time), sum(cpu_time) FROM {self._table} WHERE {condition}"
        )
        ((count, measured, cpu_time),) = self._select(sql, parameters)
        return Totals(count, measured, cpu_time or 0.0)


def _exists(table: str, condition: str) -> str:
    return f"SELECT 1 FROM {table} WHERE {condition} LIMIT 1"


def chunks(items: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
