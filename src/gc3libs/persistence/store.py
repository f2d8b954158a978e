"""Stores keep objects by ID.

The base class does everything that is about objects (IDs, identity, references, batches, trust,
errors). A subclass moves records: it writes the primitives of `gc3libs.persistence.port`.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from importlib import import_module
from types import TracebackType
from typing import Any, Self

from msgspec.structs import replace

from gc3libs._clock import SYSTEM, Clock
from gc3libs._fork import Rank, survive_forks
from gc3libs.exceptions import Conflict, LoadError, ObjectNotFound
from gc3libs.persistence.children import Children, Unavailable
from gc3libs.persistence.identity import IdentityMap
from gc3libs.persistence.loading import Loading
from gc3libs.persistence.persistable import Persistable, Saved
from gc3libs.persistence.port import StorePrimitives
from gc3libs.persistence.record import (
    Guard,
    Query,
    Record,
    Stamp,
    StateCount,
    Summary,
    Totals,
    make_id,
    split_id,
)
from gc3libs.persistence.saving import Batch, known_id, prefix_of


class Store(StorePrimitives):
    """Keeps objects by ID. Every kind of store has this interface; `make_store` opens one.

    While an object is in use, the same ID gives the same object. An object inside another one's
    state that is a `Persistable`, too, is saved and loaded with it, as a record of its own.

    When `save` or `save_many` returns, a killed process loses nothing of it; after `flush`, a power
    failure neither. A store may be used from several threads, one at a time, and from several
    processes, each with a store object of its own. A write of an object that another process has
    written since it was loaded here raises `Conflict`.
    """

    clock: Clock = SYSTEM
    home: str | None = None
    """The directory of the session that it belongs to, which objects may tell their paths from."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._objects = IdentityMap()
        self._numbers = iter(range(0))
        self._block = 1
        self._closed = False
        survive_forks(self, Rank.STORE)

    @property
    def _fork_lock(self) -> threading.RLock:
        return self._lock

    def _after_fork(self) -> None:
        """In the child: the numbers are the parent's, and who holds the lock is not here."""
        self._lock = threading.RLock()
        self._numbers = iter(range(0))
        self._block = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url}>"

    # saving

    def save(self, obj: Persistable) -> str:
        """Save an object, and what it refers to as far as that is new or changed; give its ID.

        Raises:
            SaveError: The object, or something in it, cannot be kept; names the attribute.
            Conflict: Another process has written it since it was loaded here.
            StoreUnavailable: The store cannot be written.
        """
        return self.save_many([obj])[0]

    def save_many(
        self,
        objects: Iterable[Persistable],
        *,
        session: str = "",
        position: int | None = None,
        stamp: Callable[[list[str]], Stamp] | None = None,
        guard: Guard | None = None,
        durable: bool = False,
    ) -> list[str]:
        """Save all of `objects`, or none if one of them cannot be kept; give their IDs.

        Args:
            session: UUID of the session that new ones among them shall belong to.
            position: Of the first new one in that session's index; the others follow.
            stamp: Gives, for the IDs of `objects`, the stamp of the index as it will be.
            guard: Refuse if this lease is no longer held.
            durable: As if `flush` followed.
        """
        wanted = list(objects)
        with self._lock:
            batch = Batch(self, session)
            try:
                batch.collect(wanted, position)
                ids = [known_id(each) for each in wanted]
                self._write(
                    batch.records,
                    guard=guard,
                    blobs=batch.blobs,
                    stamp=stamp(ids) if stamp is not None else None,
                    durable=durable,
                )
            except Conflict as err:
                self._objects.pop(err.id)
                batch.undo()
                raise
            except BaseException:
                batch.undo()
                raise
            batch.settle()
            return ids

    def replace(self, id_: str, obj: Persistable) -> None:
        """Save `obj` under the ID of another object, in whose place it comes."""
        split_id(id_)
        with self._lock:
            current = self._record(id_)
            summary = current.summary
            obj.persistent_id = id_
            obj._saved = Saved(
                self, current.revision, summary.session, summary.position, summary.created
            )
            obj.changed = True
            self._objects.pop(id_)
            self.save(obj)

    def _new_id(self, cls: type) -> str:
        number = next(self._numbers, None)
        if number is None:
            first = self._reserve(self._block)
            self._numbers = iter(range(first, first + self._block))
            self._block = min(2 * self._block, 256)
            number = next(self._numbers)
        return make_id(prefix_of(cls), number)

    def _reserve_for(self, count: int) -> None:
        """Have `count` numbers at hand, consecutive if none were left over."""
        left = list(self._numbers)
        missing = count - len(left)
        if missing > 0:
            first = self._reserve(missing)
            left += range(first, first + missing)
        self._numbers = iter(left)

    def differs(self, obj: Persistable) -> bool:
        """Whether an object has changed, in place or otherwise, since it was loaded or saved."""
        return bool(self.differing([obj]))

    def differing(self, objects: Iterable[Persistable]) -> Sequence[Persistable]:
        """Those of these objects that have changed since, in place or otherwise."""
        found = []
        with self._lock:
            batch = Batch(self, "")
            try:
                for obj in objects:
                    saved = obj._saved
                    if (
                        obj.changed
                        or saved is None
                        or (not saved.plain and saved.payload is not None and batch.differs(obj))
                    ):
                        found.append(obj)
            finally:
                batch.undo()
        return found

    def in_use(self) -> list[Persistable]:
        """The objects of this store that the program holds."""
        with self._lock:
            return self._objects.objects()

    def in_memory(self, id_: str) -> Any:
        """The object with this ID, if the program holds it; else None. Reads nothing."""
        return self._objects.get(id_)

    # loading

    def load(self, id_: str) -> Any:
        """The object with this ID.

        Raises:
            ObjectNotFound: There is none.
            LoadError: Its record is damaged, or its class cannot be had; says which.
            UntrustedObject: Reading it would run code.
        """
        return self.load_many([id_])[id_]

    def load_many(
        self, ids: Iterable[str], errors: dict[str, LoadError] | None = None
    ) -> dict[str, Any]:
        """Objects by ID, in the order of `ids`.

        Args:
            errors: Takes the errors of those that cannot be loaded; None: the first one is raised.
        """
        wanted = list(dict.fromkeys(ids))
        with self._lock:
            loading = Loading(self)
            found = loading.load(wanted)
        failed = {id_: loading.errors[id_] for id_ in wanted if id_ in loading.errors}
        if errors is not None:
            errors.update(failed)
        elif failed:
            raise next(iter(failed.values()))
        return found

    def load_available(self, ids: Iterable[str]) -> dict[str, Any]:
        """As `load_many`; what cannot be loaded is an object that raises its error when used."""
        wanted = list(ids)
        errors: dict[str, LoadError] = {}
        found = self.load_many(wanted, errors)
        return {
            id_: found[id_] if id_ in found else Unavailable(id_, errors[id_]) for id_ in wanted
        }

    def invalidate_cache(self) -> None:
        """Forget which objects are in use: the next `load` reads the record again."""
        with self._lock:
            self._objects.clear()

    def children(self, id_: str) -> list[str]:
        """IDs of what an object owns, in order."""
        split_id(id_)
        with self._lock:
            return self._read_children([id_]).get(id_, [])

    def children_of(self, ids: Iterable[str]) -> dict[str, list[str]]:
        """IDs of what these objects own; those that own nothing may be absent."""
        with self._lock:
            return self._read_children(list(ids))

    def owners_of(self, ids: Iterable[str]) -> dict[str, list[str]]:
        """IDs of what owns these objects; those that nothing owns may be absent."""
        with self._lock:
            return self._read_owners(list(ids))

    def records(self, ids: Iterable[str]) -> dict[str, Record]:
        """What is kept of these objects, without their classes; as far as it can be read."""
        with self._lock:
            found = self._read(list(ids))
        return {id_: each for id_, each in found.items() if isinstance(each, Record)}

    def rewrite(
        self, records: Iterable[Record], *, guard: Guard | None = None, durable: bool = False
    ) -> None:
        """Write records that were read and then changed as plain data, without their classes.

        Objects of theirs that the program holds stay what they were, and cannot be saved any more.

        Raises:
            Conflict: One of them was written meanwhile. Nothing was written.
            StoreUnavailable: The store cannot be written.
        """
        changed = [replace(record, revision=record.revision + 1) for record in records]
        with self._lock:
            self._write(changed, guard=guard, durable=durable)
            for record in changed:
                self._objects.pop(record.id)

    def insert(self, records: Iterable[Record], blobs: Mapping[str, bytes]) -> None:
        """Write records of another store as new ones, under their own IDs.

        Args:
            records: With the session, position and children that they shall have here.
            blobs: What they keep outside their states, by key.

        Raises:
            Conflict: An ID is taken. Nothing was written.
            StoreUnavailable: The store cannot be written.
        """
        new = [replace(record, revision=1, children_from=0) for record in records]
        with self._lock:
            self._write(new, blobs=blobs)

    def record(self, id_: str) -> Record:
        """What is kept of an object, without its class.

        Raises:
            ObjectNotFound: There is none.
            LoadError: It is damaged.
        """
        split_id(id_)
        with self._lock:
            return self._record(id_)

    def _record(self, id_: str) -> Record:
        record = self._read([id_]).get(id_)
        if record is None:
            raise ObjectNotFound(id_, self.url)
        if isinstance(record, LoadError):
            raise record
        return record

    def read_blob(self, key: str) -> bytes | None:
        """Bytes that an object keeps outside its state, by "ID/name", or content, by "sha256/...".

        None if absent.
        """
        with self._lock:
            return self._read_blob(key)

    # everything else

    def is_same(self, other: Store) -> bool:
        """Whether another store object has the same objects."""
        return other is self or other.url == self.url

    def remove(self, id_: str) -> None:
        """Remove an object; what it owns or refers to stays.

        Raises:
            ObjectNotFound: There is none.
        """
        with self._lock:
            if id_ not in self:
                raise ObjectNotFound(id_, self.url)
            self.remove_many([id_])

    def remove_many(
        self,
        ids: Iterable[str],
        *,
        guard: Guard | None = None,
        stamp: Stamp | None = None,
        durable: bool = False,
    ) -> None:
        """Remove objects; those that are not there are no error.

        They have no ID any more, and nothing owns them.
        """
        gone = dict.fromkeys(ids)
        for id_ in gone:
            split_id(id_)
        with self._lock:
            self._delete(list(gone), guard=guard, stamp=stamp, durable=durable)
            removed = [obj for id_ in gone if (obj := self._objects.pop(id_)) is not None]
            for owner in self._objects.objects():
                if type(owner)._owned is not Persistable._owned:
                    _take_away(owner, gone.keys())
            for obj in removed:
                obj.persistent_id, obj._saved, obj.changed = None, None, True

    def __contains__(self, id_: object) -> bool:
        with self._lock:
            return isinstance(id_, str) and any(True for _ in self._summaries(Query(ids=(id_,))))

    def list(self) -> list[str]:
        """IDs of all objects, by number."""
        with self._lock:
            return list(self._ids())

    def summaries(self, query: Query = Query()) -> Iterator[Summary]:  # noqa: B008  # immutable
        """What can be known without classes, by place in the session, then by number."""
        return self._summaries(query)

    def counts(self, query: Query = Query()) -> Sequence[StateCount]:  # noqa: B008  # immutable
        """How many objects there are, by state and returncode."""
        with self._lock:
            return self._counts(query)

    def totals(self, query: Query = Query()) -> Totals:  # noqa: B008  # immutable
        """What objects have used, together.

        Args:
            query: Without `after` and `limit`.
        """
        with self._lock:
            return self._totals(query)

    def flush(self) -> None:
        """When it returns, a power failure loses nothing of what was saved, by whomever."""
        with self._lock:
            if not self._closed:
                self._sync()

    def close(self) -> None:
        """Flush, and let go of files and connections; the store cannot be used any more."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._dispose()

    def enrol(self, ids: Sequence[str], position: int, stamp: Stamp) -> None:
        """Make saved objects top-level tasks of a session."""
        with self._lock:
            self._enrol(ids, position, stamp)
            for place, id_ in enumerate(ids, start=position):
                self._note_place(id_, stamp.session, place)

    def withdraw(self, ids: Sequence[str] | None, stamp: Stamp) -> None:
        """Take objects (None: all) out of a session."""
        with self._lock:
            self._withdraw(ids, stamp)
            for id_ in list(self._objects) if ids is None else ids:
                self._note_place(id_, "", None, former=stamp.session)

    def _note_place(
        self, id_: str, session: str, position: int | None, former: str | None = None
    ) -> None:
        """On an object that the program holds, if it is not another session's than `former`."""
        obj = self._objects.get(id_)
        if obj is not None and obj._saved is not None and former in (None, obj._saved.session):
            obj._saved.session, obj._saved.position = session, position

    def stamp(self, session: str) -> str | None:
        """The stamp that the mirror of a session's index was made with."""
        with self._lock:
            return self._stamp(session)

    def set_epoch(self, guard: Guard) -> None:
        """From now on guarded writes for this session need this epoch."""
        with self._lock:
            self._set_epoch(guard)


def _take_away(owner: Persistable, ids: Set[str]) -> None:
    """Have an object in memory own nothing with one of these IDs, as it does in the store."""
    owned = owner._owned()
    if owned is None or isinstance(owner, Unavailable):
        return
    places = [place for place, id_ in enumerate(_ids_in_memory(owned)) if id_ in ids]
    for place in reversed(places):
        owner._lose(place)
    saved = owner._saved
    if places and saved is not None and saved.children is not None:
        saved.children = [id_ for id_ in saved.children if id_ not in ids]


def _ids_in_memory(owned: Sequence[Any]) -> Sequence[str | None]:
    """Of what an object owns; none if the list of it was not looked at."""
    if isinstance(owned, Children):
        return owned.ids() if owned.loaded else ()
    return [each.persistent_id for each in owned]


def __getattr__(name: str) -> Any:
    if name != "register":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    place = "gc3libs.persistence"
    warnings.warn(
        f"{__name__}.{name} has moved: use {place}.{name}", DeprecationWarning, stacklevel=2
    )
    return getattr(import_module(place), name)
