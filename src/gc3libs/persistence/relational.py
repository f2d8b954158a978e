"""What all stores in SQL databases share: the statements.

A subclass opens the database, makes its tables, says how its SQL differs (`Dialect`) and runs
transactions.

Tables, named after the first: `store` (one row an object), `store_relation` (who owns whom),
`store_blobs`, `store_sessions` (stamps and epochs) and `store_meta` (format, next number).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NoReturn, TypeVar

from msgspec.structs import replace

from gc3libs.exceptions import (
    Conflict,
    LoadError,
    ObjectNotFound,
)
from gc3libs.persistence import frame
from gc3libs.persistence.columns import (
    COLUMNS,
    REVISION,
    UPDATED,
    Row,
    is_storable,
    link_checksum,
    row_id,
    storable_summary,
    to_records,
    to_row,
    to_update,
)
from gc3libs.persistence.conditions import by_ids
from gc3libs.persistence.frame import Damaged
from gc3libs.persistence.record import (
    Guard,
    Record,
    Stamp,
    make_id,
    split_id,
)
from gc3libs.persistence.relational_queries import (
    BATCH,
    DuplicateKey,
    Transaction,
    chunks,
)
from gc3libs.persistence.relational_sessions import RelationalSessions

T = TypeVar("T")

LINK = ("parent", "position", "child", "prefix", "checksum")
DAMAGED = "it is not as it was written (the checksum differs)"


class _Stale(Exception):
    """A row that was to be updated was not found in the state expected."""


class RelationalStore(RelationalSessions):
    """A store in a database that speaks SQL."""

    # records

    def _reserve(self, count: int) -> int:
        return self._run(lambda tx: self._take_numbers(tx, count), write=True)

    def _take_numbers(self, tx: Transaction, count: int) -> int:
        lock = self._dialect.for_update
        counter = tx.query(f"SELECT value FROM {self._meta} WHERE name = 'next'{lock}")
        ((highest,),) = tx.query(f"SELECT max(number) FROM {self._table}")
        first = max(int(counter[0][0]), (highest or 0) + 1)
        tx.change(
            f"UPDATE {self._meta} SET value = :value WHERE name = 'next'", {"value": first + count}
        )
        return first

    def _read(self, ids: Sequence[str]) -> dict[str, Record | LoadError]:
        found: dict[str, Record | LoadError] = {}
        for some in chunks(ids):
            found.update(self._read_some(some))
        return found

    def _read_some(self, ids: Sequence[str]) -> Mapping[str, Record | LoadError]:
        condition, parameters = by_ids(ids, self._dialect)
        sql = f"SELECT {self._columns} FROM {self._table} WHERE {condition}"
        rows = self._select(sql, parameters)
        wanted = frozenset(ids)
        return {
            id_: record or LoadError(id_, self.url, DAMAGED)
            for id_, record in to_records(rows, json_kept=self._dialect.json_kept)
            if id_ in wanted
        }

    def _write(
        self,
        records: Sequence[Record],
        *,
        guard: Guard | None = None,
        blobs: Mapping[str, bytes] = {},
        stamp: Stamp | None = None,
        durable: bool = False,
    ) -> None:
        new = [self._row(record) for record in records if record.revision == 1]
        old = [self._row(record) for record in records if record.revision != 1]

        def work(tx: Transaction) -> None:
            self._check_guard(tx, guard)
            if new:
                tx.insert(self._table, (*COLUMNS, *self._extra_names), new)
            self._update(tx, old)
            for record in records:
                if record.children is not None:
                    self._set_children(tx, record)
            self._set_blobs(tx, blobs)
            self._set_stamp(tx, stamp)

        try:
            self._run(work, write=True, durable=durable)
        except DuplicateKey:
            self._report_collision(new)
        except _Stale:
            self._report_conflict(old)

    def _row(self, record: Record) -> Row:
        if not is_storable(record.summary):
            record = replace(record, summary=storable_summary(record.summary))
        row = to_row(record, json_kept=self._dialect.json_kept)
        return row + tuple(record.extra.get(name) for name in self._extra.names)

    def _update(self, tx: Transaction, rows: Sequence[Row]) -> None:
        if not rows:
            return
        size = len(COLUMNS)
        changes = [(*row[size:], *to_update(row[:size])) for row in rows]
        columns = (*self._extra_names, *UPDATED)
        touched = tx.update(self._table, columns, ("number", "prefix", "revision"), changes)
        if touched != len(rows):
            raise _Stale

    def _report_conflict(self, rows: Sequence[Row]) -> NoReturn:
        """Name the first record that could not be updated."""
        revisions = self._revisions(rows)
        for row in rows:
            if row_id(row) not in revisions:
                raise ObjectNotFound(row_id(row), self.url)
            if revisions[row_id(row)] != row[REVISION] - 1:
                raise Conflict(row_id(row), self.url)
        raise Conflict(row_id(rows[0]), self.url)

    def _report_collision(self, rows: Sequence[Row]) -> NoReturn:
        """Name the first record whose number was taken."""
        taken = {split_id(id_)[1] for id_ in self._revisions(rows)}
        raise Conflict(
            next((row_id(row) for row in rows if row[0] in taken), row_id(rows[0])), self.url
        )

    def _revisions(self, rows: Sequence[Row]) -> dict[str, int]:
        """By ID, of all records that have the numbers of these rows."""
        found: dict[str, int] = {}
        for some in chunks(row_id(row) for row in rows):
            condition, parameters = by_ids(some, self._dialect)
            sql = f"SELECT number, prefix, revision FROM {self._table} WHERE {condition}"
            found.update((row_id(row), row[2]) for row in self._select(sql, parameters))
        return found

    def _delete(
        self,
        ids: Sequence[str],
        *,
        guard: Guard | None = None,
        stamp: Stamp | None = None,
        durable: bool = False,
    ) -> None:
        def work(tx: Transaction) -> None:
            self._check_guard(tx, guard)
            for some in chunks(ids):
                self._delete_some(tx, some)
            self._set_stamp(tx, stamp)

        self._run(work, write=True, durable=durable)

    def _delete_some(self, tx: Transaction, ids: Sequence[str]) -> None:
        condition, parameters = by_ids(ids, self._dialect)
        sql = f"SELECT number, prefix FROM {self._table} WHERE {condition}"
        wanted = frozenset(ids)
        numbers = [row[0] for row in tx.query(sql, parameters) if row_id(row) in wanted]
        if numbers:
            for table, column in (
                (self._table, "number"),
                (self._relation, "parent"),
                (self._relation, "child"),
            ):
                condition, parameters = self._dialect.among(column, "numbers", numbers)
                tx.change(f"DELETE FROM {table} WHERE {condition}", parameters)
        if tx.query(f"SELECT 1 FROM {self._blobs} LIMIT 1"):
            for id_ in ids:
                tx.change(
                    f"DELETE FROM {self._blobs} WHERE name >= :first AND name < :last",
                    {"first": id_ + "/", "last": id_ + "0"},  # "0" comes right after "/"
                )

    def _ids(self) -> Iterator[str]:
        sql = (
            f"SELECT number, prefix FROM {self._table} WHERE number > :after"
            f" ORDER BY number LIMIT {BATCH}"
        )
        after = -1
        while rows := self._select(sql, {"after": after}):
            after = rows[-1][0]
            yield from (make_id(prefix, number) for number, prefix in rows)

    # relations

    def _set_children(self, tx: Transaction, record: Record) -> None:
        parent = split_id(record.id)[1]
        start = record.children_from
        if record.revision != 1:
            start = self._cut_children(tx, parent, start)
        rows = [
            (parent, position, number, prefix, link_checksum(parent, position, number, prefix))
            for position, (prefix, number) in enumerate(map(split_id, record.children or ()), start)
        ]
        if rows:
            tx.insert(self._relation, LINK, rows)

    def _cut_children(self, tx: Transaction, parent: int, keep: int) -> int:
        """Leave the first `keep` children; at which position the next one goes.

        Positions have gaps where children were removed, so that they may be above the places.
        """
        sql = f"SELECT max(position) FROM {self._relation} WHERE parent = :parent"
        ((last,),) = tx.query(sql, {"parent": parent})
        if last is None or last < keep:
            return keep
        place = {"parent": parent, "keep": keep}
        sql = (
            f"SELECT position FROM {self._relation} WHERE parent = :parent"
            " ORDER BY position LIMIT 1 OFFSET :keep"
        )
        rows = tx.query(sql, place)
        if not rows:
            return int(last) + 1
        tx.change(
            f"DELETE FROM {self._relation} WHERE parent = :parent AND position >= :position",
            {"parent": parent, "position": rows[0][0]},
        )
        return int(rows[0][0])

    def _read_children(self, ids: Sequence[str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for some in chunks(ids):
            found.update(self._children(some))
        return found

    def _children(self, ids: Sequence[str]) -> dict[str, list[str]]:
        numbers = [split_id(id_)[1] for id_ in ids]
        condition, parameters = self._dialect.among("parent", "parents", numbers)
        rows = self._select(
            f"SELECT {', '.join(LINK)} FROM {self._relation} WHERE {condition}"
            " ORDER BY parent, position",
            parameters,
        )
        owners = self._owners({row[0] for row in rows}, frozenset(ids))
        children: dict[str, list[str]] = {}
        for parent, position, child, prefix, checksum in rows:
            owner = owners.get(parent)
            if owner is None:
                continue
            if link_checksum(parent, position, child, prefix) != checksum:
                raise LoadError(owner, self.url, f"the row of a child: {DAMAGED}")
            children.setdefault(owner, []).append(make_id(prefix, child))
        return children

    def _owners(self, numbers: Collection[int], wanted: Collection[str]) -> dict[int, str]:
        """Those of the wanted IDs that there are, by number."""
        if not numbers:
            return {}
        condition, parameters = self._dialect.among("number", "numbers", sorted(numbers))
        rows = self._select(
            f"SELECT number, prefix FROM {self._table} WHERE {condition}", parameters
        )
        return {row[0]: id_ for row in rows if (id_ := row_id(row)) in wanted}

    def _read_owners(self, ids: Sequence[str]) -> dict[str, list[str]]:
        owners: dict[str, list[str]] = {id_: [] for id_ in ids}
        for some in chunks(ids):
            numbers = [split_id(id_)[1] for id_ in some]
            condition, parameters = self._dialect.among("child", "children", numbers)
            rows = self._select(
                f"SELECT own.prefix, child, parent.prefix, parent FROM {self._relation} AS own"
                f" JOIN {self._table} AS parent ON number = parent WHERE {condition}",
                parameters,
            )
            for prefix, child, owner_prefix, owner in rows:
                found = owners.get(make_id(prefix, child))
                if found is not None:
                    found.append(make_id(owner_prefix, owner))
        return owners

    # blobs

    def _set_blobs(self, tx: Transaction, blobs: Mapping[str, bytes]) -> None:
        for name in blobs:
            tx.change(f"DELETE FROM {self._blobs} WHERE name = :name", {"name": name})
        if blobs:
            rows = [(name, frame.pack_bytes(data)) for name, data in blobs.items()]
            tx.insert(self._blobs, ("name", "data"), rows)

    def _read_blob(self, key: str) -> bytes | None:
        sql = f"SELECT data FROM {self._blobs} WHERE name = :name"
        rows = self._select(sql, {"name": key})
        try:
            return frame.unpack_bytes(bytes(rows[0][0])) if rows else None
        except Damaged as err:
            raise LoadError(key, self.url, str(err)) from err
