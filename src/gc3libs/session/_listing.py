"""Which tasks a session has: the index file, and what this process has not written to it yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from gc3libs.session._index import Index


class Listing:
    """IDs of the session's top-level tasks, in order.

    Attributes:
        index: The file.
        added: IDs added and not written yet.
        removed: IDs removed where that is not written yet.
    """

    def __init__(self, index: Index) -> None:
        self.index = index
        self.added: dict[str, None] = {}
        self.removed: set[str] = set()
        self._only: dict[str, None] | None = None

    @property
    def whole(self) -> bool:
        """It is exactly what the index file says."""
        return not self.added and not self.removed and self._only is None

    def restrict(self, ids: Iterable[str]) -> None:
        """See only these, whatever else the file lists."""
        self._only = dict.fromkeys(ids)
        self.index.refresh()
        self.added = {id_: None for id_ in self._only if id_ not in self.index}

    def __len__(self) -> int:
        if self._only is not None:
            return len(self._only)
        self.index.refresh()
        gone = sum(1 for id_ in self.removed if id_ in self.index)
        return len(self.index) - gone + sum(1 for id_ in self.added if id_ not in self.index)

    def __iter__(self) -> Iterator[str]:
        if self._only is not None:
            return iter(list(self._only))
        self.index.refresh()
        listed = iter(self.index)
        if self.removed:
            gone = frozenset(self.removed)
            listed = (id_ for id_ in listed if id_ not in gone)
        return chain(listed, [id_ for id_ in self.added if id_ not in self.index])

    def __contains__(self, id_: object) -> bool:
        if self._only is not None:
            return id_ in self._only
        if id_ in self.added:
            return True
        self.index.refresh()
        return id_ not in self.removed and id_ in self.index

    def following(self, id_: str, count: int) -> list[str]:
        """An ID of the session and its neighbours after it, at most `count` in all."""
        if self._only is not None or id_ in self.added:
            return [id_]
        return [each for each in self.index.following(id_, count) if each not in self.removed]

    def note_added(self, ids: Iterable[str], *, written: bool) -> None:
        """These are in the session from now on."""
        for id_ in ids:
            self.removed.discard(id_)
            if self._only is not None:
                self._only[id_] = None
            if written:
                self.added.pop(id_, None)
            else:
                self.added[id_] = None

    def note_removed(self, ids: Iterable[str], *, written: bool) -> None:
        """These are not in the session any more."""
        for id_ in ids:
            if self._only is not None:
                self._only.pop(id_, None)
            unwritten = id_ in self.added
            self.added.pop(id_, None)
            if written:
                self.removed.discard(id_)
            elif not unwritten:
                self.removed.add(id_)
