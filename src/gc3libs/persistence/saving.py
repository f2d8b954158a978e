"""Objects into records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from gc3libs.exceptions import SaveError
from gc3libs.persistence.children import Children, Unavailable
from gc3libs.persistence.classes import check_class, check_state
from gc3libs.persistence.payload import pack
from gc3libs.persistence.persistable import Persistable, Saved
from gc3libs.persistence.record import Record, split_id
from gc3libs.persistence.serialization import Writer, refused_attributes
from gc3libs.persistence.trust import NotTrusted

if TYPE_CHECKING:
    from gc3libs.persistence.store import Store


def known_id(obj: Persistable) -> str:
    assert obj.persistent_id is not None
    return obj.persistent_id


def prefix_of(cls: type) -> str:
    name = cls.__name__
    return name if name.isascii() else name.encode("ascii", "replace").decode().replace("?", "_")


class Batch:
    """One write: the objects asked for and whatever they refer to that is new or changed."""

    def __init__(self, store: Store, session: str) -> None:
        self._store = store
        self._session = session
        self._writer = Writer(self._refer)
        self._queue: list[Persistable] = []
        self._seen: set[int] = set()
        self._references: dict[str, None] = {}
        self._before: list[tuple[Persistable, str | None, Saved | None]] = []
        self._now = store.clock.now()
        self.records: list[Record] = []
        self.blobs: dict[str, bytes] = {}
        self._payloads: list[bytes] = []
        self._plain: list[bool] = []
        self._relations: dict[int, tuple[list[str], list[Any]]] = {}
        self.found_new = False

    def collect(self, objects: Sequence[Persistable], position: int | None) -> None:
        """Turn objects into records."""
        new = sum(1 for each in objects if each.persistent_id is None)
        if new > 1:
            self._store._reserve_for(new)
        for each in objects:
            if id(each) not in self._seen:
                place = position if each._saved is None else None
                self._enlist(each, self._session, place)
                if place is not None and position is not None:
                    position += 1
        for each in self._queue:  # grows while references are met
            self.records.append(self._record_of(each))

    def _enlist(self, obj: Persistable, session: str, position: int | None) -> None:
        check_class(type(obj))
        self._seen.add(id(obj))
        self._queue.append(obj)
        self._before.append((obj, obj.persistent_id, obj._saved))
        saved = obj._saved
        if saved is None:
            belongs = session or obj._session_of_owner()
            obj._saved = Saved(self._store, 0, belongs, position, self._now)
        elif saved.store is not self._store:
            if not self._store.is_same(saved.store):
                reason = f"it belongs to another store, {saved.store.url}: make a new one"
                raise SaveError(known_id(obj), reason)
            obj._saved, obj._saved_members = replace(saved, store=self._store), None
        if self._store.home is not None:
            obj._set_home(self._store.home)
        if obj.persistent_id is None:
            obj.persistent_id = self._store._new_id(type(obj))
        else:
            split_id(obj.persistent_id)

    def _refer(self, obj: Persistable) -> str:
        if not isinstance(obj, Unavailable) and id(obj) not in self._seen:
            unsaved = obj._saved is None or obj._saved.store is not self._store
            if unsaved or obj.changed:
                self.found_new = True
                self._enlist(obj, self._session, None)
        id_ = known_id(obj)
        self._references[id_] = None
        return id_

    def _record_of(self, obj: Persistable) -> Record:
        saved = obj._saved
        assert saved is not None
        self._session = saved.session
        try:
            state = obj.__getstate__()
            check_state(type(obj), state)
        except (NotTrusted, TypeError) as err:
            raise SaveError(_describe(obj), str(err)) from err
        payload = self.payload(obj, state)
        self._payloads.append(payload)
        self._plain.append(is_plain(state))
        children, start = self._children(obj, saved)
        if obj._pending_blobs:
            self.blobs.update(
                (_blob_key(obj, name), data) for name, data in obj._pending_blobs.items()
            )
        return Record(
            summary=obj._summarize(),
            revision=saved.revision + 1,
            version=type(obj).schema_version,
            details=obj._details(),
            payload=payload,
            children=children,
            children_from=start,
            extra=self._store._extra_columns(obj),
        )

    def payload(self, obj: Persistable, state: Any) -> bytes:
        """The state as bytes, headed by the IDs that it refers to, if there are any."""
        self._references.clear()
        try:
            pickled = self._writer.bytes_of(state)
        except SaveError as err:
            reasons = [
                f"attribute {name!r}: {each}"
                for name, each in refused_attributes(state, self._refer)
            ]
            raise SaveError(_describe(obj), "; ".join(reasons) or str(err)) from err
        return pack(pickled, self._references) if self._references else pickled

    def _children(self, obj: Persistable, saved: Saved) -> tuple[Sequence[str] | None, int]:
        owned = obj._owned()
        if owned is None or (isinstance(owned, Children) and not owned.loaded):
            return None, 0
        entries = owned.entries() if isinstance(owned, Children) else list(owned)
        if entries == obj._saved_members and self._refer_to_changed(entries):
            return None, 0
        ids = [each if isinstance(each, str) else self._refer(each) for each in entries]
        known = saved.children
        if known is None and saved.revision > 0:
            known = self._store._read_children([known_id(obj)]).get(known_id(obj), [])
        start = _common_prefix(known or [], ids)
        self._relations[id(obj)] = ids, entries
        return (
            (None, 0)
            if known is not None and start == len(ids) == len(known)
            else (ids[start:], start)
        )

    def _refer_to_changed(self, members: Sequence[Any]) -> bool:
        """Enlist children that have changed, as fast as can be; false if one has another ID now."""
        changed = [each for each in members if type(each) is not str and each.changed]
        if any(each._saved is None for each in changed):
            return False
        for each in changed:
            self._refer(each)
        return True

    def differs(self, obj: Persistable) -> bool:
        """Whether the state of an object is not what it was when it was loaded or saved."""
        if isinstance(obj, Unavailable):
            return False
        assert obj._saved is not None
        self.found_new = False
        try:
            return self.payload(obj, obj.__getstate__()) != obj._saved.payload or self.found_new
        except SaveError:
            return True

    def settle(self) -> None:
        """Note on the objects that they are saved."""
        for obj, record, payload, plain in zip(
            self._queue, self.records, self._payloads, self._plain, strict=True
        ):
            saved = obj._saved
            assert saved is not None
            saved.revision = record.revision
            saved.payload = payload
            saved.plain = plain
            if id(obj) in self._relations:
                saved.children, obj._saved_members = self._relations[id(obj)]
            obj.changed = False
            obj._pending_blobs = None
            self._store._objects.put(record.id, obj)

    def undo(self) -> None:
        """Take back the IDs that were given."""
        for obj, id_, saved in self._before:
            obj.persistent_id, obj._saved = id_, saved


def _blob_key(obj: Persistable, name: str) -> str:
    return name if name.startswith("sha256/") else f"{obj.persistent_id}/{name}"


def _describe(obj: Persistable) -> str:
    name = vars(obj).get("jobname")
    return f"{type(obj).__qualname__} {name!r}" if name else type(obj).__qualname__


def is_plain(state: Any) -> bool:
    """Whether no change in place can happen to a state.

    A change of it goes through setting an attribute.
    """
    return type(state) is dict and _PLAIN.issuperset(map(type, state.values()))


_PLAIN = frozenset({str, int, float, bool, bytes, type(None)})


def _common_prefix(one: Sequence[str], other: Sequence[str]) -> int:
    if one == other[: len(one)]:
        return len(one)
    return next(at for at, (a, b) in enumerate(zip(one, [*other, None], strict=False)) if a != b)
