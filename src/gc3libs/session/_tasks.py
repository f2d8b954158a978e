"""`Session.tasks`: a session's tasks by ID, of which only a window is in memory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Generic, TypeVar, overload

from gc3libs.exceptions import InvalidValue, LoadError, ObjectNotFound
from gc3libs.persistence import Store
from gc3libs.session._listing import Listing
from gc3libs.session._mirror import chunks, is_id
from gc3libs.session._window import Window

logger = logging.getLogger(__name__)

T = TypeVar("T")

_BATCH = 250
_FIRST_BATCH = 16


class LikeList(Sequence[T], Generic[T]):
    """Can be indexed and extended like a list, and computes its items when they are looked at.

    Args:
        ids: In order.
        items: Gives the items of IDs, without those that it cannot give.
        item: Gives the item of one, or raises the reason why it cannot.
    """

    def __init__(
        self,
        ids: Iterable[str],
        items: Callable[[Iterable[str]], Iterator[T]],
        item: Callable[[str], T],
    ) -> None:
        self._ids = ids
        self._items = items
        self._item = item
        self._list: list[str] | None = None
        self._more: list[T] = []

    def extend(self, items: Iterable[T]) -> None:
        """Have more items at the end; the session is not touched."""
        self._more.extend(items)

    def _listed(self) -> list[str]:
        if self._list is None:
            self._list = list(self._ids)
        return self._list

    def __len__(self) -> int:
        return len(self._listed()) + len(self._more)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        ids = self._listed()
        if isinstance(index, slice):
            places = range(*index.indices(len(self)))
            found = list(self._items(ids[at] for at in places if at < len(ids)))
            more = [self._more[at - len(ids)] for at in places if at >= len(ids)]
            return found + more if places.step > 0 else more + found
        place = range(len(self))[index]
        if place >= len(ids):
            return self._more[place - len(ids)]
        return self._item(ids[place])

    def __iter__(self) -> Iterator[T]:
        return chain(self._items(self._listed()), self._more)

    def __repr__(self) -> str:
        return f"<{len(self)} of a session's>"


class Tasks(Mapping[str, Any]):
    """A session's top-level tasks by ID, loaded when they are looked at.

    Looking at one after the other loads their neighbours with them. A task that was changed stays
    in memory until it is saved; others do for a while. Iterating over `values()` or `items()`
    leaves out tasks that cannot be loaded, with a warning; looking at one raises its `LoadError`.
    """

    def __init__(self, store: Store, listing: Listing, window: Window, where: str) -> None:
        self._store = store
        self._listing = listing
        self._window = window
        self._where = where
        self._batch = _FIRST_BATCH
        self._expected = ""

    def __len__(self) -> int:
        return len(self._listing)

    def __iter__(self) -> Iterator[str]:
        return iter(self._listing)

    def __contains__(self, id_: object) -> bool:
        return id_ in self._listing

    def __getitem__(self, id_: str) -> Any:
        if id_ not in self._listing:
            raise KeyError(f"no task {id_!r} in {self._where}")
        found = self._store.in_memory(id_)
        return self._load_with_neighbours(id_) if found is None else found

    def _load_with_neighbours(self, id_: str) -> Any:
        """Twice as many as the last time, as long as the program goes from one to the next."""
        self._batch = min(2 * self._batch, _BATCH) if id_ == self._expected else _FIRST_BATCH
        ids = self._listing.following(id_, self._batch + 1)
        self._expected = ids[-1]
        errors: dict[str, LoadError] = {}
        found = self._store.load_many(filter(is_id, ids[: self._batch]), errors)
        self._window.keep(list(found.values()))
        if id_ in errors:
            raise errors[id_]
        if id_ not in found:
            raise LoadError(id_, self._where, "it is no ID")
        return found[id_]

    def keys(self) -> LikeList[str]:  # type: ignore[override]  # scripts index it
        """The IDs, in order."""
        return LikeList(self._listing, iter, str)

    def values(self) -> LikeList[Any]:  # type: ignore[override]
        """The tasks, in order."""
        return LikeList(self._listing, self.loaded, self.__getitem__)

    def items(self) -> LikeList[tuple[str, Any]]:  # type: ignore[override]
        """Pairs of ID and task, in order."""
        return LikeList(
            self._listing,
            lambda ids: ((task.persistent_id, task) for task in self.loaded(ids)),
            lambda id_: (id_, self[id_]),
        )

    def loaded(self, ids: Iterable[str]) -> Iterator[Any]:
        """Tasks by ID, a batch at a time; those that cannot be loaded are left out, logged."""
        for batch in chunks(ids, _BATCH):
            yield from self._load(batch)

    def _load(self, ids: list[str]) -> list[Any]:
        errors: dict[str, LoadError] = {}
        try:
            found = list(self._store.load_many(ids, errors).values())
        except InvalidValue:
            found = list(self._store.load_many(filter(is_id, ids), errors).values())
        self._window.keep(found)
        if len(found) < len(ids):
            self._log(ids, errors)
        return found

    def _log(self, ids: list[str], errors: dict[str, LoadError]) -> None:
        for id_ in ids:
            error = errors.get(id_)
            if isinstance(error, ObjectNotFound) and id_ not in self._listing:
                continue  # removed since the list was read
            if error is not None:
                logger.warning("%s: left out: %s", self._where, error)
            elif not is_id(id_):
                logger.warning("%s: left out: %r is no ID", self._where, id_)

    def __repr__(self) -> str:
        return f"<{len(self)} tasks of {self._where}>"
