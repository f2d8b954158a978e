"""A store in the memory of the process, for tests and for what need not be kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from gc3libs.exceptions import Conflict, LeaseLost, LoadError, ObjectNotFound
from gc3libs.persistence import query as queries
from gc3libs.persistence.columns import is_storable, storable_summary
from gc3libs.persistence.record import (
    Guard,
    Query,
    Record,
    Stamp,
    StateCount,
    Summary,
    split_id,
)
from gc3libs.persistence.store import Store


class MemoryStore(Store):
    """Keeps objects until it is closed. What it keeps are pickled states, as in any other store."""

    url = "memory:"
    mirrors_sessions = True

    def __init__(self) -> None:
        super().__init__()
        self._mutex = threading.RLock()
        self._records: dict[int, Record] = {}
        self._relation: dict[int, tuple[str, ...]] = {}
        self._blobs: dict[str, bytes] = {}
        self._stamps: dict[str, str] = {}
        self._epochs: dict[str, int] = {}
        self._next = 1

    def is_same(self, other: Store) -> bool:
        """Only this object has them."""
        return other is self

    def _reserve(self, count: int) -> int:
        with self._mutex:
            first = max(self._next, max(self._records, default=0) + 1)
            self._next = first + count
            return first

    def _find(self, id_: str) -> Record | None:
        record = self._records.get(split_id(id_)[1])
        return record if record is not None and record.id == id_ else None

    def _read(self, ids: Sequence[str]) -> dict[str, Record | LoadError]:
        with self._mutex:
            return {id_: record for id_ in ids if (record := self._find(id_)) is not None}

    def _write(
        self,
        records: Sequence[Record],
        *,
        guard: Guard | None = None,
        blobs: Mapping[str, bytes] = {},
        stamp: Stamp | None = None,
        durable: bool = False,
    ) -> None:
        with self._mutex:
            self._check_guard(guard)
            kept: dict[int, Record] = {}
            for record in records:
                number = split_id(record.id)[1]
                if number in kept:
                    raise Conflict(record.id, self.url)
                kept[number] = self._checked(record)
            for record in records:
                if record.children is not None:
                    self._set_children(record)
            self._records.update(kept)
            self._blobs.update(blobs)
            self._set_stamp(stamp)

    def _checked(self, record: Record) -> Record:
        """The record as it will be kept, if it may."""
        if record.revision == 1:
            if split_id(record.id)[1] in self._records:
                raise Conflict(record.id, self.url)
            summary = record.summary
        else:
            former = self._find(record.id)
            if former is None:
                raise ObjectNotFound(record.id, self.url)
            if former.revision != record.revision - 1:
                raise Conflict(record.id, self.url)
            place = former.summary
            summary = replace(record.summary, session=place.session, position=place.position)
        if not is_storable(summary):
            summary = storable_summary(summary)
        return replace(record, summary=summary, children=None, children_from=0, extra={})

    def _set_children(self, record: Record) -> None:
        parent = split_id(record.id)[1]
        stay = self._relation.get(parent, ())[: record.children_from]
        self._relation[parent] = (*stay, *(record.children or ()))

    def _delete(
        self,
        ids: Sequence[str],
        *,
        guard: Guard | None = None,
        stamp: Stamp | None = None,
        durable: bool = False,
    ) -> None:
        with self._mutex:
            self._check_guard(guard)
            gone = {id_ for id_ in ids if self._find(id_) is not None}
            for id_ in gone:
                number = split_id(id_)[1]
                del self._records[number]
                self._relation.pop(number, None)
            for parent, children in self._relation.items():
                self._relation[parent] = tuple(id_ for id_ in children if id_ not in gone)
            for key in [key for key in self._blobs if key.partition("/")[0] in set(ids)]:
                del self._blobs[key]
            self._set_stamp(stamp)

    def _ids(self) -> Iterator[str]:
        with self._mutex:
            ids = [self._records[number].id for number in sorted(self._records)]
        return iter(ids)

    def _read_children(self, ids: Sequence[str]) -> dict[str, list[str]]:
        with self._mutex:
            there = [id_ for id_ in ids if self._find(id_) is not None]
            children = {id_: self._relation.get(split_id(id_)[1]) for id_ in there}
        return {id_: list(owned) for id_, owned in children.items() if owned}

    def _summaries(self, query: Query) -> Iterator[Summary]:
        with self._mutex:
            summaries = [record.summary for record in self._records.values()]
        return iter(queries.select(summaries, query))

    def _counts(self, query: Query) -> list[StateCount]:
        return queries.count(self._summaries(query))

    def _read_blob(self, key: str) -> bytes | None:
        return self._blobs.get(key)

    def _sync(self) -> None:
        """Memory is as safe as it gets."""

    def _dispose(self) -> None:
        self._records.clear()
        self._relation.clear()
        self._blobs.clear()

    def _enrol(self, ids: Sequence[str], position: int, stamp: Stamp) -> None:
        with self._mutex:
            for id_ in ids:
                if self._find(id_) is None:
                    raise ObjectNotFound(id_, self.url)
            for place, id_ in enumerate(ids, start=position):
                self._place(id_, stamp.session, place)
            level = list(ids)
            while level:
                level = [id_ for parent in level for id_ in self._unclaimed(parent)]
                for id_ in level:
                    self._place(id_, stamp.session, None)
            self._set_stamp(stamp)

    def _unclaimed(self, parent: str) -> list[str]:
        """Children that belong to no session."""
        children = self._relation.get(split_id(parent)[1], ())
        return [
            id_
            for id_ in children
            if (record := self._find(id_)) is not None and not record.summary.session
        ]

    def _withdraw(self, ids: Sequence[str] | None, stamp: Stamp) -> None:
        with self._mutex:
            for id_ in list(self._ids()) if ids is None else ids:
                record = self._find(id_)
                if record is not None and record.summary.session == stamp.session:
                    self._place(id_, "", None)
            self._set_stamp(stamp)

    def _place(self, id_: str, session: str, position: int | None) -> None:
        number = split_id(id_)[1]
        record = self._records[number]
        placed = replace(record.summary, session=session, position=position)
        self._records[number] = replace(record, summary=placed)

    def _stamp(self, session: str) -> str | None:
        return self._stamps.get(session)

    def _set_stamp(self, stamp: Stamp | None) -> None:
        if stamp is not None:
            self._stamps[stamp.session] = stamp.value

    def _set_epoch(self, guard: Guard) -> None:
        with self._mutex:
            self._epochs[guard.session] = guard.epoch

    def _check_guard(self, guard: Guard | None) -> None:
        if guard is not None and self._epochs.get(guard.session) != guard.epoch:
            raise LeaseLost(guard.session, self.url)
