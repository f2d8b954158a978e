"""What an object owns, loaded when it is looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableSequence
from typing import TYPE_CHECKING, Any, overload

from gc3libs.exceptions import LoadError
from gc3libs.persistence.persistable import Persistable

if TYPE_CHECKING:
    from gc3libs.persistence.store import Store

BATCH = 256
"""How many neighbours are loaded with an item that is looked at."""


class Unavailable(Persistable):
    """Stands for an object that cannot be loaded; using it raises the `LoadError` that says why.

    It has its ID, can be compared by it, and is saved as the reference that it was loaded as.
    """

    __slots__ = ()

    def __init__(self, id_: str, error: LoadError) -> None:
        self.persistent_id = id_
        _mark(self, error)

    def __getattribute__(self, name: str) -> Any:
        if name in _USABLE or name.startswith("__"):
            return object.__getattribute__(self, name)
        raise why_unavailable(self)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in _USABLE:
            raise why_unavailable(self)
        object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return f"<unavailable {self.persistent_id}: {why_unavailable(self).reason}>"

    def __str__(self) -> str:
        return str(self.persistent_id)


_USABLE = frozenset({"changed", "persistent_id", "_saved"})
_WHY = "_unavailable"


def why_unavailable(obj: Unavailable) -> LoadError:
    """Why an object cannot be used."""
    error: LoadError = object.__getattribute__(obj, "__dict__")[_WHY]
    return error


def _mark(obj: Persistable, error: LoadError) -> None:
    object.__setattr__(obj, "changed", False)
    attributes = object.__getattribute__(obj, "__dict__")
    attributes.clear()
    attributes[_WHY] = error


def make_unavailable(obj: Persistable, error: LoadError) -> None:
    """Turn an object, of which others have hold already, into one that raises `error` when used."""
    cls = type(obj)
    obj.__class__ = type(
        "Unavailable", (Unavailable, cls), {"__slots__": (), "__module__": __name__}
    )
    _mark(obj, error)


class Children(MutableSequence[Persistable]):
    """A list of owned objects of which only those that were looked at are in memory.

    Looking at one loads its neighbours with it. One that cannot be loaded is an object that raises
    its `LoadError` when it is used; the others are not affected.
    """

    def __init__(self, store: Store, owner: str) -> None:
        self._store = store
        self._owner = owner
        self._items: list[Persistable | str] | None = None

    @property
    def loaded(self) -> bool:
        """Whether the list of IDs is in memory."""
        return self._items is not None

    def _entries(self) -> list[Persistable | str]:
        if self._items is None:
            self._items = list(self._store.children(self._owner))
        return self._items

    def ids(self) -> list[str | None]:
        """The items' IDs; None for one that was never saved. Loads no item."""
        return [each if isinstance(each, str) else each.persistent_id for each in self._entries()]

    def in_memory(self) -> Iterator[Persistable]:
        """The items that were looked at or added, in order."""
        return (each for each in self._items or () if not isinstance(each, str))

    def entries(self) -> list[Persistable | str]:
        """The items in memory, and the IDs of the others."""
        return list(self._entries())

    def __len__(self) -> int:
        return len(self._entries())

    @overload
    def __getitem__(self, index: int) -> Persistable: ...
    @overload
    def __getitem__(self, index: slice) -> list[Persistable]: ...
    def __getitem__(self, index: int | slice) -> Persistable | list[Persistable]:
        entries = self._entries()
        if isinstance(index, slice):
            places = range(*index.indices(len(entries)))
            return self._load(list(places))
        place = range(len(entries))[index]
        entry = entries[place]
        if isinstance(entry, str):
            self._load(list(range(place, min(place + BATCH, len(entries)))))
            entry = entries[place]
        assert isinstance(entry, Persistable)
        return entry

    def _load(self, places: list[int]) -> list[Persistable]:
        entries = self._entries()
        wanted = [entry for at in places if isinstance(entry := entries[at], str)]
        if wanted:
            found = self._store.load_available(wanted)
            for at in places:
                entry = entries[at]
                if isinstance(entry, str):
                    entries[at] = found[entry]
        return [entry for at in places if isinstance(entry := entries[at], Persistable)]

    @overload
    def __setitem__(self, index: int, value: Persistable) -> None: ...
    @overload
    def __setitem__(self, index: slice, value: Iterable[Persistable]) -> None: ...
    def __setitem__(self, index: int | slice, value: Any) -> None:
        self._entries()[index] = value

    def __delitem__(self, index: int | slice) -> None:
        del self._entries()[index]

    def insert(self, index: int, value: Persistable) -> None:
        self._entries().insert(index, value)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Children):
            return self.ids() == other.ids()
        if isinstance(other, list):
            return len(self) == len(other) and all(
                a is b or a == b for a, b in zip(self, other, strict=True)
            )
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return (
            f"[{', '.join(str(each) for each in self.ids())}]"
            if self.loaded
            else f"<children of {self._owner}>"
        )
