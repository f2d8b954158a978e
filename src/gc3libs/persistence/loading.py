"""Records into objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gc3libs.exceptions import LoadError, ObjectNotFound, UntrustedObject
from gc3libs.persistence.children import Children, Unavailable, make_unavailable
from gc3libs.persistence.classes import class_of
from gc3libs.persistence.instances import apply_state
from gc3libs.persistence.payload import unpack
from gc3libs.persistence.persistable import Persistable, Saved
from gc3libs.persistence.record import Record
from gc3libs.persistence.saving import is_plain
from gc3libs.persistence.serialization import read
from gc3libs.persistence.trust import NotTrusted

if TYPE_CHECKING:
    from gc3libs.persistence.store import Store

_set = object.__setattr__


class Loading:
    """One load: the objects asked for and whatever they refer to.

    First an empty object is made of every record, then each gets its state, so that cycles work.
    References go on a work list, so that a long chain of them does not recurse.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._made: dict[str, Persistable] = {}
        self._classes: dict[str, type[Persistable]] = {}
        self._waiting: list[tuple[Persistable, Record, bytes]] = []
        self.errors: dict[str, LoadError] = {}

    def load(self, ids: Sequence[str]) -> dict[str, Any]:
        """The objects; `errors` has those that could not be loaded."""
        self._make(ids)
        for obj, record, pickled in self._waiting:
            self._fill(obj, record, pickled)
        made, errors = self._made, self.errors
        return {id_: made[id_] for id_ in ids if id_ not in errors}

    def _make(self, ids: Sequence[str]) -> None:
        wanted: Sequence[str] = ids
        while wanted:
            missing = [id_ for id_ in wanted if not self._is_known(id_)]
            records = self._store._read(missing) if missing else {}
            referred: dict[str, None] = {}
            for id_ in missing:
                references = self._make_one(id_, records.get(id_))
                if references:
                    referred.update(dict.fromkeys(references))
            wanted = list(referred)

    def _is_known(self, id_: str) -> bool:
        if id_ in self._made or id_ in self.errors:
            return True
        obj = self._store._objects.get(id_)
        if obj is None:
            return False
        self._made[id_] = obj  # hold it until this load is done
        return True

    def _make_one(self, id_: str, record: Record | LoadError | None) -> Sequence[str]:
        """Make an empty object; gives the IDs that its state refers to."""
        store = self._store
        if type(record) is not Record:
            self.errors[id_] = record or ObjectNotFound(id_, store.url)  # type: ignore[assignment]
            return ()
        summary, payload = record.summary, record.payload
        try:
            cls = self._classes.get(summary.cls) or self._find_class(summary.cls)
            obj = cls.__new__(cls)
            references, pickled = unpack(payload)
        except NotTrusted as err:
            self.errors[id_] = UntrustedObject(id_, store.url, str(err))
            return ()
        except Exception as err:  # noqa: BLE001  # whatever a class's own __new__ raises
            self.errors[id_] = LoadError(id_, store.url, f"{type(err).__name__}: {err}")
            return ()
        _set(obj, "persistent_id", id_)
        position, created = summary.position, summary.created
        saved = Saved(store, record.revision, summary.session, position, created, payload)
        _set(obj, "_saved", saved)
        self._made[id_] = obj
        store._objects.put(id_, obj)
        self._waiting.append((obj, record, pickled))
        return references

    def _find_class(self, name: str) -> type[Persistable]:
        cls = self._classes[name] = class_of(name)
        return cls

    def _fill(self, obj: Persistable, record: Record, pickled: bytes) -> None:
        try:
            fill(obj, record, read(pickled, self._resolve))
        except NotTrusted as err:
            self._give_up(obj, UntrustedObject(record.id, self._store.url, str(err)))
        except _NewerState as err:
            self._give_up(obj, LoadError(record.id, self._store.url, str(err)))
        except Exception as err:  # noqa: BLE001  # damage, or what a class's own __setstate__ raises
            error = LoadError(record.id, self._store.url, f"{type(err).__name__}: {err}")
            error.__cause__ = err
            self._give_up(obj, error)
        else:
            if type(obj)._owned is not Persistable._owned:
                obj._set_owned(Children(self._store, record.id))
            _set(obj, "changed", False)

    def _give_up(self, obj: Persistable, error: LoadError) -> None:
        self.errors[error.id] = error
        self._store._objects.pop(error.id)
        self._made.pop(error.id, None)
        make_unavailable(obj, error)

    def _resolve(self, id_: str) -> Persistable:
        obj = self._made.get(id_)
        if obj is not None:
            return obj
        error = self.errors.get(id_) or ObjectNotFound(id_, self._store.url)
        return Unavailable(id_, error)


class _NewerState(Exception):
    """A later version of the class has saved the state."""


def fill(obj: Persistable, record: Record, state: Any) -> None:
    """Give an empty object its state, as pickle would; then what the record says without it."""
    cls = type(obj)
    if record.version != cls.schema_version:
        state = _upgraded(cls, state, record.version)
    obj._saved.plain = is_plain(state)  # type: ignore[union-attr]
    setstate = getattr(cls, "__setstate__", None)
    if setstate is None:
        apply_state(obj, state)
    else:
        setstate(obj, state)
    obj._restore(record.summary, record.details)


def _upgraded(cls: type[Persistable], state: Any, version: int) -> Any:
    if version > cls.schema_version:
        raise _NewerState(
            f"it was saved by version {version} of {cls.__qualname__}, and this is version"
            f" {cls.schema_version}"
        )
    return cls.upgrade_state(state, version)
